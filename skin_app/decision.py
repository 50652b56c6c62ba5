"""From averaged logits to probabilities that mean what they say.

Two decision rules, always named: "calibrated" (probabilities under HAM10000's class frequencies) and
"prior-adjusted" (each divided by its class frequency and renormalised, as if all seven diagnoses were
equally common; this is the rule that maximises balanced accuracy).
"""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from skin_app.diagnoses import MALIGNANT


class Calibration(BaseModel):
    """Fitted on out-of-fold predictions, stored in `ensemble.json`.

    `temperatures`: number of views -> temperature of the averaged logits. `log_prior_shift`: (7,)
    what the class-weighted loss added to the logits (the log of its class weights). `frequencies`:
    (7,) share of each class in the training data, summing to 1. `fitted_on`: what data, in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperatures: dict[int, float]
    log_prior_shift: tuple[float, ...] = Field(min_length=7, max_length=7)
    frequencies: tuple[float, ...] = Field(min_length=7, max_length=7)
    fitted_on: str


def calibrated(logits: np.ndarray, calibration: Calibration, views: int) -> np.ndarray:
    """Probabilities (..., 7) of logits (..., 7) that were averaged over members and `views` views.

    Raises `ValueError` when no temperature was fitted for this number of views.
    """
    if views not in calibration.temperatures:
        fitted = ", ".join(str(count) for count in sorted(calibration.temperatures))
        raise ValueError(f"These weights are calibrated for {fitted} views, not for {views}.")
    shifted = np.asarray(logits, dtype=np.float64) - np.array(calibration.log_prior_shift)
    return softmax(shifted / calibration.temperatures[views])


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, in float64."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def prior_adjusted(probabilities: np.ndarray, frequencies: tuple[float, ...]) -> np.ndarray:
    """Probabilities (..., 7) divided by the class frequencies and renormalised."""
    ratio = probabilities / np.array(frequencies)
    return ratio / ratio.sum(axis=-1, keepdims=True)


def malignant_probability(probabilities: np.ndarray) -> np.ndarray:
    """Sum of the malignant classes' probabilities (akiec, bcc, mel), (...,) in [0, 1]."""
    return probabilities[..., np.array(MALIGNANT)].sum(axis=-1)
