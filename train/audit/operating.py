"""Operating points of the malignant probability: from where on a lesion is called suspicious."""

from typing import Any

import numpy as np

from skin_app.decision import OperatingPoint, malignant_probability, predictive_values
from skin_app.diagnoses import CODES, MALIGNANT
from train.audit.conformal import kept_share_threshold, with_interval
from train.audit.nested import Nested, means_with_intervals
from train.data.ham10000 import DataError
from train.documents.tables import table

SENSITIVITIES = (0.9, 0.95, 0.98)
PREVALENCES = (0.01, 0.05, 0.1, 0.2, 0.5)


def is_malignant(labels: np.ndarray) -> np.ndarray:
    """(images,) bool."""
    return np.array(MALIGNANT)[labels]


def fit_threshold(probabilities: np.ndarray, labels: np.ndarray, sensitivity: float) -> float:
    """Least malignant probability that is called suspicious, so that malignant images reach it with a
    probability of at least `sensitivity`; 0 (all are called so) when there are too few of them.

    `probabilities`: (images, 7) calibrated. Raises `DataError` when no image is malignant.
    """
    malignant = is_malignant(labels)
    if not malignant.any():
        raise DataError(
            "An operating point needs malignant images (akiec, bcc or mel), and there is none: fit it "
            "on more predictions."
        )
    return kept_share_threshold(malignant_probability(probabilities[malignant]), sensitivity)


def nested_calls(nested: Nested, sensitivity: float) -> np.ndarray:
    """(divisions, images) bool: called suspicious by a threshold fitted outside the image's part."""
    calls = np.zeros((len(nested.divisions), len(nested.labels)), dtype=bool)
    for own, division in zip(calls, nested.divisions, strict=True):
        for inside, probabilities in division.halves():
            threshold = fit_threshold(probabilities[~inside], nested.labels[~inside], sensitivity)
            own[inside] = malignant_probability(probabilities[inside]) >= threshold
    return calls


def fit_points(nested: Nested, probabilities: np.ndarray) -> tuple[OperatingPoint, ...]:
    """One point for each of `SENSITIVITIES`.

    Thresholds are fitted on all of (images, 7) `probabilities`; the rest is nested. Raises `DataError`
    when there is no malignant or no benign image.
    """
    if is_malignant(nested.labels).all():
        raise DataError("An operating point needs benign images: fit it on more predictions.")
    measured = measure(nested)
    return tuple(
        OperatingPoint(
            target_sensitivity=target,
            threshold=fit_threshold(probabilities, nested.labels, target),
            sensitivity=found["sensitivity"]["value"],
            sensitivity_interval=found["sensitivity"]["interval_95"],
            specificity=found["specificity"]["value"],
            specificity_interval=found["specificity"]["interval_95"],
        )
        for target, found in ((target, measured[f"{target:g}"]) for target in SENSITIVITIES)
    )


def measure(nested: Nested) -> dict[str, Any]:
    """Nested sensitivity (of each malignant diagnosis too) and specificity at each of the points."""
    return {f"{target:g}": _measured(nested, target) for target in SENSITIVITIES}


def _measured(nested: Nested, target: float) -> dict[str, Any]:
    called = nested_calls(nested, target).mean(axis=0)
    malignant = is_malignant(nested.labels)
    columns = [np.where(malignant, called, np.nan), np.where(malignant, np.nan, 1 - called)]
    classes = [k for k, bad in enumerate(MALIGNANT) if bad]
    columns += [np.where(nested.labels == k, called, np.nan) for k in classes]
    found = means_with_intervals(np.column_stack(columns), nested.lesions)
    of_class = {CODES[k]: one for k, one in zip(classes, found[2:], strict=True)}
    return {"sensitivity": found[0], "specificity": found[1], "sensitivity_of": of_class}


def render(by_views: dict[str, dict[str, Any]]) -> str:
    """The part on operating points. `by_views`: number of views -> what `measure` gave."""
    codes = [code for code, bad in zip(CODES, MALIGNANT, strict=True) if bad]
    header = ["views", "target sensitivity", "sensitivity", "specificity"]
    header += [f"sensitivity {code}" for code in codes]
    rows, values = [], []
    for views, points in by_views.items():
        for target, found in points.items():
            of_class = [with_interval(found["sensitivity_of"][code]) for code in codes]
            both = found["sensitivity"], found["specificity"]
            rows.append([views, target, *map(with_interval, both), *of_class])
            cells = [_values(both[0]["value"], both[1]["value"], share) for share in PREVALENCES]
            values.append([views, target, *cells])
    return "\n".join(
        [
            "### Malignant probability and its operating points",
            "",
            "The malignant probability is the sum of the calibrated probabilities of "
            f"{', '.join(codes)}. The thresholds in use are fitted on all these images; what is "
            "reported is nested. The target is for malignant images as a whole: a single malignant "
            "diagnosis may lie below it, as the last columns show.",
            "",
            table(header, rows),
            "",
            "What that is worth depends on how many of the lesions are malignant. PPV / NPV by Bayes' "
            "rule, from the sensitivity and specificity above, which hold for this collection's mix of "
            "lesions:",
            "",
            table(["views", "target", *(f"prevalence {share:.0%}" for share in PREVALENCES)], values),
            "",
        ]
    )


def _values(sensitivity: float, specificity: float, prevalence: float) -> str:
    found = predictive_values(sensitivity, specificity, prevalence)
    return " / ".join("n/a" if value is None else f"{value:.3f}" for value in found)
