"""Differences between two sets of predictions, with an interval that knows what they share.

Lesions are drawn from the union of both sides, and each side's images count as often as their lesion
was drawn. So the comparison is paired where both sides hold the same images, and joint where they hold
other images of the same lesions (a split by lesion against one by image).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skin_app.diagnoses import CODES
from train.scores.evidence import Evidence
from train.scores.metrics import (
    CLASS_SCORES,
    RESAMPLES,
    percentiles_95,
    resampled_scores,
    weighted_scores,
)

LOWER_IS_BETTER = (
    "brier",
    "negative_log_likelihood",
    "expected_calibration_error",
    "calibration_error",
)


@dataclass(frozen=True)
class Side:
    """Predictions to compare: `probabilities` (images, 7), all others (images,)."""

    image_ids: np.ndarray
    lesions: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def of(cls, evidence: Evidence, probabilities: np.ndarray) -> "Side":
        """One decision rule's `probabilities` of `evidence`."""
        ids = evidence.table["image_id"].to_numpy(str)
        return cls(ids, evidence.lesions, evidence.labels, probabilities)

    @property
    def scores(self) -> dict[str, np.ndarray]:
        """Each score, with one row."""
        return weighted_scores(self.probabilities, self.labels, np.ones((1, len(self.labels))))

    def resampled(self, among: np.ndarray, resamples: int) -> dict[str, np.ndarray]:
        """Each score by bootstraps over the lesions `among`; the draws depend on nothing else."""
        return resampled_scores(self.probabilities, self.labels, self.lesions, among, resamples)

    def only(self, rows: np.ndarray) -> "Side":
        """The images of `rows`, (images,) bool."""
        return Side(
            self.image_ids[rows], self.lesions[rows], self.labels[rows], self.probabilities[rows]
        )


@dataclass(frozen=True)
class Difference:
    """`value` is one side minus the other; `interval_95` its 95 % interval.

    `verdict` on the first side: "better", "worse", or "none" when the interval spans zero.
    """

    value: float
    interval_95: tuple[float, float]
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """Differences by score ("accuracy", "recall mel"), and how many images the sides share."""

    images: tuple[int, int]
    shared_images: int
    differences: dict[str, Difference]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "images": list(self.images),
            "shared_images": self.shared_images,
            "differences": {name: vars(difference) for name, difference in self.differences.items()},
        }


def compare(one: Side, other: Side, resamples: int = RESAMPLES) -> Comparison:
    """All scores of `one` minus those of `other`, leaving out what is undefined on either side."""
    among = np.union1d(one.lesions, other.lesions)
    drawn = _differences(*(side.resampled(among, resamples) for side in (one, other)))
    measured = _differences(*(side.scores for side in (one, other)))
    differences = {}
    for name, (value,) in measured.items():
        interval = percentiles_95(drawn[name])
        if interval is not None and not np.isnan(value):
            differences[name] = Difference(float(value), interval, _verdict(name, interval))
    return Comparison(
        images=(len(one.labels), len(other.labels)),
        shared_images=len(np.intersect1d(one.image_ids, other.image_ids)),
        differences=differences,
    )


def has_sibling_in_training(evidence: Evidence) -> np.ndarray:
    """(images,) bool: another image of the same lesion was in the training data of the image's fold.

    Training data are all images that the fold did not hold out. Always False for a split by lesion.
    """
    total = evidence.images["lesion"].value_counts()
    held_out = evidence.table.groupby(["lesion", evidence.folds])["image_id"].transform("size")
    return evidence.table["lesion"].map(total).to_numpy() > held_out.to_numpy()


def _differences(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """By score, and by "score class" for the scores of a class."""
    both = {name: one[name] - other[name] for name in one}
    overall = {name: values for name, values in both.items() if name not in CLASS_SCORES}
    return overall | {
        f"{name} {code}": both[name][:, k] for name in CLASS_SCORES for k, code in enumerate(CODES)
    }


def _verdict(name: str, interval: tuple[float, float]) -> str:
    low, high = interval
    if low <= 0 <= high:
        return "none"
    return "better" if (low > 0) != (name.split()[0] in LOWER_IS_BETTER) else "worse"
