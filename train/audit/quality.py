"""Fit the limits of photo quality, and measure how often they find something, rightly or not.

Limits are quantiles over HAM10000: no network answers, so every image counts. False alarms are counted
on other lesions than the limits were fitted on, and so is what is found on damaged images.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skin_app.output import replace_file
from skin_app.photo.read import Photo, read_photo
from skin_app.quality import CHECKS, KINDS, QualityLimits, judged, measurements
from train.audit.bench import Bench, code_version, measured_mean
from train.data.damage import DAMAGE, GRADES, damaged
from train.data.ham10000 import Dataset
from train.documents.quality import render
from train.scores.crossfit import stratified_parts
from train.scores.metrics import lesion_draws, percentiles_95

__all__ = ["fit_quality", "measure", "measured_images", "render"]

RATE = 0.005  # of each limit; there are a dozen, so about 5 % of good photos have a finding
IMAGES = 200  # damaged in every way to see what is found
SCORED, SCORED_GRADES = 105, (1, 3, 5)  # of these, answered by a network too


def measured_images(data: Dataset, work: Path) -> pd.DataFrame:
    """The measurements of every image of `data`, with image_id, label and lesion.

    They are kept in `work` for the same images and the same code, which takes some minutes.
    """
    path = work / f"quality-{data.fingerprint[:12]}-{code_version()[:12]}.csv"
    if not path.is_file():
        rows = [measurements(read_photo(image)) for image in data.table["path"]]
        replace_file(path, pd.DataFrame(rows).to_csv(index=False))
    names = data.table["image_id"].to_numpy()
    return pd.read_csv(path).assign(image_id=names, label=data.labels, lesion=data.groups)


def fit_quality(measured: pd.DataFrame, input_size: int, rate: float = RATE) -> QualityLimits:
    """Limits by which about `rate` of the images get each finding, with the rates on other lesions.

    `measured`: as from `measured_images`. Size has no quantile (HAM10000's images are all alike): its
    limit is `input_size`, the pixels a side that the networks see.
    """
    alarms = nested_alarms(measured, input_size, rate)
    return _limits(measured, input_size, rate).model_copy(
        update={
            "measured_false_alarms": {kind: float(found.mean()) for kind, found in alarms.items()},
            "fitted_on": f"{len(measured)} HAM10000 images of {measured['lesion'].nunique()} lesions; "
            "false alarms counted on lesions that the limits were not fitted on (5 parts)",
        }
    )


def nested_alarms(measured: pd.DataFrame, input_size: int, rate: float) -> dict[str, np.ndarray]:
    """(images,) bool by kind and for "any": found by limits that were fitted on other lesions."""
    alarms = {kind: np.zeros(len(measured), dtype=bool) for kind in (*KINDS, "any")}
    part = stratified_parts(measured["label"].to_numpy(), measured["lesion"].to_numpy())
    values = measured.to_dict("records")
    for held_out in np.unique(part):
        limits = _limits(measured.loc[part != held_out], input_size, rate)
        for row in np.flatnonzero(part == held_out):
            for kind in _kinds(values[row], limits):
                alarms[kind][row] = True
    return alarms


def _limits(measured: pd.DataFrame, input_size: int, rate: float) -> QualityLimits:
    share = {"low": rate, "high": 1 - rate}
    limits: dict[str, dict[str, float]] = {"low": {}, "high": {}}
    for check in CHECKS:
        values = measured[check.measurement].dropna()
        limits[check.side][check.measurement] = float(values.quantile(share[check.side]))
    limits["low"]["shorter side"] = float(input_size)
    return QualityLimits(**limits, false_alarm_rate=rate, measured_false_alarms={}, fitted_on="")


def _kinds(values: dict[str, float], limits: QualityLimits) -> set[str]:
    found = {finding.kind for finding in judged(values, limits)}
    return found | {"any"} if found else found


def measure(bench: Bench, data: Dataset, images: int = IMAGES, scored: int = SCORED) -> dict[str, Any]:
    """False alarms by kind, what is found on damaged images, and what the damage does to the answers.

    `data`: all of HAM10000, as the bench was opened with. `images` are damaged to see what is found,
    `scored` of them answered by a network too.
    """
    measured = measured_images(data, bench.work)
    input_size = max(member.config.size for member in bench.members)
    limits = fit_quality(measured, input_size)
    lesions = measured["lesion"].to_numpy()
    alarms = nested_alarms(measured, input_size, limits.false_alarm_rate)
    found = bench.kept(
        f"quality-detection-{images}",
        lambda: detection(bench, bench.sample(images), measured, input_size),
    )
    changed = bench.kept(f"quality-answers-{scored}", lambda: answers(bench, bench.sample(scored)))
    return {
        "limits": limits.model_dump(),
        "images": len(measured),
        "lesions": int(measured["lesion"].nunique()),
        "without_lesion": float(measured["lesion share"].isna().mean()),
        "false_alarms": {kind: measured_mean(of, lesions) for kind, of in alarms.items()},
        "detection": found,
        "answers": changed,
    }


def detection(
    bench: Bench, rows: np.ndarray, measured: pd.DataFrame, input_size: int
) -> dict[str, Any]:
    """Share of damaged images found, by damage, grade and kind of finding.

    Of the images of `rows`, those without a finding are damaged; the limits are fitted without any
    image of these lesions.
    """
    ids = bench.table["image_id"].to_numpy()[rows]
    ours = measured["lesion"].isin(measured["lesion"][measured["image_id"].isin(ids)])
    limits = _limits(measured.loc[~ours], input_size, RATE)
    values = measured.set_index("image_id")
    clean = [row for row, name in zip(rows, ids, strict=True) if not _kinds(values.loc[name], limits)]
    photos = [bench.photo(row) for row in clean]
    found: dict[str, Any] = {}
    for damage in DAMAGE:
        for grade in GRADES:
            kinds = [
                _kinds(measurements(damaged(photo, damage, grade, int(row))), limits)
                for row, photo in zip(clean, photos, strict=True)
            ]
            found.setdefault(damage, {})[str(grade)] = {
                kind: sum(kind in of_image for of_image in kinds) / len(kinds)
                for kind in (*KINDS, "any")
            }
    return {"images": len(clean), "sampled": len(rows), "found": found}


def answers(bench: Bench, rows: np.ndarray) -> dict[str, Any]:
    """Balanced accuracy (prior-adjusted, 1 view) of undamaged images, and its change by damage."""
    photos = [bench.photo(row) for row in rows]
    labels, lesions = bench.labels[rows], bench.lesions[rows]
    before = _correct(bench, rows, photos)
    change: dict[str, Any] = {}
    for damage in DAMAGE:
        for grade in SCORED_GRADES:
            worse = [damaged(p, damage, grade, int(r)) for r, p in zip(rows, photos, strict=True)]
            after = _correct(bench, rows, worse)
            change.setdefault(damage, {})[str(grade)] = paired_change(after, before, labels, lesions)
    return {
        "images": len(rows),
        "undamaged": {
            "value": float(mean_recall(before, labels, np.ones((1, len(rows))))[0]),
            "interval_95": paired_change(before, np.zeros_like(before), labels, lesions)["interval_95"],
        },
        "change": change,
    }


def paired_change(
    after: np.ndarray, before: np.ndarray, labels: np.ndarray, lesions: np.ndarray
) -> dict[str, Any]:
    """Balanced accuracy after minus before on the same images, with its interval over lesions.

    `after`, `before`: (images,) whether each answer is right; `labels`, `lesions`: (images,).
    """
    drawn = [
        mean_recall(after, labels, weights) - mean_recall(before, labels, weights)
        for weights in lesion_draws(lesions, np.unique(lesions))
    ]
    once = np.ones((1, len(labels)))
    value = mean_recall(after, labels, once)[0] - mean_recall(before, labels, once)[0]
    return {"value": float(value), "interval_95": percentiles_95(np.concatenate(drawn))}


def mean_recall(correct: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Balanced accuracy for each row of `weights`, (resamples, images); without classes not drawn.

    `correct`: (images,) whether the answer is right; `labels`: (images,) the true classes.
    """
    of_class = np.eye(labels.max() + 1)[labels][:, np.unique(labels)]
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = (weights @ (of_class * correct[:, None])) / (weights @ of_class)
    return np.nanmean(recall, axis=1)


def _correct(bench: Bench, rows: np.ndarray, photos: Sequence[Photo]) -> np.ndarray:
    """(images,) float: 1 where the prior-adjusted answer is right."""
    logits = bench.read_logits(rows, photos)
    probabilities = bench.prior_adjusted(bench.calibrated(logits, 1))
    return (probabilities.argmax(axis=1) == bench.labels[rows]).astype(np.float64)
