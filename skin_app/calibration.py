"""From averaged logits to calibrated probabilities.

Two decision rules, always named: "calibrated" (probabilities under HAM10000's class frequencies) and
"prior-adjusted" (each divided by its class frequency and renormalised, as if all seven diagnoses were
equally common; this is the rule that maximises balanced accuracy). Prediction sets and operating points
use the calibrated probabilities.
"""

from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field

from skin_app.diagnoses import MALIGNANT

SevenNumbers = Annotated[tuple[float, ...], Field(min_length=7, max_length=7)]


class Calibration(BaseModel, extra="forbid", frozen=True):
    """Fitted on out-of-fold predictions, stored in `ensemble.json`.

    `temperatures`: number of views -> temperature of the averaged logits. `log_prior_shift`: (7,) the
    shift that the class-weighted loss adds to the logits (the log of its class weights). `frequencies`:
    (7,) share of each class in the training data, summing to 1. `fitted_on`: the data, in words.
    `biases`: number of views -> (7,) bias added after the temperature, where it was found to help.
    """

    temperatures: dict[int, Annotated[float, Field(gt=0)]]
    log_prior_shift: SevenNumbers
    frequencies: SevenNumbers
    fitted_on: str
    biases: dict[int, SevenNumbers] = {}


def calibrated(logits: np.ndarray, calibration: Calibration, views: int) -> np.ndarray:
    """Probabilities (..., 7) of logits (..., 7) that were averaged over members and `views` views.

    softmax((logits - shift) / temperature + bias). Raises `ValueError` when no temperature was fitted
    for this number of views.
    """
    check_calibrated(calibration, views)
    shifted = np.asarray(logits, dtype=np.float64) - np.array(calibration.log_prior_shift)
    scaled = shifted / calibration.temperatures[views]
    return softmax(scaled + np.array(calibration.biases.get(views, 0.0)))


def check_calibrated(calibration: Calibration, views: int) -> None:
    """Raise `ValueError` when no temperature was fitted for this number of views."""
    if views not in calibration.temperatures:
        fitted = ", ".join(str(count) for count in sorted(calibration.temperatures))
        raise ValueError(f"These weights are calibrated for {fitted} views, not for {views}.")


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
