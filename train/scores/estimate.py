"""A measured number with its interval."""

from dataclasses import dataclass

import numpy as np

from train.scores.metrics import Scores, lesion_draws, percentiles_95, unanimous_95

# What is shown of the scores of both decision rules: name -> the rule and its score.
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
    """`value` with its 95 % interval, from bootstraps over lesions; `images`: how many it rests on.

    `value` and `interval_95` are None where there are no images.
    """

    value: float | None
    interval_95: tuple[float, float] | None
    images: int


def mean_estimate(values: np.ndarray, lesions: np.ndarray) -> Estimate:
    """Mean of (images,) values. `lesions`: (images,) lesion of each image.

    Truth values that are all equal get an exact interval, see `unanimous_95`.
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


def estimate_of(scores: Scores, name: str) -> Estimate:
    """One of the scores with its interval."""
    images = sum(own.images for own in scores.per_class.values())
    return Estimate(getattr(scores, name), scores.intervals_95.get(name), images)


def shown(by_rule: dict[str, Scores]) -> dict[str, Estimate]:
    """The scores of `SHOWN`, from the scores of both rules."""
    return {key: estimate_of(by_rule[rule], score) for key, (rule, score) in SHOWN.items()}
