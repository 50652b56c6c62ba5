"""What a split by image leaks: held-out images of lesions that were also trained on, and the rest."""

from dataclasses import dataclass

import numpy as np

from train.scores.differences import Compared, Side, compare_by_rule, sides
from train.scores.evidence import Evidence
from train.scores.intervals import Estimate
from train.scores.metrics import scores, shown_scores


@dataclass(frozen=True)
class SiblingNumbers:
    """Held-out images with another image of their lesion in the training data, and those without."""

    setting: str
    with_sibling: int
    without: int
    scores_with: dict[str, Estimate]
    scores_without: dict[str, Estimate]
    compared: Compared | None


def measure_siblings(evidence: Evidence) -> SiblingNumbers:
    """Scores of both groups of images of a run that was split by image, and their difference."""
    seen = has_sibling_in_training(evidence)
    counts = int(seen.sum()), int((~seen).sum())
    if not all(counts):
        return SiblingNumbers(evidence.setting, *counts, {}, {}, None)
    with_sibling, without = (
        {rule: side.only(rows) for rule, side in sides(evidence).items()} for rows in (seen, ~seen)
    )
    return SiblingNumbers(
        evidence.setting,
        *counts,
        _scores_of(with_sibling),
        _scores_of(without),
        compare_by_rule("with", "without", with_sibling, without),
    )


def _scores_of(by_rule: dict[str, Side]) -> dict[str, Estimate]:
    return shown_scores(
        {rule: scores(side.probabilities, side.labels, side.lesions) for rule, side in by_rule.items()}
    )


def has_sibling_in_training(evidence: Evidence) -> np.ndarray:
    """(images,) bool: whether the training data of the image's fold held another image of its lesion.

    Always False for a split by lesion.
    """
    total = evidence.images["lesion"].value_counts()
    held_out = evidence.table.groupby(["lesion", evidence.folds])["image_id"].transform("size")
    return evidence.table["lesion"].map(total).to_numpy() > held_out.to_numpy()
