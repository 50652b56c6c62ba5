"""A measured number with its 95 % interval, from bootstraps over lesions.

Begin at `mean_estimate`. `lesion_draws` makes the resamples; `plain` turns measurements into JSON.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

RESAMPLES, CHUNK = 1000, 100
Interval = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """`value` with its 95 % interval from bootstraps over lesions; `images`: their number.

    `value` and `interval_95` are None where there are no images.
    """

    value: float | None
    interval_95: Interval | None
    images: int


def lesion_draws(
    lesions: np.ndarray, among: np.ndarray, resamples: int = RESAMPLES, seed: int = 0
) -> Iterator[np.ndarray]:
    """Bootstraps of whole lesions: yields how often each image counts, up to (100, images) at a time.

    `lesions`: (images,) the lesion of each image; `among`: the lesions to draw from, sorted and without
    duplicates. The draws depend only on `among` and `seed`, not on the images.
    """
    index = np.searchsorted(among, lesions)
    generator = np.random.default_rng(seed)
    for start in range(0, resamples, CHUNK):
        drawn = [
            np.bincount(generator.integers(0, len(among), len(among)), minlength=len(among))
            for _ in range(start, min(start + CHUNK, resamples))
        ]
        yield np.stack(drawn).astype(np.float64)[:, index]


def percentiles_95(values: np.ndarray) -> Interval | None:
    """95 % percentile interval of (resamples,) values.

    Ignores resamples in which the score is undefined (NaN); None if it is undefined in all.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)


def interval_95(values: np.ndarray, lesions: int = 0) -> Interval | None:
    """95 % interval of (resamples,) `values`: `percentiles_95` unless all values are equal.

    If all are equal: `unanimous_95` for a share of `lesions` that is 0 or 1, else None. For example, if
    every resample has an area under the curve of 1, none shows how far below 1 the true area may lie.
    """
    found = percentiles_95(values)
    if found is None or found[0] < found[1]:
        return found
    return unanimous_95(found[0], lesions) if lesions and found[0] in (0.0, 1.0) else None


def unanimous_95(share: float, lesions: int) -> Interval:
    """Exact 95 % interval (Clopper and Pearson 1934) of a share of `lesions` that is 0 or 1.

    A bootstrap of values that are all equal would give an interval of width 0.
    """
    bound = 0.025 ** (1 / lesions)
    return (bound, 1.0) if share else (0.0, 1 - bound)


def mean_estimate(values: np.ndarray, lesions: np.ndarray) -> Estimate:
    """Mean of (images,) values. `lesions`: (images,) lesion of each image.

    If all values are False, or all are True, the interval is exact: see `unanimous_95`.
    """
    if not len(values):
        return Estimate(None, None, 0)
    if values.dtype == bool:
        return ratio_estimates(values[:, None], np.ones((len(values), 1)), lesions)[0]
    draws = lesion_draws(lesions, np.unique(lesions))
    drawn = np.concatenate([(weights @ values) / weights.sum(axis=1) for weights in draws])
    return Estimate(float(values.mean()), percentiles_95(drawn), len(values))


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


def plain(value: Any, digits: int | None = None) -> Any:
    """Dataclasses, tuples and numpy numbers as JSON types; floats rounded to `digits` decimals."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name), digits) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(part, digits) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part, digits) for part in value]
    number = value.item() if isinstance(value, np.generic) else value
    return round(number, digits) if isinstance(number, float) and digits is not None else number
