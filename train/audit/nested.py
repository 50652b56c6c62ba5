"""Nothing is measured on what it was fitted to: divisions into parts, each calibrated from outside.

For each part of whole lesions the calibration (temperature, and bias where it helps) is fitted on the
other parts; what is fitted on top of it (thresholds, limits) is fitted on the other parts as well. The
division is repeated with other seeds, because with few images of a class one division is a lottery.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from skin_app.decision import Calibration, calibrated
from train.audit.bench import PARTS, Bench
from train.scores.crossfit import chosen_calibration
from train.scores.metrics import lesion_draws, percentiles_95, unanimous_95

REPEATS = 5


@dataclass(frozen=True)
class Division:
    """`parts` (images,); `calibrations`: one a part, fitted outside it; `probabilities` (parts, images,
    7): of all images, by each of them."""

    parts: np.ndarray
    calibrations: tuple[Calibration, ...]
    probabilities: np.ndarray

    def halves(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each part: which images are inside it, (images,) bool, and all images' probabilities."""
        for part, probabilities in enumerate(self.probabilities):
            yield self.parts == part, probabilities

    @property
    def own(self) -> np.ndarray:
        """(images, 7) each image by the calibration that was fitted outside its own part."""
        return self.probabilities[self.parts, np.arange(len(self.parts))]


@dataclass(frozen=True)
class Nested:
    """Divisions of the bench's images for one number of views. `labels`, `lesions`: (images,)."""

    views: int
    labels: np.ndarray
    lesions: np.ndarray
    divisions: tuple[Division, ...]


def nested(bench: Bench, views: int, repeats: int = REPEATS) -> Nested:
    """`repeats` divisions of all out-of-fold images; the first is `bench.parts`."""
    base, logits = bench.weights.contract.calibration, bench.logits[views]
    made = tuple(
        divided(base, logits, bench.labels, bench.lesions, views, seed) for seed in range(repeats)
    )
    return Nested(views, bench.labels, bench.lesions, made)


def divided(
    base: Calibration,
    logits: np.ndarray,
    labels: np.ndarray,
    lesions: np.ndarray,
    views: int,
    seed: int,
) -> Division:
    """One division into stratified parts of whole lesions, and the calibration outside each part."""
    parts = np.zeros(len(labels), dtype=np.int64)
    folds = StratifiedGroupKFold(PARTS, shuffle=True, random_state=seed)
    for part, (_, inside) in enumerate(folds.split(labels, labels, lesions)):
        parts[inside] = part
    outside = [parts != part for part in range(PARTS)]
    fits = tuple(
        chosen_calibration(base, {views: logits[rows]}, labels[rows], lesions[rows], "other parts")
        for rows in outside
    )
    return Division(parts, fits, np.stack([calibrated(logits, fit, views) for fit in fits]))


def means_with_intervals(values: np.ndarray, lesions: np.ndarray) -> list[dict[str, Any]]:
    """Mean of each column of (images, columns) `values`, NaN left out: see `ratios_with_intervals`."""
    known = ~np.isnan(values)
    return ratios_with_intervals(np.where(known, values, 0.0), known, lesions)


def ratios_with_intervals(
    numerators: np.ndarray, denominators: np.ndarray, lesions: np.ndarray
) -> list[dict[str, Any]]:
    """Sum of each numerator over that of its denominator, with 95 % intervals over drawn lesions.

    Both (images, columns), not negative. Each has value, interval_95 (None where all is zero below),
    images (the sum of the denominator, so of shares over several divisions their mean number, rounded)
    and lesions (of denominators above zero). Where every ratio is 0, or every one 1, the interval is
    the exact one of a share, see `unanimous_95`.
    """
    above, below = numerators.astype(np.float64), denominators.astype(np.float64)
    drawn = []
    with np.errstate(invalid="ignore", divide="ignore"):
        value = above.sum(axis=0) / below.sum(axis=0)
        for weights in lesion_draws(lesions, np.unique(lesions)):
            drawn.append((weights @ above) / (weights @ below))
    resampled = np.concatenate(drawn)
    measured = []
    for column, rows in enumerate(below.T > 0):
        share, count = float(value[column]), len(np.unique(lesions[rows]))
        alike = rows.any() and (above[rows, column] == share * below[rows, column]).all()
        measured.append(
            {
                "value": None if np.isnan(share) else share,
                "interval_95": unanimous_95(share, count)
                if alike and share in (0.0, 1.0)
                else percentiles_95(resampled[:, column]),
                "images": round(below[:, column].sum()),
                "lesions": count,
            }
        )
    return measured
