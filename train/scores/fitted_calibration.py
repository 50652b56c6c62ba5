"""Fits the calibration to out-of-fold predictions: a temperature per number of views, optional biases.

The prior shift of the recipe (`train.engine.class_balance`) is subtracted from the logits first.
`cross_fitted` calibrates each image by a fit on other lesions. Source of temperatures: Guo et al., "On
Calibration of Modern Neural Networks" (2017).
"""

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from skin_app.calibration import Calibration, softmax
from skin_app.diagnoses import CODES
from train.recipes.recipe import Bias
from train.scores.lesion_parts import held_out, lesion_parts

RIDGE = 1e-4


def negative_log_likelihood(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -log p of the true class, in nats."""
    true = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(true, 1e-12, 1)).mean())


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature in [0.1, 10] with the least negative log-likelihood. `logits`: (images, 7)."""

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(softmax(logits / np.exp(log_temperature)), labels)

    best = minimize_scalar(loss, bounds=(np.log(0.1), np.log(10.0)), method="bounded")
    return float(np.exp(best.x))


def fit_temperature_and_bias(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Temperature and (7,) bias with the least negative log-likelihood of softmax(logits / t + bias).

    `logits`: (images, 7) without the prior shift. L-BFGS starts from the best temperature without bias.
    The loss is the mean negative log-likelihood plus the penalty 0.5 * `RIDGE` * squared length of the
    bias. The penalty fixes the bias's free constant and the bias of a class without images; it is too
    weak to move the bias of a class with 20. The method is vector scaling with one common scale (Guo et
    al. 2017; bias-corrected in Alexandari et al. 2020).
    """
    true = np.eye(logits.shape[1])[labels]

    def loss_and_slope(values: np.ndarray) -> tuple[float, np.ndarray]:
        scale, bias = np.exp(values[0]), values[1:]
        probabilities = softmax(logits * scale + bias)
        loss = negative_log_likelihood(probabilities, labels) + 0.5 * RIDGE * bias @ bias
        wrong = (probabilities - true) / len(labels)
        slope = np.concatenate([[(wrong * logits).sum() * scale], wrong.sum(axis=0) + RIDGE * bias])
        return float(loss), slope

    start = np.zeros(1 + logits.shape[1])
    start[0] = -np.log(fit_temperature(logits, labels))
    best = minimize(loss_and_slope, start, jac=True, method="L-BFGS-B")
    return float(np.exp(-best.x[0])), best.x[1:]


def fit_calibration(
    logits_by_views: dict[int, np.ndarray], labels: np.ndarray, shift: np.ndarray, fitted_on: str
) -> Calibration:
    """A temperature for each number of views, with the class frequencies of `labels`."""
    frequencies = np.bincount(labels, minlength=len(CODES)) / len(labels)
    return Calibration(
        temperatures={
            views: fit_temperature(logits - shift, labels) for views, logits in logits_by_views.items()
        },
        log_prior_shift=tuple(shift.tolist()),
        frequencies=tuple(frequencies.tolist()),
        fitted_on=fitted_on,
    )


def cross_fitted(
    logits: np.ndarray,
    labels: np.ndarray,
    lesions: np.ndarray,
    shift: np.ndarray,
    bias: Bias = "none",
    parts: np.ndarray | None = None,
) -> np.ndarray:
    """Probabilities (images, 7), each image calibrated by a fit on other lesions.

    `logits`: (images, 7); `labels`, `lesions`: (images,); `shift`: (7,) shift of the logits by the
    loss's class weights. `parts`: (images,) parts of whole lesions, by default `lesion_parts`. Raises
    `DataError` for fewer than 5 lesions.
    """
    parts = lesion_parts(lesions) if parts is None else parts
    shifted = logits.astype(np.float64) - shift
    probabilities = np.zeros_like(shifted)
    for fit, apply in held_out(parts):
        temperature, added = _fitted(shifted[fit], labels[fit], lesions[fit], bias)
        probabilities[apply] = softmax(shifted[apply] / temperature + added)
    return probabilities


def bias_helps(shifted: np.ndarray, labels: np.ndarray, lesions: np.ndarray) -> bool:
    """Whether a bias for each class lowers the crossfit negative log-likelihood.

    `shifted`: (images, 7) logits without the prior shift; `labels`, `lesions`: (images,). Raises
    `DataError` for fewer than 5 lesions.
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
    """`base` with temperatures fitted on all these predictions, and biases if `bias_helps`.

    `logits_by_views`: number of views -> (images, 7); `labels`, `lesions`: (images,). Keeps prior
    shift and frequencies of `base`. Raises `DataError` for fewer than 5 lesions.
    """
    shift = np.array(base.log_prior_shift)
    fits = {
        views: _fitted(logits - shift, labels, lesions, "chosen")
        for views, logits in logits_by_views.items()
    }
    return base.model_copy(
        update={
            "temperatures": {views: temperature for views, (temperature, _) in fits.items()},
            "biases": {views: tuple(bias.tolist()) for views, (_, bias) in fits.items() if bias.any()},
            "fitted_on": fitted_on,
        }
    )


def _fitted(
    shifted: np.ndarray, labels: np.ndarray, lesions: np.ndarray, bias: Bias
) -> tuple[float, np.ndarray]:
    if bias == "always" or (bias == "chosen" and bias_helps(shifted, labels, lesions)):
        return fit_temperature_and_bias(shifted, labels)
    return fit_temperature(shifted, labels), np.zeros(shifted.shape[1])
