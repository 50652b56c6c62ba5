"""Fits the calibration to out-of-fold predictions: a temperature per number of views, optional biases.

The prior shift of the recipe (`train.engine.class_balance`) is subtracted from the logits first.
Source: Guo et al., "On Calibration of Modern Neural Networks" (2017).
"""

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from skin_app.calibration import Calibration, softmax
from skin_app.diagnoses import CODES

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
