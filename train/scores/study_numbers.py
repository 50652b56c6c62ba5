"""Measures a study from its evidence: how each setting was trained, scores, paired differences.

Begin at `read_study` and `measure_study`. `train/study.py` runs a study and keeps its evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skin_app.diagnoses import CODES
from train.data.ham10000 import DataError
from train.engine.run import start_name
from train.recipes.changes import changed_fields
from train.recipes.recipe import Bias
from train.scores.differences import Compared, compare_settings
from train.scores.evidence import Evidence, read_evidence, read_json
from train.scores.intervals import Estimate
from train.scores.metrics import shown_scores
from train.scores.siblings import SiblingNumbers, measure_siblings

Changes = dict[str, tuple[Any, Any]]  # field of a recipe -> value before, value now


@dataclass(frozen=True)
class Epochs:
    """One training stage: the epochs each fold ran, and the epoch kept (from 1; None: the last)."""

    stage: str
    ran: tuple[int, ...]
    kept: tuple[int | None, ...]


@dataclass(frozen=True)
class SettingNumbers:
    """How one setting of a study was trained, and its scores from the largest number of views.

    `changed`: field of the recipe -> its value in the reference setting, and its value here.
    `as_published`: the recipe is unchanged.
    """

    name: str
    recipe: str
    changed: Changes
    as_published: bool
    backbone: str
    size: int
    start_weights: str
    folds: tuple[int, ...]
    of_folds: int
    images: int
    lesions: int
    epochs: tuple[Epochs, ...]
    minutes: float
    hardware: tuple[str, ...]
    seed: int
    scores: dict[str, Estimate]
    published: dict[str, float]


@dataclass(frozen=True)
class AverageNumbers:
    """The average of all settings, and its difference from each of them."""

    scores: dict[str, Estimate]
    compared: tuple[Compared, ...]


@dataclass(frozen=True)
class StudyNumbers:
    """All measurements of one study.

    `changed`: field of the recipe -> its value as published, and in the baseline. `compared`: each
    setting minus its reference; `to_baseline`: each setting minus the baseline, if that is not its
    reference; `untouched`: differences on `untouched_folds` alone, which played no part in choosing the
    settings.
    """

    study: str
    title: str
    notes: tuple[str, ...]
    command: str
    baseline: str
    bias: Bias
    not_run: tuple[str, ...]
    changed: Changes
    settings: tuple[SettingNumbers, ...]
    compared: tuple[Compared, ...]
    to_baseline: tuple[Compared, ...]
    untouched_folds: tuple[int, ...]
    untouched: tuple[Compared, ...]
    average: AverageNumbers | None
    siblings: tuple[SiblingNumbers, ...]


def read_study(folder: Path) -> tuple[dict[str, Any], dict[str, Evidence]]:
    """`<evidence>/<study>/study.json`, and the evidence of each setting that was run.

    Raises `DataError` if there is no such setting.
    """
    about = read_json(folder / "study.json")
    ran = [name for name in about["settings"] if (folder / name / "run.json").is_file()]
    if not ran:
        raise DataError(f"No setting of {folder} was kept: export a run into it first.")
    bias = about.get("bias", "none")
    settings = [replace(read_evidence(folder / name), bias=bias) for name in ran]
    return about, at_common_views(settings)


def at_common_views(settings: Sequence[Evidence]) -> dict[str, Evidence]:
    """Setting -> its predictions from the largest number of views that all settings have.

    Raises `DataError` when no number of views is common to all.
    """
    views = set.intersection(*(set(evidence.logits) for evidence in settings))
    if not views:
        names = ", ".join(evidence.setting for evidence in settings)
        raise DataError(f"The settings {names} have no number of views in common: predict them anew.")
    return {e.setting: replace(e, logits={max(views): e.logits[max(views)]}) for e in settings}


def measure_study(about: dict[str, Any], settings: dict[str, Evidence]) -> StudyNumbers:
    """All measurements of a study: how its settings were trained, their scores and differences.

    `about`, `settings`: as `read_study` gives them.
    """
    baseline = about["baseline"]
    changes = {name: _changed(evidence) for name, evidence in settings.items()}
    against = {name: other for name, other in about.get("against", {}).items() if other in settings}
    references = {
        name: against.get(name, baseline)
        for name in settings
        if baseline in settings and name != against.get(name, baseline)
    }
    by_image = [e for e in settings.values() if e.settings["recipe"]["split"] == "image"]
    untouched_folds = tuple(about.get("untouched", ()))
    return StudyNumbers(
        study=about["study"],
        title=about["title"],
        notes=tuple(about["notes"]),
        command=about.get("command", ""),
        baseline=baseline,
        bias=about.get("bias", "none"),
        not_run=tuple(name for name in about["settings"] if name not in settings),
        changed=changes.get(baseline, {}),
        settings=tuple(
            _setting(
                evidence,
                changes[name],
                changes.get(references.get(name, baseline), {}),
                about["published"].get(name, {}),
            )
            for name, evidence in settings.items()
        ),
        compared=tuple(
            compare_settings(settings[name], settings[other]) for name, other in references.items()
        ),
        to_baseline=tuple(
            compare_settings(settings[name], settings[baseline])
            for name, other in references.items()
            if baseline not in (name, other)
        ),
        untouched_folds=untouched_folds,
        untouched=_on_folds(untouched_folds, settings, references),
        average=_average(settings) if about.get("ensemble") and len(settings) > 1 else None,
        siblings=tuple(measure_siblings(evidence) for evidence in by_image),
    )


def _setting(
    evidence: Evidence, changed: Changes, of_reference: Changes, published: dict[str, float]
) -> SettingNumbers:
    """`changed`, `of_reference`: the fields that the setting and its reference change in the recipe."""
    settings, recipe = evidence.settings, evidence.settings["recipe"]
    histories = list(evidence.histories.values())
    pairs = {
        field: (_value(of_reference, changed, field), _value(changed, of_reference, field))
        for field in {**of_reference, **changed}
    }
    return SettingNumbers(
        name=evidence.setting,
        recipe=recipe["name"],
        changed={field: (before, now) for field, (before, now) in pairs.items() if before != now},
        as_published=not changed,
        backbone=recipe["member"]["architecture"],
        size=recipe["member"]["size"],
        start_weights=start_name(settings),
        folds=evidence.fold_numbers,
        of_folds=recipe["folds"],
        images=len(evidence.labels),
        lesions=len(np.unique(evidence.lesions)),
        epochs=tuple(
            Epochs(
                stages[0]["name"],
                tuple(len(stage["epochs"]) for stage in stages),
                tuple(None if stage["kept"] is None else stage["kept"] + 1 for stage in stages),
            )
            for stages in zip(*(history["stages"] for history in histories), strict=True)
        ),
        minutes=sum(history["minutes"] for history in histories),
        hardware=tuple(sorted({history["hardware"] for history in histories})),
        seed=settings["seed"],
        scores=shown_scores(evidence.scores()),
        published=published,
    )


def _value(own: Changes, other: Changes, field: str) -> Any:
    """The value of `field` under `own`, which may leave it unchanged if `other` changes it."""
    return own[field][1] if field in own else other[field][0]


def _changed(evidence: Evidence) -> Changes:
    try:
        return changed_fields(evidence.settings["recipe"])
    except KeyError as error:
        raise DataError(f"{evidence.folder} was run with the recipe {error}: there is none.") from error


def _on_folds(
    folds: tuple[int, ...], settings: dict[str, Evidence], references: dict[str, str]
) -> tuple[Compared, ...]:
    """`compare_settings` on `folds` alone, for settings that were run on these and on other folds."""
    inside = {name: np.isin(evidence.folds, folds) for name, evidence in settings.items()}
    parts = {
        name: settings[name].only(np.flatnonzero(rows)) for name, rows in inside.items() if rows.any()
    }
    return tuple(
        compare_settings(parts[name], parts[other])
        for name, other in references.items()
        if name in parts and other in parts and not inside[name].all()
    )


def _average(settings: dict[str, Evidence]) -> AverageNumbers:
    average = ensemble_of(list(settings.values()))
    compared = tuple(compare_settings(average, evidence) for evidence in settings.values())
    return AverageNumbers(shown_scores(average.scores()), compared)


def ensemble_of(members: Sequence[Evidence]) -> Evidence:
    """The mean logits of several settings, on the images that all of them predicted.

    The prior shift of each setting is subtracted first, so the average has none. Raises `DataError`
    when the settings share no image or no number of views.
    """
    ids = [pd.Index(member.table["image_id"]) for member in members]
    shared = ids[0][np.logical_and.reduce([ids[0].isin(own) for own in ids])]
    views = set.intersection(*(set(member.logits) for member in members))
    if not len(shared) or not views:
        names = ", ".join(member.setting for member in members)
        raise DataError(f"The settings {names} have no prediction in common: take one of them out.")
    parts = [member.only(own.get_indexer(shared)) for member, own in zip(members, ids, strict=True)]
    return replace(
        parts[0],
        folder=members[0].folder.parent,
        setting="average",
        settings={"average_of": [member.setting for member in members]},
        histories={},
        logits={
            count: np.mean([part.logits[count] - part.shift for part in parts], axis=0)
            for count in sorted(views)
        },
        shift=np.zeros(len(CODES)),
    )
