"""Fit what is shown to what was measured: one temperature per number of views, and perhaps a bias.

Fitted on out-of-fold predictions only. A class-weighted loss or uneven sampling shifts the priors, so
its log is taken off first (Guo et al. 2017 for the temperature; Menon et al. 2021 for the shift).
"""

import numpy as np
import torch
from scipy.optimize import minimize, minimize_scalar

from skin_app.decision import Calibration, softmax
from skin_app.diagnoses import CODES
from train.data.sampling import emphasis
from train.engine.losses import class_weights
from train.recipes.recipe import Recipe

RIDGE = 1e-4


def log_prior_shift(labels: np.ndarray, recipe: Recipe) -> np.ndarray:
    """(7,) log of how much the recipe's loss and sampling stress each class, to be subtracted."""
    counts = np.bincount(labels, minlength=len(CODES))
    stressed = np.log(training_weights(counts, recipe) * emphasis(recipe, counts))
    return stressed - recipe.logit_adjustment * log_prior(counts)


def log_prior(counts: np.ndarray) -> np.ndarray:
    """(7,) log share of each class among `counts`, (7,) images; a class without any counts as one."""
    counts = np.maximum(counts, 1)
    return np.log(counts / counts.sum())


def training_weights(counts: np.ndarray, recipe: Recipe) -> np.ndarray:
    """(7,) class weights of the recipe's loss, `class_boost` included, mean 1 over the images."""
    weights = class_weights(torch.from_numpy(counts), recipe.class_weight_power).double().numpy()
    for code, factor in recipe.class_boost:
        weights[CODES.index(code)] *= factor
    return weights * counts.sum() / (weights * counts).sum()


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

    `logits`: (images, 7), prior shift taken off. L-BFGS from the best temperature alone. The bias is
    held near 0 by 0.5 * `RIDGE` * its squared length, added to the mean log-likelihood's loss: enough
    to settle its free constant and that of a class without images, too little to move one with 20.
    Vector scaling with one common scale (Guo et al. 2017, bias-corrected in Alexandari et al. 2020).
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
    """Temperatures for each number of views, with the class frequencies of `labels`."""
    frequencies = np.bincount(labels, minlength=len(CODES)) / len(labels)
    return Calibration(
        temperatures={
            views: fit_temperature(logits - shift, labels) for views, logits in logits_by_views.items()
        },
        log_prior_shift=tuple(shift.tolist()),
        frequencies=tuple(frequencies.tolist()),
        fitted_on=fitted_on,
    )
