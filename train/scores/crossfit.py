"""Calibration without looking: an image's temperature is fitted on images of other parts."""

import numpy as np
from sklearn.model_selection import GroupKFold

from skin_app.decision import Calibration, softmax
from train.data.ham10000 import DataError
from train.recipes.recipe import Bias
from train.scores.temperature import fit_temperature, fit_temperature_and_bias, negative_log_likelihood

PARTS = 5
# what `cross_fitted` fits the calibrator of an image on, in words
CALIBRATED_ON = f"the other {PARTS - 1} of {PARTS} lesion-grouped parts of the predicted images"
CALIBRATORS: dict[Bias, str] = {  # in words
    "none": "a temperature",
    "always": "a temperature and a bias of each class",
    "chosen": "a temperature, and a bias of each class where that predicts other lesions better",
}


def cross_fitted(
    logits: np.ndarray,
    labels: np.ndarray,
    lesions: np.ndarray,
    shift: np.ndarray,
    bias: Bias = "none",
    parts: np.ndarray | None = None,
) -> np.ndarray:
    """Calibrated probabilities, (images, 7), by temperatures that never saw the image's lesion.

    `parts`: (images,) parts of whole lesions, each calibrated by the others; by default 5, across the
    folds, as the one calibrator that ships is fitted on the predictions of all members. `bias`:
    whether a bias of each class is fitted beside the temperature; "chosen": where `bias_helps` says
    so, asked anew outside each part. Raises `DataError` for fewer than 5 lesions.
    """
    parts = _lesion_parts(lesions) if parts is None else parts
    shifted = logits.astype(np.float64) - shift
    probabilities = np.zeros_like(shifted)
    for part in np.unique(parts):
        inside = parts == part
        temperature, added = _fit(shifted[~inside], labels[~inside], lesions[~inside], bias)
        probabilities[inside] = softmax(shifted[inside] / temperature + added)
    return probabilities


def bias_helps(shifted: np.ndarray, labels: np.ndarray, lesions: np.ndarray) -> bool:
    """Whether a bias of each class lowers the log-likelihood's loss on lesions it was not fitted to.

    `shifted`: (images, 7) logits without the prior shift; `labels`, `lesions`: (images,). Fitted on
    four of 5 parts of whole lesions, measured on the fifth. Raises `DataError` for fewer than 5.
    """
    none = np.zeros(shifted.shape[1])
    plain, biased = (cross_fitted(shifted, labels, lesions, none, bias) for bias in ("none", "always"))
    return negative_log_likelihood(biased, labels) < negative_log_likelihood(plain, labels)


def chosen_calibration(
    base: Calibration,
    logits_by_views: dict[int, np.ndarray],
    labels: np.ndarray,
    lesions: np.ndarray,
    fitted_on: str,
) -> Calibration:
    """`base` with the temperatures of these predictions, and biases where `bias_helps` says so.

    `logits_by_views`: number of views -> (images, 7); `labels`, `lesions`: (images,). Prior shift and
    frequencies stay those of `base`. Raises `DataError` for fewer than 5 lesions.
    """
    shift = np.array(base.log_prior_shift)
    fits = {v: _fit(logits - shift, labels, lesions, "chosen") for v, logits in logits_by_views.items()}
    return base.model_copy(
        update={
            "temperatures": {views: temperature for views, (temperature, _) in fits.items()},
            "biases": {views: tuple(bias.tolist()) for views, (_, bias) in fits.items() if bias.any()},
            "fitted_on": fitted_on,
        }
    )


def _fit(
    shifted: np.ndarray, labels: np.ndarray, lesions: np.ndarray, bias: Bias
) -> tuple[float, np.ndarray]:
    if bias == "always" or (bias == "chosen" and bias_helps(shifted, labels, lesions)):
        return fit_temperature_and_bias(shifted, labels)
    return fit_temperature(shifted, labels), np.zeros(shifted.shape[1])


def _lesion_parts(lesions: np.ndarray) -> np.ndarray:
    count = len(np.unique(lesions))
    if count < PARTS:
        raise DataError(
            f"Predictions of {count} lesions cannot be calibrated by their own parts: predict at least "
            f"{PARTS} lesions."
        )
    parts = np.zeros(len(lesions), dtype=np.int64)
    for part, (_, held_out) in enumerate(GroupKFold(PARTS).split(lesions, groups=lesions)):
        parts[held_out] = part
    return parts
