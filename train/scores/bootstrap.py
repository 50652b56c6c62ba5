"""Bootstraps over lesions: resampling weights and 95 % intervals."""

from collections.abc import Iterator

import numpy as np

RESAMPLES, CHUNK = 1000, 100
Interval = tuple[float, float]


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
        rows = range(start, min(start + CHUNK, resamples))
        drawn = [
            np.bincount(generator.integers(0, len(among), len(among)), minlength=len(among))
            for _ in rows
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
