"""Fits the limits of photo quality, and measures detections and false alarms.

Limits are quantiles over HAM10000. No network takes part, so all images can be used. False alarms, and
detections on damaged images, are counted on other lesions than the limits were fitted on.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from skin_app.photo.read import read_photo
from skin_app.quality import CHECKS, NAMES, QualityLimits, judged, measurements
from train.audit.changed_photos import Change, read_changed
from train.audit.out_of_fold import OutOfFold
from train.data.damage import DAMAGE, GRADES, damage_photo
from train.data.ham10000 import Dataset
from train.scores.intervals import Estimate, mean_estimate
from train.scores.lesion_parts import held_out, stratified_parts

RATE = 0.005  # per limit; with a dozen limits, about 5 % of good photos have a finding
IMAGES = 200  # damaged in every way to measure detection
SCORED, SCORED_GRADES = 105, (1, 3, 5)  # of these, also answered by a network


@dataclass(frozen=True)
class Detection:
    """`found`: damage -> grade -> finding (and "any") -> share of the `images` damaged, which had no
    finding before."""

    images: int
    found: dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class DamagedAnswers:
    """Prior-adjusted balanced accuracy, and its `change`: damage -> grade -> paired difference."""

    images: int
    undamaged: Estimate
    change: dict[str, dict[str, Estimate]]


@dataclass(frozen=True)
class QualityMeasured:
    """`checks`: finding, measurement and side of each limit; `false_alarms`: by finding, and "any"."""

    checks: list[tuple[str, str, str]]
    limits: dict[str, Any]
    images: int
    without_lesion: float
    false_alarms: dict[str, Estimate]
    detection: Detection
    answers: DamagedAnswers


def measured_images(unseen: OutOfFold, data: Dataset) -> pd.DataFrame:
    """The measurements of every image of `data`, with image_id, label and lesion.

    They take minutes, so they are stored in the work folder.
    """

    def measured() -> dict[str, Any]:
        rows = [measurements(read_photo(image)) for image in data.table["path"]]
        return pd.DataFrame(rows).to_dict("list")

    names = data.table["image_id"].to_numpy()
    table = pd.DataFrame(unseen.kept("photo-quality", measured))
    return table.assign(image_id=names, label=data.labels, lesion=data.groups)


def fit_quality(measured: pd.DataFrame, input_size: int) -> QualityLimits:
    """Limits that give about `RATE` of the images each finding, and the rates on other lesions.

    `measured`: from `measured_images`. All images of HAM10000 have one size, so the size limit is not a
    quantile but `input_size`, the side in pixels of the networks' input.
    """
    alarms = crossfit_alarms(measured, input_size, RATE)
    return _limits(measured, input_size, RATE).model_copy(
        update={
            "measured_false_alarms": {name: float(found.mean()) for name, found in alarms.items()},
            "fitted_on": f"{len(measured)} HAM10000 images of {measured['lesion'].nunique()} lesions; "
            "false alarms counted on lesions that the limits were not fitted on (5 parts)",
        }
    )


def crossfit_alarms(measured: pd.DataFrame, input_size: int, rate: float) -> dict[str, np.ndarray]:
    """(images,) bool by finding, and for "any": found with limits fitted on other lesions."""
    alarms = {name: np.zeros(len(measured), dtype=bool) for name in (*NAMES, "any")}
    parts = stratified_parts(measured["label"].to_numpy(), measured["lesion"].to_numpy())
    values = measured.to_dict("records")
    for fit, apply in held_out(parts):
        limits = _limits(measured.loc[fit], input_size, rate)
        for row in np.flatnonzero(apply):
            for name in _findings(values[row], limits):
                alarms[name][row] = True
    return alarms


def _limits(measured: pd.DataFrame, input_size: int, rate: float) -> QualityLimits:
    share = {"low": rate, "high": 1 - rate}
    limits: dict[str, dict[str, float]] = {"low": {}, "high": {}}
    for check in CHECKS:
        values = measured[check.measurement].dropna()
        limits[check.side][check.measurement] = float(values.quantile(share[check.side]))
    limits["low"]["shorter side"] = float(input_size)
    return QualityLimits(**limits, false_alarm_rate=rate, measured_false_alarms={}, fitted_on="")


def _findings(values: dict[str, float], limits: QualityLimits) -> set[str]:
    """Names of the findings, and "any" if there is at least one."""
    found = {finding.name for finding in judged(values, limits)}
    return found | {"any"} if found else found


def measure(
    unseen: OutOfFold, data: Dataset, images: int = IMAGES, scored: int = SCORED
) -> QualityMeasured:
    """False alarms by finding, detections on damaged images, and the effect of damage on answers.

    `data`: all of HAM10000, the same as for `unseen`. `images`: number of images to damage; `scored`:
    how many of them a network also answers.
    """
    measured = measured_images(unseen, data)
    limits = fit_quality(measured, unseen.input_size)
    lesions = measured["lesion"].to_numpy()
    alarms = crossfit_alarms(measured, unseen.input_size, RATE)
    return QualityMeasured(
        checks=[(check.name, check.measurement, check.side) for check in CHECKS],
        limits=limits.model_dump(),
        images=len(measured),
        without_lesion=float(measured["lesion share"].isna().mean()),
        false_alarms={name: mean_estimate(of, lesions) for name, of in alarms.items()},
        detection=detection(unseen, unseen.sample(images), measured),
        answers=damaged_answers(unseen, unseen.sample(scored)),
    )


def detection(unseen: OutOfFold, rows: np.ndarray, measured: pd.DataFrame) -> Detection:
    """Damages the images of `rows` that have no finding; limits are fitted on other lesions."""
    ids = unseen.table["image_id"].to_numpy()[rows]
    ours = measured["lesion"].isin(measured["lesion"][measured["image_id"].isin(ids)])
    limits = _limits(measured.loc[~ours], unseen.input_size, RATE)
    values = measured.set_index("image_id")
    clean = [r for r, name in zip(rows, ids, strict=True) if not _findings(values.loc[name], limits)]

    def found() -> dict[str, Any]:
        photos = [unseen.photo(row) for row in clean]
        return {
            damage: {
                str(grade): _shares_found(
                    [
                        _findings(measurements(damage_photo(photo, damage, grade, int(row))), limits)
                        for row, photo in zip(clean, photos, strict=True)
                    ]
                )
                for grade in GRADES
            }
            for damage in DAMAGE
        }

    return Detection(len(clean), unseen.kept(f"quality-detection-{len(rows)}", found))


def _shares_found(findings: list[set[str]]) -> dict[str, float]:
    return {name: sum(name in own for own in findings) / len(findings) for name in (*NAMES, "any")}


def damaged_answers(unseen: OutOfFold, rows: np.ndarray) -> DamagedAnswers:
    """Balanced accuracy (prior-adjusted, 1 view) of undamaged images, and its change with damage."""
    changes: dict[str, Change] = {
        f"{damage} {grade}": lambda photo, row, damage=damage, grade=grade: damage_photo(
            photo, damage, grade, row
        )
        for damage in DAMAGE
        for grade in SCORED_GRADES
    }
    answers = read_changed(unseen, "quality-answers", rows, changes)
    return DamagedAnswers(
        images=len(rows),
        undamaged=answers.balanced_accuracy(),
        change={
            damage: {str(grade): answers.balanced_gain(f"{damage} {grade}") for grade in SCORED_GRADES}
            for damage in DAMAGE
        },
    )
