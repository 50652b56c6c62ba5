"""Bootstraps over lesions: how often each lesion was drawn, and the 95 % intervals that result."""

from collections.abc import Iterator

import numpy as np

RESAMPLES, CHUNK = 1000, 100
Interval = tuple[float, float]


def lesion_draws(
    lesions: np.ndarray, among: np.ndarray, resamples: int = RESAMPLES, seed: int = 0
) -> Iterator[np.ndarray]:
    """Bootstraps of whole lesions: how often each image counts, in pieces of up to (100, images).

    `lesions`: (images,) the lesion of each image; `among`: the lesions that are drawn from, each once
    and sorted. The same `among` and `seed` give the same draws, whichever images are weighed.
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

    Resamples that leave the score undefined are left out; None when all do.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)


def interval_95(values: np.ndarray, lesions: int = 0) -> Interval | None:
    """`percentiles_95`, where (resamples,) `values` differ at all.

    Where they do not: `unanimous_95` for a share of `lesions` that is 0 or 1; None for any other score,
    as of an area of 1 no resample says how far below 1 it may be.
    """
    found = percentiles_95(values)
    if found is None or found[0] < found[1]:
        return found
    return unanimous_95(found[0], lesions) if lesions and found[0] in (0.0, 1.0) else None


def unanimous_95(share: float, lesions: int) -> Interval:
    """Exact 95 % interval (Clopper and Pearson 1934) of a share that is 0 or 1 in all of `lesions`.

    Resampled, values that are all equal would give an interval without any width.
    """
    bound = 0.025 ** (1 / lesions)
    return (bound, 1.0) if share else (0.0, 1 - bound)
