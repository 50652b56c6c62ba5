"""Fits the model of the patient's age and sex on out-of-fold predictions.

It shifts the photo's probabilities by few numbers: one scale and four weights for each class. The ridge
penalty is chosen by the crossfit negative log-likelihood on the same images.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from skin_app.calibration import softmax
from skin_app.context import LEAST, ContextModel, context_features, sex_numbers
from skin_app.diagnoses import CODES
from train.scores.fitted_calibration import negative_log_likelihood
from train.scores.lesion_parts import held_out, stratified_parts

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True)
class Patients:
    """Age in years, NaN where not stated, and sex (`context.sex_numbers`) of each image, (images,)."""

    ages: np.ndarray
    sexes: np.ndarray

    @classmethod
    def of(cls, images: pd.DataFrame) -> "Patients":
        """`images`: one row per image with age and sex."""
        return cls(images["age"].to_numpy(np.float64), sex_numbers(images["sex"].to_numpy(str)))

    @property
    def known(self) -> np.ndarray:
        """(images,) bool: whether the age is stated."""
        return ~np.isnan(self.ages)

    def of_rows(self, rows: np.ndarray) -> "Patients":
        """Those of some images; `rows`: indices or (images,) bool."""
        return Patients(self.ages[rows], self.sexes[rows])


def fit_context(
    photo: np.ndarray,
    patients: Patients,
    labels: np.ndarray,
    lesions: np.ndarray,
    fitted_on: str = "other parts",
) -> ContextModel:
    """The model with the penalty that `choose_penalty` finds, fitted on all images with a stated age.

    `photo`: (images, 7) calibrated probabilities of images that the networks had not seen.
    """
    known = patients.known
    parts = photo[known], patients.of_rows(known), labels[known]
    return fit_with(choose_penalty(*parts, lesions[known]), *parts, fitted_on)


def choose_penalty(
    photo: np.ndarray, patients: Patients, labels: np.ndarray, lesions: np.ndarray
) -> float:
    """The one of `PENALTIES` with the least crossfit negative log-likelihood; all ages are stated."""
    parts = stratified_parts(labels, lesions, seed=1)

    def loss(penalty: float) -> float:
        probabilities = np.zeros_like(photo)
        for fit, apply in held_out(parts):
            model = fit_with(penalty, photo[fit], patients.of_rows(fit), labels[fit])
            shown = patients.of_rows(apply)
            probabilities[apply] = model.probabilities(photo[apply], shown.ages, shown.sexes)
        return negative_log_likelihood(probabilities, labels)

    return min(PENALTIES, key=loss)


def fit_with(
    penalty: float, photo: np.ndarray, patients: Patients, labels: np.ndarray, fitted_on: str = ""
) -> ContextModel:
    """The model for one penalty on the squared weights (not on the scale); all ages are stated.

    Minimises the summed negative log-likelihood plus `penalty` times the squared weights, by L-BFGS.
    """
    logs = np.log(np.maximum(photo, LEAST))
    shown = context_features(patients.ages, patients.sexes)
    shown = np.column_stack([np.ones(len(shown)), shown])
    true = np.eye(len(CODES))[labels]

    def loss_and_slope(values: np.ndarray) -> tuple[float, np.ndarray]:
        scale, weights = np.exp(values[0]), values[1:].reshape(shown.shape[1], len(CODES))
        probabilities = softmax(scale * logs + shown @ weights)
        loss = len(labels) * negative_log_likelihood(probabilities, labels)
        wrong = probabilities - true
        slope = shown.T @ wrong + 2 * penalty * weights
        of_scale = scale * (wrong * logs).sum()
        return loss + penalty * (weights**2).sum(), np.concatenate([[of_scale], slope.ravel()])

    start = np.zeros(1 + shown.shape[1] * len(CODES))
    best = minimize(loss_and_slope, start, jac=True, method="L-BFGS-B").x
    offset, age, age_squared, male = best[1:].reshape(shown.shape[1], len(CODES)).tolist()
    return ContextModel(
        scale=float(np.exp(best[0])),
        offset=tuple(offset),
        age=tuple(age),
        age_squared=tuple(age_squared),
        male=tuple(male),
        youngest=float(patients.ages.min()),
        oldest=float(patients.ages.max()),
        fitted_on=fitted_on,
    )
