"""Fits the model of the patient's age and sex on out-of-fold predictions.

It shifts the photo's log-probabilities by three numbers for each class. The ridge penalty is chosen by
the crossfit negative log-likelihood on the same images. The square of the age, and a scale of the
log-probabilities, did not clearly lower the nested loss, so the model has neither.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from skin_app.calibration import softmax
from skin_app.context import LEAST, ContextModel, context_features, sex_numbers
from skin_app.diagnoses import CODES
from train.scores.fitted_calibration import negative_log_likelihood
from train.scores.lesion_parts import held_out, stratified_parts

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True)
class Patients:
    """Age in years, NaN where unknown, and sex (`context.sex_numbers`) of each image, (images,)."""

    ages: np.ndarray
    sexes: np.ndarray

    @classmethod
    def of(cls, images: pd.DataFrame) -> "Patients":
        """`images`: one row per image with age and sex.

        An age of 0 is taken as unknown, because in HAM10000 it looks like a missing value. Of its 39
        images, 5 are benign keratoses, which are rare in children; of the 127 images at 5 and 10 years,
        1 is.
        """
        ages = images["age"].to_numpy(np.float64)
        return cls(np.where(ages > 0, ages, np.nan), sex_numbers(images["sex"].to_numpy(str)))

    @property
    def known(self) -> np.ndarray:
        """(images,) bool: whether the age is known."""
        return ~np.isnan(self.ages)

    @property
    def without_sex(self) -> "Patients":
        """The same patients, none of whom states the sex."""
        return replace(self, sexes=np.zeros_like(self.sexes))

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
    """The model with the penalty of `choose_penalty`, fitted on all images with a known age.

    `photo`: (images, 7) calibrated probabilities of images that the networks had not seen.
    """
    known = patients.known
    parts = photo[known], patients.of_rows(known), labels[known]
    return fit_with(choose_penalty(*parts, lesions[known]), *parts, fitted_on)


def choose_penalty(
    photo: np.ndarray, patients: Patients, labels: np.ndarray, lesions: np.ndarray
) -> float:
    """The one of `PENALTIES` with the least crossfit negative log-likelihood; all ages are known."""
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
    """The model for one penalty on the squared weights; all ages are known.

    Minimises the summed negative log-likelihood plus `penalty` times the squared weights, by L-BFGS.
    """
    logs = np.log(np.maximum(photo, LEAST))
    shown = context_features(patients.ages, patients.sexes)
    shown = np.column_stack([np.ones(len(shown)), shown])
    true, shape = np.eye(len(CODES))[labels], (shown.shape[1], len(CODES))

    def loss_and_slope(values: np.ndarray) -> tuple[float, np.ndarray]:
        weights = values.reshape(shape)
        probabilities = softmax(logs + shown @ weights)
        loss = len(labels) * negative_log_likelihood(probabilities, labels)
        slope = shown.T @ (probabilities - true) + 2 * penalty * weights
        return loss + penalty * (weights**2).sum(), slope.ravel()

    best = minimize(loss_and_slope, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B").x
    offset, age, male = best.reshape(shape).tolist()
    return ContextModel(
        offset=tuple(offset),
        age=tuple(age),
        male=tuple(male),
        youngest=float(patients.ages.min()),
        oldest=float(patients.ages.max()),
        fitted_on=fitted_on,
    )
