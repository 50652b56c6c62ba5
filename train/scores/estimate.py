"""An estimated number with its interval: what every measurement returns."""

from dataclasses import dataclass

import numpy as np

from train.scores.metrics import lesion_draws, percentiles_95, unanimous_95


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

    Truth values that are all alike get an exact interval, see `unanimous_95`.
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
