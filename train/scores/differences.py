"""Differences between the scores of two sets of predictions, with paired intervals.

Begin at `compare_settings`. Lesions are drawn from the union of both sides; an image counts as often
as its lesion was drawn. If both sides hold the same images, the comparison is paired by image. If they
hold different images of the same lesions (a split by lesion against a split by image), both sides still
share the drawn lesions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from train.data.ham10000 import DataError
from train.scores.evidence import Evidence
from train.scores.intervals import RESAMPLES, Interval, percentiles_95
from train.scores.metrics import CLASS_SCORES, RULES, SHOWN, resampled_scores, weighted_scores

LOWER_IS_BETTER = ("brier", "negative_log_likelihood", "expected_calibration_error")
DECISIVE = ("accuracy", "balanced_accuracy", "malignant_auc", "negative_log_likelihood")


@dataclass(frozen=True)
class Side:
    """Predictions to compare: `probabilities` (images, 7); all other fields (images,)."""

    image_ids: np.ndarray
    lesions: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    def only(self, rows: np.ndarray) -> "Side":
        """The images of `rows`, (images,) bool."""
        return Side(
            self.image_ids[rows], self.lesions[rows], self.labels[rows], self.probabilities[rows]
        )


@dataclass(frozen=True)
class Difference:
    """The first side minus the second, with a 95 % interval.

    `verdict` on the first side: "better", "worse", or "none" if the interval spans zero.
    """

    value: float
    interval_95: Interval
    verdict: str


@dataclass(frozen=True)
class Compared:
    """The setting `name` minus the setting `reference`.

    `images`: of each side; `shared_images`: on both; `differences`: by score of `SHOWN`; `verdict`:
    "better" if at least one `DECISIVE` difference is better and none is worse; "worse" in the opposite
    case; "mixed" if both occur; "none" if neither does.
    """

    name: str
    reference: str
    images: tuple[int, int]
    shared_images: int
    differences: dict[str, Difference]
    verdict: str


def compare(one: Side, other: Side, resamples: int = RESAMPLES) -> dict[str, Difference]:
    """`one` minus `other` for every overall (not per-class) score that is defined on both sides."""
    among = np.union1d(one.lesions, other.lesions)
    value, minus = (
        weighted_scores(side.probabilities, side.labels, np.ones((1, len(side.labels))))
        for side in (one, other)
    )
    drawn, drawn_minus = (
        resampled_scores(side.probabilities, side.labels, side.lesions, among, resamples)
        for side in (one, other)
    )
    found = {}
    for name in (name for name in value if name not in CLASS_SCORES):
        difference = float((value[name] - minus[name])[0])
        interval = percentiles_95(drawn[name] - drawn_minus[name])
        if interval is not None and not np.isnan(difference):
            found[name] = Difference(difference, interval, _verdict(name, interval))
    return found


def compare_by_rule(
    name: str, reference: str, one: Mapping[str, Side], other: Mapping[str, Side]
) -> Compared:
    """`one` minus `other`; both map decision rule -> `Side`, as `sides` returns them."""
    found = {rule: compare(one[rule], other[rule]) for rule in RULES}
    shown = {score: found[rule][score] for score, rule in SHOWN.items() if score in found[rule]}
    verdicts = {shown[score].verdict for score in DECISIVE if score in shown} - {"none"}
    ids = one["calibrated"].image_ids, other["calibrated"].image_ids
    return Compared(
        name=name,
        reference=reference,
        images=(len(ids[0]), len(ids[1])),
        shared_images=len(np.intersect1d(*ids)),
        differences=shown,
        verdict="mixed" if len(verdicts) > 1 else next(iter(verdicts), "none"),
    )


def compare_settings(one: Evidence, other: Evidence) -> Compared:
    """`one` minus `other` on their shared images; both are calibrated on these alone.

    A split by lesion and a split by image are compared on all images of each.
    """
    splits = {evidence.settings.get("recipe", {}).get("split") for evidence in (one, other)} - {None}
    both = (one, other) if len(splits) > 1 else on_shared_images(one, other)
    return compare_by_rule(one.setting, other.setting, *map(sides, both))


def on_shared_images(one: Evidence, other: Evidence) -> tuple[Evidence, Evidence]:
    """Both, restricted to the images that both predicted, in the same order.

    Raises `DataError` when no image is in both.
    """
    ids, others = (evidence.table["image_id"].to_numpy(str) for evidence in (one, other))
    if np.array_equal(ids, others):
        return one, other  # keeps their cached calibrated probabilities
    _, of_one, of_other = np.intersect1d(ids, others, return_indices=True)
    if not len(of_one):
        raise DataError("The two settings predicted no image in common: train the same folds of both.")
    return one.only(of_one), other.only(of_other)


def sides(evidence: Evidence, views: int | None = None) -> dict[str, Side]:
    """Decision rule -> predictions of `evidence` from `views` views (default: the largest number)."""
    ids = evidence.table["image_id"].to_numpy(str)
    return {
        rule: Side(ids, evidence.lesions, evidence.labels, probabilities)
        for rule, probabilities in evidence.by_rule(views).items()
    }


def _verdict(name: str, interval: Interval) -> str:
    low, high = interval
    if low <= 0 <= high:
        return "none"
    return "better" if (low > 0) != (name in LOWER_IS_BETTER) else "worse"
