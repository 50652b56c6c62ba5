"""A measured number with its interval."""

from dataclasses import dataclass

import numpy as np

from train.scores.bootstrap import lesion_draws, percentiles_95, unanimous_95
from train.scores.metrics import Scores

# The scores that the documents show: name -> decision rule and score.
SHOWN = {
    "accuracy": ("calibrated", "accuracy"),
    "balanced_accuracy": ("prior_adjusted", "balanced_accuracy"),
    "top_2": ("calibrated", "top_2"),
    "top_3": ("calibrated", "top_3"),
    "macro_precision": ("calibrated", "macro_precision"),
    "macro_recall": ("calibrated", "macro_recall"),
    "macro_f1": ("calibrated", "macro_f1"),
    "macro_auc": ("calibrated", "macro_auc"),
    "malignant_auc": ("calibrated", "malignant_auc"),
    "specificity_at_95_sensitivity": ("calibrated", "specificity_at_95_sensitivity"),
    "brier": ("calibrated", "brier"),
    "negative_log_likelihood": ("calibrated", "negative_log_likelihood"),
    "expected_calibration_error": ("calibrated", "expected_calibration_error"),
}


@dataclass(frozen=True)
class Estimate:
    """`value` with its 95 % interval from bootstraps over lesions; `images`: their number.

    `value` and `interval_95` are None where there are no images.
    """

    value: float | None
    interval_95: tuple[float, float] | None
    images: int


def mean_estimate(values: np.ndarray, lesions: np.ndarray) -> Estimate:
    """Mean of (images,) values. `lesions`: (images,) lesion of each image.

    If all values are 0, or all are 1, the interval is exact: see `unanimous_95`.
    """
    if not len(values):
        return Estimate(None, None, 0)
    numbers = np.asarray(values, dtype=np.float64)
    if values.dtype == bool and (values == values[0]).all():
        share = float(numbers[0])
        low, high = unanimous_95(share, len(np.unique(lesions)))
        return Estimate(share, (low, high), len(numbers))
    drawn = [
        (weights @ numbers) / weights.sum(axis=1)
        for weights in lesion_draws(lesions, np.unique(lesions))
    ]
    interval = percentiles_95(np.concatenate(drawn))
    return Estimate(float(numbers.mean()), interval, len(numbers))


def mean_estimates(values: np.ndarray, lesions: np.ndarray) -> list[Estimate]:
    """Mean of each column of (images, columns) `values`, without NaN: see `ratio_estimates`."""
    known = ~np.isnan(values)
    return ratio_estimates(np.where(known, values, 0.0), known, lesions)


def ratio_estimates(
    numerators: np.ndarray, denominators: np.ndarray, lesions: np.ndarray
) -> list[Estimate]:
    """For each column, the sum of the numerator over the sum of the denominator.

    Both (images, columns), not negative. All columns share the same bootstrap draws. `images` is the
    sum of the denominator, rounded. If every ratio is 0, or every ratio is 1, the interval is the exact
    one of a share: see `unanimous_95`.
    """
    above, below = numerators.astype(np.float64), denominators.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = above.sum(axis=0) / below.sum(axis=0)
        drawn = [(w @ above) / (w @ below) for w in lesion_draws(lesions, np.unique(lesions))]
    resampled = np.concatenate(drawn)
    found = []
    for column, rows in enumerate(below.T > 0):
        ratio, images = float(ratios[column]), round(below[:, column].sum())
        if np.isnan(ratio):
            found.append(Estimate(None, None, images))
        elif ratio in (0.0, 1.0) and (above[rows, column] == ratio * below[rows, column]).all():
            found.append(Estimate(ratio, unanimous_95(ratio, len(np.unique(lesions[rows]))), images))
        else:
            found.append(Estimate(ratio, percentiles_95(resampled[:, column]), images))
    return found


def estimate_of(scores: Scores, name: str) -> Estimate:
    """One of the scores with its interval."""
    images = sum(own.images for own in scores.per_class.values())
    return Estimate(getattr(scores, name), scores.intervals_95.get(name), images)


def shown(by_rule: dict[str, Scores]) -> dict[str, Estimate]:
    """The scores of `SHOWN`, from the scores of both rules."""
    return {key: estimate_of(by_rule[rule], score) for key, (rule, score) in SHOWN.items()}
