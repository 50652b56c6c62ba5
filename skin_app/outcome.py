"""The outcome of an answer: suspicious, not suspicious, uncertain, or not dermatoscopic.

The rule combines the 90 % prediction set with the operating point of 98 % sensitivity. The outcome is
"suspicious" or "not suspicious" only where the diagnoses in the set are all malignant or all benign and
the point agrees. This pair of set and point was chosen among six on out-of-fold images; docs/trust.md
has their table. Calling a melanoma "not suspicious" is the worst error, so the pair clears few
melanomas and still calls some malignant lesions suspicious. "uncertain" is no all-clear.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from skin_app.calibration import malignant_probability
from skin_app.diagnoses import MALIGNANT

COVERAGE, SENSITIVITY = 0.9, 0.98
Share = Annotated[float, Field(ge=0, le=1)]
SevenShares = Annotated[tuple[Share, ...], Field(min_length=7, max_length=7)]
Outcome = Literal["suspicious", "not suspicious", "uncertain", "not dermatoscopic"]

# Reasons for an outcome; `skin_app.words.outcome.REASONS` puts each into words.
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

# In order: the first ground that applies decides.
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


class SetThresholds(BaseModel):
    """Thresholds of class-conditional prediction sets of one coverage, stored in `ensemble.json`.

    `coverage`: target share of the images of each diagnosis whose set contains that diagnosis, such as
    0.9. `least`: (7,) smallest calibrated probability at which a diagnosis is in the set. At 0 it is
    always in the set, because there were too few images of it to choose a threshold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    coverage: Share
    least: SevenShares


class OperatingPoint(BaseModel):
    """The malignant probability from which a lesion is called suspicious, stored in `ensemble.json`.

    `threshold`: fitted on all out-of-fold images. `sensitivity`: share of malignant images at or above
    the threshold; `specificity`: share of benign images below it. Both have 95 % intervals over
    lesions and are crossfit: measured with thresholds that were fitted on other lesions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    target_sensitivity: Share
    threshold: Share
    sensitivity: Share
    sensitivity_interval: tuple[Share, Share]
    specificity: Share
    specificity_interval: tuple[Share, Share]


class ViewLimits(BaseModel):
    """Limits for answers from one number of views, stored in `ensemble.json`.

    `sets`: thresholds of the 90 % and the 95 % set; `operating_points`: for 90, 95 and 98 %
    sensitivity; `least_agreement`: with a smaller share of agreeing readings, the answer is uncertain.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sets: tuple[SetThresholds, SetThresholds]
    operating_points: tuple[OperatingPoint, OperatingPoint, OperatingPoint]
    least_agreement: Share

    def set_of(self, coverage: float) -> SetThresholds:
        """The thresholds for one coverage; raises `ValueError` when there are none."""
        for thresholds in self.sets:
            if thresholds.coverage == coverage:
                return thresholds
        raise ValueError(f"These weights have no prediction sets of {coverage:.0%} coverage.")

    def point_of(self, sensitivity: float) -> OperatingPoint:
        """The point for one target sensitivity; raises `ValueError` when there is none."""
        for point in self.operating_points:
            if point.target_sensitivity == sensitivity:
                return point
        raise ValueError(f"These weights have no operating point for {sensitivity:.0%} sensitivity.")


class DecisionLimits(BaseModel):
    """Fitted on out-of-fold predictions, stored in `ensemble.json`.

    `by_views`: number of views -> its limits; `fitted_on`: the data, in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    by_views: dict[int, ViewLimits] = Field(min_length=1)
    fitted_on: str

    def of(self, views: int) -> ViewLimits:
        """The limits for a number of views; raises `ValueError` when none were fitted for it."""
        if views not in self.by_views:
            fitted = ", ".join(str(count) for count in sorted(self.by_views))
            raise ValueError(f"These weights have decision limits for {fitted} views, not for {views}.")
        return self.by_views[views]


@dataclass(frozen=True, eq=False)
class Decision:
    """The outcome of one answer, with what it is based on.

    `set_90`, `set_95`: (7,) bool, which diagnoses cannot be ruled out; None for a novel image, to
    which coverage does not apply. `operating_point`: the one that decides the outcome. `agreement`:
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
    shared: float,
    limits: DecisionLimits,
    views: int,
    novel: bool,
    damaged: bool = False,
) -> Decision:
    """Decide on one answer; see `grounds` for the rule.

    `probabilities`: (7,) calibrated, of the average over members and `views` views; `shared`: the
    `agreement` of the readings at the operating point `SENSITIVITY`; `novel`: the image is unlike the
    training images; `damaged`: some of its pixels are not as the camera recorded them, so it is never
    "not suspicious". Raises `ValueError` when no limits were fitted for `views`.
    """
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
    sets = (None, None) if novel else (set_90, set_95)
    return Decision(*sets, point, shared, outcome, reason)


def agreement(probabilities: np.ndarray, readings: np.ndarray, threshold: float) -> np.ndarray:
    """(...,) share in [0, 1] of readings on the same side of the operating point as the answer.

    `probabilities`: (..., 7); `readings`: (..., readings, 7), each member's answer to each view,
    calibrated for one view.
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
    """(...,) index into `GROUNDS` of the first ground that applies to each answer.

    `malignant`: (...,) malignant probability; `sets`: (..., 7) bool; `disagree`, `novel`: bool.
    """
    bad = (sets & np.array(MALIGNANT)).any(axis=-1)
    good = (sets & ~np.array(MALIGNANT)).any(axis=-1)
    high = malignant >= threshold
    asked = [novel, disagree, bad & good, ~bad & ~good, bad & ~high, good & high, high]
    return np.select(asked, range(len(asked)), default=len(asked))


def prediction_set(probabilities: np.ndarray, thresholds: SetThresholds) -> np.ndarray:
    """The diagnoses that cannot be ruled out: bool (..., 7), as `probabilities`.

    Class-conditional ("Mondrian") split conformal sets: Vovk, ACML 2012; score 1 - p of Sadinle et al.,
    JASA 2019.
    """
    return probabilities >= np.array(thresholds.least)


def predictive_values(
    sensitivity: float, specificity: float, prevalence: float
) -> tuple[float | None, float | None]:
    """Positive and negative predictive value by Bayes' rule, each in [0, 1].

    The share of malignant lesions among those called suspicious, and of benign lesions among the
    others; `prevalence` is the share of malignant lesions among all. A value is None where no lesion
    falls into its group. Raises `ValueError` for a number outside [0, 1].
    """
    if not all(0 <= share <= 1 for share in (sensitivity, specificity, prevalence)):
        raise ValueError("Sensitivity, specificity and prevalence are shares: pass them in [0, 1].")
    caught, missed = sensitivity * prevalence, (1 - sensitivity) * prevalence
    cleared, alarmed = specificity * (1 - prevalence), (1 - specificity) * (1 - prevalence)
    called, not_called = caught + alarmed, missed + cleared
    return (caught / called if called else None, cleared / not_called if not_called else None)
