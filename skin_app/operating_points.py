"""Thresholds of the calibrated probabilities: operating points for "malignant", and prediction sets.

They are fitted on out-of-fold predictions for each number of views; `outcome.py` decides by them.
"""

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from skin_app.calibration import malignant_probability

Share = Annotated[float, Field(ge=0, le=1)]
SevenShares = Annotated[tuple[Share, ...], Field(min_length=7, max_length=7)]


class SetThresholds(BaseModel, extra="forbid", frozen=True):
    """Thresholds of class-conditional prediction sets of one coverage, stored in `ensemble.json`.

    `coverage`: target share of the images of each diagnosis whose set contains that diagnosis, such as
    0.9. `least`: (7,) smallest calibrated probability at which a diagnosis is in the set. At 0 it is
    always in the set, because there were too few images of it to choose a threshold.
    """

    coverage: Share
    least: SevenShares


class OperatingPoint(BaseModel, extra="forbid", frozen=True):
    """A threshold of the malignant probability, stored in `ensemble.json`.

    `threshold`: fitted on all out-of-fold images. `sensitivity`: share of malignant images at or above
    the threshold; `specificity`: share of benign images below it. Both have 95 % intervals over
    lesions and are crossfit: measured with thresholds that were fitted on other lesions.
    """

    target_sensitivity: Share
    threshold: Share
    sensitivity: Share
    sensitivity_interval: tuple[Share, Share]
    specificity: Share
    specificity_interval: tuple[Share, Share]


class ViewLimits(BaseModel, extra="forbid", frozen=True):
    """Limits for answers from one number of views, stored in `ensemble.json`.

    `sets`: thresholds of the 90 % and the 95 % set; `operating_points`: for 85, 95 and 99 %
    sensitivity.
    """

    sets: tuple[SetThresholds, SetThresholds]
    operating_points: tuple[OperatingPoint, OperatingPoint, OperatingPoint]

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


class HundredLesions(NamedTuple):
    """Of 100 lesions: the malignant and the benign that reach a threshold, and those below it."""

    malignant: int
    benign: int
    missed: int
    cleared: int


class DecisionLimits(BaseModel, extra="forbid", frozen=True):
    """Fitted on out-of-fold predictions, stored in `ensemble.json`.

    `by_views`: number of views -> its limits; `fitted_on`: the data, in words.
    """

    by_views: dict[int, ViewLimits] = Field(min_length=1)
    fitted_on: str

    def of(self, views: int) -> ViewLimits:
        """The limits for a number of views; raises `ValueError` when none were fitted for it."""
        if views not in self.by_views:
            fitted = ", ".join(str(count) for count in sorted(self.by_views))
            raise ValueError(f"These weights have decision limits for {fitted} views, not for {views}.")
        return self.by_views[views]


def prediction_set(probabilities: np.ndarray, thresholds: SetThresholds) -> np.ndarray:
    """The diagnoses that cannot be ruled out: bool (..., 7), as `probabilities`.

    Class-conditional ("Mondrian") split conformal sets: Vovk, ACML 2012; score 1 - p of Sadinle et al.,
    JASA 2019.
    """
    return probabilities >= np.array(thresholds.least)


def malignant_share(frequencies: tuple[float, ...]) -> float:
    """Share of malignant lesions in data with these (7,) class frequencies: a first prevalence."""
    return float(malignant_probability(np.array(frequencies)))


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


def of_hundred(sensitivity: float, specificity: float, prevalence: float) -> HundredLesions:
    """What a threshold does to 100 lesions, in whole lesions; the arguments are shares in [0, 1]."""
    malignant = round(100 * prevalence)
    reaching = round(100 * prevalence * sensitivity)
    alarms = round(100 * (1 - prevalence) * (1 - specificity))
    return HundredLesions(reaching, alarms, malignant - reaching, 100 - malignant - alarms)
