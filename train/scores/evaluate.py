"""All scores of a weights folder: on labelled images, and of its own out-of-fold predictions.

Begin at `evaluate` (labelled images of HAM10000, ISIC 2018, ISIC 2019 or the ISIC Archive) and
`measure_weights` (for docs/results.md). `out_of_fold_scores` makes the scores that the weights
themselves hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
from tqdm import tqdm

from skin_app.ensemble import Ensemble
from skin_app.gallery.patient_table import patient_groups
from skin_app.outcome import Decision, Outcome
from skin_app.photo.read import PhotoError, read_photo
from skin_app.views import VIEWS
from skin_app.weights.evaluation import confusions
from skin_app.weights.folder import WeightsFolder, open_weights
from train.data.ham10000 import TEXT, DataError, Dataset
from train.recipes.recipe import Bias
from train.scores.differences import Compared, compare_by_rule, sides
from train.scores.evidence import Evidence
from train.scores.intervals import Estimate, plain
from train.scores.lesion_parts import CALIBRATED_ON
from train.scores.metrics import RULES, Scores, scores_by_rule, shown_scores
from train.scores.strata import PATIENT_AXES, Stratum, strata

CHUNK = 4
CONFUSED = 6


@dataclass(frozen=True)
class ScoresOnImages:
    """Scores of a weights folder on labelled images. `rules`: decision rule -> its scores.

    `warning`: empty unless the weights were trained on some of the images. `outcomes`: "diagnosis" or
    "age" -> code or age band -> outcome -> number of images; empty for weights without limits.
    `refused`: the same of the refused images alone, by the outcome that they would have otherwise.
    """

    weights: str
    weights_hash: str
    views: int
    images: int
    lesions: int
    data_fingerprint: str
    images_also_in_the_training_data: int
    warning: str
    rules: dict[str, Scores]
    outcomes: dict[str, dict[str, dict[Outcome, int]]]
    refused: dict[str, dict[str, dict[Outcome, int]]]


@dataclass(frozen=True)
class ShippedMembers:
    """The members of one run in the weights. `kept_epochs`: fold -> epoch kept, and epochs run."""

    members: int
    backbone: str
    size: int
    view_sizes: tuple[int, ...]
    start_weights: str
    kept_epochs: dict[int, tuple[int, int]]


@dataclass(frozen=True)
class Confused:
    """Images of class `true` predicted as `called`; `share`: of all images of class `true`."""

    true: str
    called: str
    images: int
    share: float


@dataclass(frozen=True)
class WeightsNumbers:
    """How the shipped weights were trained, and the scores of their out-of-fold predictions.

    `scores`: number of views -> the scores shown; `by_rule`: all scores from the largest number of
    views; `confused`: the most frequent errors; `gain_of_views`: the largest number of views minus one
    view.
    """

    name: str
    recipe: str
    runs: tuple[ShippedMembers, ...]
    seed: int
    data_fingerprint: str
    folds: tuple[int, ...]
    of_folds: int
    images: int
    lesions: int
    bias: Bias
    scores: dict[int, dict[str, Estimate]]
    by_rule: dict[str, Scores]
    confused: tuple[Confused, ...]
    gain_of_views: Compared
    strata: tuple[Stratum, ...]


def evaluate(ensemble: Ensemble, data: Dataset, views: int = VIEWS) -> ScoresOnImages:
    """Scores of the full ensemble on every image of `data`.

    Warns if the weights were trained on some of the images, because scores on those prove nothing.
    Raises `DataError` when an image cannot be decoded.
    """
    by_rule, decisions = _predict(ensemble, data, views)
    refused = [own is not None and own.outcome == "not dermatoscopic" for own in decisions]
    overlap = trained_on(ensemble.weights, data)
    return ScoresOnImages(
        weights=ensemble.weights.identity,
        weights_hash=ensemble.weights.hash,
        views=views,
        images=len(data.table),
        lesions=len(np.unique(data.groups)),
        data_fingerprint=data.fingerprint,
        images_also_in_the_training_data=overlap,
        warning=(
            f"{overlap} of {len(data.table)} images are in the data that these weights were trained "
            "on: these scores say little about new patients."
            if overlap
            else ""
        ),
        rules=scores_by_rule(by_rule, data.labels, data.groups),
        outcomes=counted_outcomes(data.table, [own and own.outcome for own in decisions]),
        refused=counted_outcomes(
            data.table.loc[refused],
            [own and own.without_refusal for own in compress(decisions, refused)],
        ),
    )


def trained_on(weights: WeightsFolder, data: Dataset) -> int:
    """How many images of `data` are in the data that `weights` were trained on."""
    gallery = pd.read_csv(weights.folder / "gallery.csv", dtype=TEXT)
    return int(data.table["image_id"].isin(gallery["image_id"]).sum())


def _predict(
    ensemble: Ensemble, data: Dataset, views: int
) -> tuple[dict[str, np.ndarray], list[Decision | None]]:
    """Decision rule -> (images, 7) probabilities; and the decision on each image."""
    predicted: list[tuple[np.ndarray, np.ndarray]] = []
    decisions: list[Decision | None] = []
    paths = data.table["path"].tolist()
    for start in tqdm(range(0, len(paths), CHUNK), "evaluate", mininterval=5):
        try:
            photos = [read_photo(path) for path in paths[start : start + CHUNK]]
        except PhotoError as error:
            names = ", ".join(Path(path).name for path in paths[start : start + CHUNK])
            raise DataError(f"One of {names} cannot be used: {error}") from error
        for analysis in ensemble.analyse_all(photos, views, with_maps=False):
            predicted.append((analysis.probabilities, analysis.prior_adjusted))
            decisions.append(analysis.assessment and analysis.assessment.decision)
    return dict(zip(RULES, np.array(predicted).swapaxes(0, 1), strict=True)), decisions


def counted_outcomes(
    table: pd.DataFrame, outcomes: Sequence[Outcome | None]
) -> dict[str, dict[str, dict[Outcome, int]]]:
    """How often each outcome was given, by diagnosis and by age band: see `ScoresOnImages`.

    `table`: one row per image, with the columns dx and age (years). Refused images have the outcome
    "not dermatoscopic".
    """
    given = np.array(outcomes)
    if None in outcomes:
        return {}
    return {
        axis: {
            group: {outcome: int((given[rows] == outcome).sum()) for outcome in get_args(Outcome)}
            for group, rows in patient_groups(table, column)
        }
        for axis, column in (("diagnosis", "dx"), ("age", "age"))
    }


def measure_weights(folder: Path, evidence: Evidence) -> WeightsNumbers:
    """The numbers of a weights folder. `evidence`: its `weights_evidence`."""
    contract = open_weights(folder).contract
    training = contract.training
    scored = {views: evidence.scores(views) for views in (1, evidence.views)}
    counts = np.array(scored[evidence.views]["calibrated"].confusion_matrix.counts)
    return WeightsNumbers(
        name=contract.name,
        recipe=training.recipe["name"],
        runs=tuple(
            ShippedMembers(
                len(run.shipped),
                run.recipe["member"]["architecture"],
                run.recipe["member"]["size"],
                tuple(run.recipe["member"].get("view_sizes", ())),
                run.start_weights,
                dict(run.kept_epochs),
            )
            for run in contract.trainings
        ),
        seed=training.seed,
        data_fingerprint=training.data_fingerprint,
        folds=evidence.fold_numbers,
        of_folds=training.recipe["folds"],
        images=len(evidence.labels),
        lesions=len(np.unique(evidence.lesions)),
        bias=evidence.bias,
        scores={views: shown_scores(scores) for views, scores in scored.items()},
        by_rule=scored[evidence.views],
        confused=tuple(
            Confused(pair.true.code, pair.called.code, pair.images, pair.share)
            for pair in confusions(counts)[:CONFUSED]
        ),
        gain_of_views=compare_by_rule(
            "all views", "one view", sides(evidence), sides(evidence, views=1)
        ),
        strata=strata(evidence.table, evidence.calibrated(), evidence.labels),
    )


def out_of_fold_scores(evidence: Evidence, runs: int = 1) -> dict[str, Any]:
    """The scores block of a weights folder: which members predicted the images, all scores as JSON.

    Its "patients" are the calibrated scores by sex and age, from the largest number of views. `runs`:
    how many members, each of another run, answered an image on average.
    """
    split = "lesion-grouped, stratified, out of fold"
    answered = "one member an image: the one that was not trained on its lesion"
    if runs > 1:
        answered = f"{runs} members an image, averaged: those that were not trained on its lesion"
    if evidence.settings["recipe"].get("split") == "image":  # leaks: for comparison only
        split = "by image (an image's lesion may have been trained on), stratified, out of fold"
        answered = answered.replace("its lesion", "this image")
    about = {
        "split": split,
        "predicted_by": answered,
        "folds": list(evidence.fold_numbers),
        "images": len(evidence.labels),
        "lesions": len(np.unique(evidence.lesions)),
        "calibration_of": CALIBRATED_ON,
    }
    by_views = {f"views_{views}": evidence.scores(views) for views in sorted(evidence.logits)}
    of_patients = strata(evidence.table, evidence.calibrated(), evidence.labels, PATIENT_AXES)
    return about | plain(by_views) | {"patients": plain(of_patients)}
