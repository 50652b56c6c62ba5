"""What the page says in one word: suspicious, not suspicious, uncertain, or not dermatoscopic.

The rule reads the 90 % prediction set and the operating point of 98 % sensitivity together: an answer
is given only where every diagnosis in the set is of one group and the point does not contradict it. The
pair of set and point was chosen among six on out-of-fold images: docs/trust.md has their table.
Clearing a melanoma is the error that matters most, so the pair clears few and still calls some
malignant lesions suspicious. "uncertain" is no all-clear.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from skin_app.decision import (
    OperatingPoint,
    SetThresholds,
    Share,
    malignant_probability,
    prediction_set,
)
from skin_app.diagnoses import MALIGNANT

COVERAGE, SENSITIVITY = 0.9, 0.98
Outcome = Literal["suspicious", "not suspicious", "uncertain", "not dermatoscopic"]

# Why an outcome is given; `skin_app.words.outcome.REASONS` says each in words.
Reason = Literal[
    "not_dermatoscopic",
    "disagreement",
    "mixed_set",
    "empty_set",
    "malignant_set_low_probability",
    "benign_set_high_probability",
    "malignant",
    "benign",
    "damaged_photo",
    "one_photo_suspicious",
    "one_photo_damaged",
]

# In the order in which they are asked; the first that holds decides.
GROUNDS: tuple[tuple[Outcome, Reason], ...] = (
    ("not dermatoscopic", "not_dermatoscopic"),
    ("uncertain", "disagreement"),
    ("uncertain", "mixed_set"),
    ("uncertain", "empty_set"),
    ("uncertain", "malignant_set_low_probability"),
    ("uncertain", "benign_set_high_probability"),
    ("suspicious", "malignant"),
    ("not suspicious", "benign"),
)


class ViewLimits(BaseModel):
    """Limits for answers of one number of views, stored in `ensemble.json`.

    `sets`: thresholds of the 90 % and the 95 % set; `operating_points`: for 90, 95 and 98 %
    sensitivity; `least_agreement`: below this share of agreeing readings the answer is uncertain.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sets: tuple[SetThresholds, SetThresholds]
    operating_points: tuple[OperatingPoint, OperatingPoint, OperatingPoint]
    least_agreement: Share

    def set_of(self, coverage: float) -> SetThresholds:
        """The thresholds of one coverage; raises `ValueError` when there are none."""
        for thresholds in self.sets:
            if thresholds.coverage == coverage:
                return thresholds
        raise ValueError(f"These weights have no prediction sets of {coverage:.0%} coverage.")

    def point_of(self, sensitivity: float) -> OperatingPoint:
        """The point of one target sensitivity; raises `ValueError` when there is none."""
        for point in self.operating_points:
            if point.target_sensitivity == sensitivity:
                return point
        raise ValueError(f"These weights have no operating point for {sensitivity:.0%} sensitivity.")


class DecisionLimits(BaseModel):
    """Fitted on out-of-fold predictions, stored in `ensemble.json`.

    `by_views`: number of views -> its limits; `fitted_on`: what data, in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    by_views: dict[int, ViewLimits] = Field(min_length=1)
    fitted_on: str

    def of(self, views: int) -> ViewLimits:
        """Raises `ValueError` when none were fitted for this number of views."""
        if views not in self.by_views:
            fitted = ", ".join(str(count) for count in sorted(self.by_views))
            raise ValueError(f"These weights have decision limits for {fitted} views, not for {views}.")
        return self.by_views[views]


@dataclass(frozen=True, eq=False)
class Decision:
    """What is made of one answer.

    `set_90`, `set_95`: (7,) bool, which diagnoses cannot be ruled out; None for a novel image, for
    which coverage means nothing. `operating_point`: the one that the outcome is read at. `agreement`:
    share of readings on the answer's side of it, in [0, 1]. `reason`: why this outcome.
    """

    set_90: np.ndarray | None
    set_95: np.ndarray | None
    operating_point: OperatingPoint
    agreement: float
    outcome: Outcome
    reason: Reason


def decide(
    probabilities: np.ndarray,
    readings: np.ndarray,
    limits: DecisionLimits,
    views: int,
    novel: bool,
    damaged: bool = False,
) -> Decision:
    """Decide on one answer; see `grounds` for the rule.

    `probabilities`: (7,) calibrated, of the average over members and `views` views; `readings`:
    (members x views, 7) calibrated probabilities of each member's answer to each view, by the
    calibration for one view; `novel`: the image is unlike those the networks learnt from; `damaged`:
    part of its pixels is not what was taken, so it is never "not suspicious". Raises `ValueError` when
    no limits were fitted for `views`.
    """
    point = limits.of(views).point_of(SENSITIVITY)
    shared = float(agreement(probabilities, readings, point.threshold))
    return decide_by(probabilities, shared, limits, views, novel, damaged)


def decide_by(
    probabilities: np.ndarray,
    shared: float,
    limits: DecisionLimits,
    views: int,
    novel: bool,
    damaged: bool = False,
) -> Decision:
    """`decide` where the agreement of the readings is known: `shared`, in [0, 1]."""
    own = limits.of(views)
    point = own.point_of(SENSITIVITY)
    set_90, set_95 = (prediction_set(probabilities, own.set_of(share)) for share in (COVERAGE, 0.95))
    ground = grounds(
        malignant_probability(probabilities),
        set_90,
        point.threshold,
        disagree=np.array(shared < own.least_agreement),
        novel=np.array(novel),
    )
    outcome, reason = GROUNDS[int(ground)]
    if damaged and outcome == "not suspicious":
        outcome, reason = "uncertain", "damaged_photo"
    if novel:
        return Decision(None, None, point, shared, outcome, reason)
    return Decision(set_90, set_95, point, shared, outcome, reason)


def agreement(probabilities: np.ndarray, readings: np.ndarray, threshold: float) -> np.ndarray:
    """(...,) share of readings on the same side of the operating point as the answer, in [0, 1].

    `probabilities`: (..., 7); `readings`: (..., readings, 7).
    """
    answer = malignant_probability(probabilities) >= threshold
    return ((malignant_probability(readings) >= threshold) == answer[..., None]).mean(axis=-1)


def grounds(
    malignant: np.ndarray,
    sets: np.ndarray,
    threshold: float | np.ndarray,
    disagree: np.ndarray,
    novel: np.ndarray,
) -> np.ndarray:
    """(...,) index into `GROUNDS` of each answer.

    `malignant`: (...,) malignant probability; `sets`: (..., 7) bool; `disagree`, `novel`: bool.
    """
    bad = (sets & np.array(MALIGNANT)).any(axis=-1)
    good = (sets & ~np.array(MALIGNANT)).any(axis=-1)
    high = malignant >= threshold
    asked = [novel, disagree, bad & good, ~bad & ~good, bad & ~high, good & high, high]
    return np.select(asked, range(len(asked)), default=len(asked))
