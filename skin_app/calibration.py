"""From averaged logits to calibrated probabilities.

Two decision rules, always named: "calibrated" (probabilities under HAM10000's class frequencies) and
"prior-adjusted" (each divided by its class frequency and renormalised, as if all seven diagnoses were
equally common; this is the rule that maximises balanced accuracy). Prediction sets and operating points
use the calibrated probabilities.
"""

from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from skin_app.diagnoses import MALIGNANT

Share = Annotated[float, Field(ge=0, le=1)]
SevenNumbers = Annotated[tuple[float, ...], Field(min_length=7, max_length=7)]
SevenShares = Annotated[tuple[Share, ...], Field(min_length=7, max_length=7)]


class Calibration(BaseModel):
    """Fitted on out-of-fold predictions, stored in `ensemble.json`.

    `temperatures`: number of views -> temperature of the averaged logits. `log_prior_shift`: (7,) the
    shift that the class-weighted loss adds to the logits (the log of its class weights). `frequencies`:
    (7,) share of each class in the training data, summing to 1. `fitted_on`: the data, in words.
    `biases`: number of views -> (7,) bias added after the temperature, where it was found to help.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperatures: dict[int, float]
    log_prior_shift: SevenNumbers
    frequencies: SevenNumbers
    fitted_on: str
    biases: dict[int, SevenNumbers] = {}


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


def calibrated(logits: np.ndarray, calibration: Calibration, views: int) -> np.ndarray:
    """Probabilities (..., 7) of logits (..., 7) that were averaged over members and `views` views.

    softmax((logits - shift) / temperature + bias). Raises `ValueError` when no temperature was fitted
    for this number of views.
    """
    if views not in calibration.temperatures:
        fitted = ", ".join(str(count) for count in sorted(calibration.temperatures))
        raise ValueError(f"These weights are calibrated for {fitted} views, not for {views}.")
    shifted = np.asarray(logits, dtype=np.float64) - np.array(calibration.log_prior_shift)
    scaled = shifted / calibration.temperatures[views]
    return softmax(scaled + np.array(calibration.biases.get(views, 0.0)))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, in float64."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def prior_adjusted(probabilities: np.ndarray, frequencies: tuple[float, ...]) -> np.ndarray:
    """Probabilities (..., 7) divided by the class frequencies and renormalised.

    A class that the data does not have (frequency 0) gets the probability 0.
    """
    shares = np.broadcast_to(np.array(frequencies), probabilities.shape)
    ratio = np.divide(probabilities, shares, out=np.zeros(shares.shape), where=shares > 0)
    return ratio / ratio.sum(axis=-1, keepdims=True)


def malignant_probability(probabilities: np.ndarray) -> np.ndarray:
    """Sum of the malignant classes' probabilities (akiec, bcc, mel), (...,) in [0, 1]."""
    return probabilities[..., np.array(MALIGNANT)].sum(axis=-1)


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
