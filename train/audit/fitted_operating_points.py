"""Operating points: thresholds of the malignant probability, each for a target sensitivity."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skin_app.calibration import malignant_probability
from skin_app.diagnoses import CODES, MALIGNANT
from skin_app.operating_points import OperatingPoint
from skin_app.outcome import CLEARED_BELOW, SUSPICIOUS_FROM
from train.audit.conformal_sets import kept_share_threshold
from train.data.ham10000 import DataError
from train.scores.crossfit import Crossfit
from train.scores.intervals import Estimate, mean_estimates
from train.scores.strata import PATIENT_AXES, patient_strata

SENSITIVITIES = (SUSPICIOUS_FROM, 0.95, CLEARED_BELOW)


@dataclass(frozen=True)
class PatientGroupCalls:
    """Of one group of patients: share of the melanoma images called suspicious, of the benign ones not.

    Both hold the number of these images.
    """

    melanoma_sensitivity: Estimate
    specificity: Estimate


@dataclass(frozen=True)
class Point:
    """One operating point, measured on other lesions than it was fitted on.

    `sensitivity_of`: sensitivity for each malignant diagnosis alone, by code.
    """

    sensitivity: Estimate
    specificity: Estimate
    sensitivity_of: dict[str, Estimate]


def is_malignant(labels: np.ndarray) -> np.ndarray:
    """(images,) bool: whether the label is a malignant diagnosis."""
    return np.array(MALIGNANT)[labels]


def fit_threshold(probabilities: np.ndarray, labels: np.ndarray, sensitivity: float) -> float:
    """The malignant probability of an operating point.

    A new malignant image reaches it with a probability of at least `sensitivity`. It is 0 if there are
    too few malignant images. `probabilities`: (images, 7) calibrated. Raises `DataError` when no image
    is malignant.
    """
    malignant = is_malignant(labels)
    if not malignant.any():
        raise DataError(
            "An operating point needs malignant images (akiec, bcc or mel), and there is none: fit it "
            "on more predictions."
        )
    return kept_share_threshold(malignant_probability(probabilities[malignant]), sensitivity)


def empirical_threshold(positive: np.ndarray, score: np.ndarray, percent: int) -> float:
    """The highest threshold that at least `percent` of these positives reach.

    `positive`: (images,) bool with at least one True; `score`: (images,). The rule of
    `train.scores.metrics.weighted_specificity`; says nothing of new images.
    """
    falling = np.sort(score[positive])[::-1]
    caught = np.arange(1, len(falling) + 1)
    return float(falling[(caught * 100 >= len(falling) * percent).argmax()])


def crossfit_thresholds(crossfits: Sequence[Crossfit], sensitivity: float) -> np.ndarray:
    """(crossfits, images) the threshold for each image, fitted outside its part."""

    def rule(probabilities: np.ndarray, labels: np.ndarray, own: np.ndarray) -> np.ndarray:
        return np.full(len(own), fit_threshold(probabilities, labels, sensitivity))

    return np.stack([crossfit.apply(rule) for crossfit in crossfits])


def crossfit_calls(crossfits: Sequence[Crossfit], sensitivity: float) -> np.ndarray:
    """(crossfits, images) bool: at or above the threshold fitted outside the image's part."""
    malignant = malignant_probability(np.stack([crossfit.own for crossfit in crossfits]))
    return malignant >= crossfit_thresholds(crossfits, sensitivity)


def fit_points(crossfits: Sequence[Crossfit], probabilities: np.ndarray) -> tuple[OperatingPoint, ...]:
    """One point for each of `SENSITIVITIES`.

    Thresholds are fitted on all of `probabilities`, (images, 7); their sensitivity and specificity are
    crossfit. Raises `DataError` when there is no malignant or no benign image.
    """
    labels = crossfits[0].labels
    if is_malignant(labels).all():
        raise DataError("An operating point needs benign images: fit it on more predictions.")
    points = []
    for target in SENSITIVITIES:
        threshold, found = fit_threshold(probabilities, labels, target), _measured(crossfits, target)
        points.append(
            OperatingPoint.model_validate(
                {
                    "target_sensitivity": target,
                    "threshold": threshold,
                    "sensitivity": found.sensitivity.value,
                    "sensitivity_interval": found.sensitivity.interval_95,
                    "specificity": found.specificity.value,
                    "specificity_interval": found.specificity.interval_95,
                }
            )
        )
    return tuple(points)


def measure(crossfits: Sequence[Crossfit]) -> dict[str, Point]:
    """Each of `SENSITIVITIES`, measured on other lesions than those its threshold was fitted on."""
    return {f"{target:g}": _measured(crossfits, target) for target in SENSITIVITIES}


def measure_by_patient(
    crossfits: Sequence[Crossfit], images: pd.DataFrame
) -> dict[str, dict[str, dict[str, PatientGroupCalls]]]:
    """Each of `SENSITIVITIES` -> axis -> group -> its calls: see `calls_by_patient`."""
    first = crossfits[0]
    return {
        f"{target:g}": calls_by_patient(
            crossfit_calls(crossfits, target), first.labels, first.lesions, images
        )
        for target in SENSITIVITIES
    }


def calls_by_patient(
    called: np.ndarray, labels: np.ndarray, lesions: np.ndarray, images: pd.DataFrame
) -> dict[str, dict[str, PatientGroupCalls]]:
    """Axis -> group -> its calls.

    `called`: (crossfits, images), which images were called suspicious, as `crossfit_calls` gives them;
    any other probabilities or thresholds will do. `images`: one row per image with sex and age.
    """
    share = called.mean(axis=0)
    melanoma, benign = labels == CODES.index("mel"), ~is_malignant(labels)
    named = list(patient_strata(images, PATIENT_AXES))
    columns = [
        np.where(rows & own, values, np.nan)
        for *_, rows in named
        for own, values in ((melanoma, share), (benign, 1 - share))
    ]
    found = iter(mean_estimates(np.column_stack(columns), lesions))
    by_axis: dict[str, dict[str, PatientGroupCalls]] = {}
    for axis, name, _ in named:
        by_axis.setdefault(axis, {})[name] = PatientGroupCalls(next(found), next(found))
    return by_axis


def _measured(crossfits: Sequence[Crossfit], target: float) -> Point:
    labels = crossfits[0].labels
    called = crossfit_calls(crossfits, target).mean(axis=0)
    malignant = is_malignant(labels)
    classes = [k for k, bad in enumerate(MALIGNANT) if bad]
    columns = [
        np.where(malignant, called, np.nan),
        np.where(malignant, np.nan, 1 - called),
        *(np.where(labels == k, called, np.nan) for k in classes),
    ]
    sensitivity, specificity, *each = mean_estimates(np.column_stack(columns), crossfits[0].lesions)
    codes = [CODES[k] for k in classes]
    return Point(sensitivity, specificity, dict(zip(codes, each, strict=True)))
