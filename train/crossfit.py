"""Calibration without looking: an image's temperature is fitted on images of other parts."""

import numpy as np
from sklearn.model_selection import GroupKFold

from skin_app.decision import softmax
from train.calibrate import fit_temperature
from train.ham10000 import DataError

PARTS = 5


def cross_fitted(
    logits: np.ndarray, labels: np.ndarray, lesions: np.ndarray, folds: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    """Calibrated probabilities, (images, 7), by temperatures that never saw the image's own part.

    The parts are the folds; a single fold, or folds that part lesions (the split by image), are divided
    into 5 parts of whole lesions. Raises `DataError`
    for a single fold of fewer than 5 lesions.
    """
    parts = folds if _folds_serve(folds, lesions) else _lesion_parts(lesions)
    shifted = logits.astype(np.float64) - shift
    probabilities = np.zeros_like(shifted)
    for part in np.unique(parts):
        inside = parts == part
        temperature = fit_temperature(shifted[~inside], labels[~inside])
        probabilities[inside] = softmax(shifted[inside] / temperature)
    return probabilities


def calibration_of(folds: np.ndarray, lesions: np.ndarray) -> str:
    """What `cross_fitted` fits the temperature of an image on, in words."""
    if _folds_serve(folds, lesions):
        return "the other folds"
    return f"the other {PARTS - 1} of {PARTS} lesion-grouped parts of the predicted images"


def _folds_serve(folds: np.ndarray, lesions: np.ndarray) -> bool:
    """Whether there are several folds and none of them shares a lesion with another."""
    pairs = np.unique(np.stack([lesions.astype(str), folds.astype(str)]), axis=1).shape[1]
    return len(np.unique(folds)) > 1 and pairs == len(np.unique(lesions))


def _lesion_parts(lesions: np.ndarray) -> np.ndarray:
    count = len(np.unique(lesions))
    if count < PARTS:
        raise DataError(
            f"A single fold of {count} lesions cannot be calibrated by its own parts: it needs at "
            f"least {PARTS} lesions, or a second fold."
        )
    parts = np.zeros(len(lesions), dtype=np.int64)
    for part, (_, held_out) in enumerate(GroupKFold(PARTS).split(lesions, groups=lesions)):
        parts[held_out] = part
    return parts
