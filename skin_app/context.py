"""Adds the patient's age and sex to the answer: a small logistic model on the photo's probabilities.

Age and sex can raise suspicion but never lower it: `outcome.decide` uses the more suspicious answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from pydantic import BaseModel

from skin_app.calibration import SevenNumbers, softmax
from skin_app.outcome import Outcome, shown_outcome

Sex = Literal["female", "male"]
OLDEST = 120  # years
MIDDLE_AGE, AGE_UNIT = 50, 20  # years
LEAST = np.finfo(np.float64).tiny  # the logarithm of 0 cannot be shifted

# Remarks on a stated age and sex; `skin_app.words.patient.PATIENT_NOTES` has the sentences.
PatientNote = Literal[
    "unreadable age",
    "unreadable sex",
    "sex without age",
    "age outside the training data",
    "no model of age and sex",
]


@dataclass(frozen=True)
class Patient:
    """Age in years, from 0 to 120, and sex; None where not stated.

    `unreadable`: which of the two were stated but could not be read. Raises `ValueError` for an
    impossible age or another sex.
    """

    age: float | None = None
    sex: Sex | None = None
    unreadable: tuple[Literal["age", "sex"], ...] = ()

    def __post_init__(self) -> None:
        if self.age is not None and not 0 <= self.age <= OLDEST:
            raise ValueError(f"The age {self.age} is impossible: state years from 0 to {OLDEST}.")
        if self.sex is not None and self.sex not in get_args(Sex):
            raise ValueError(f"The sex {self.sex} is unknown here: state female, male or None.")


NOT_STATED_PATIENT = Patient()


@dataclass(frozen=True, eq=False)
class InContext:
    """The answer to a photo with the patient's age and sex.

    `probabilities`, `prior_adjusted`: (7,) in the order of `DIAGNOSES`; `malignant_probability`: in
    [0, 1]; `photo_outcome`, `photo_without_refusal`: the outcomes of the photo alone (see
    `outcome.Decision`), None for weights without limits.
    """

    probabilities: np.ndarray
    prior_adjusted: np.ndarray
    malignant_probability: float
    photo_outcome: Outcome | None
    photo_without_refusal: Outcome | None

    @property
    def photo_shown(self) -> str | None:
        """The photo's own outcome as `outcome.Decision.shown`; None for weights without limits."""
        outcome, other = self.photo_outcome, self.photo_without_refusal
        return None if outcome is None or other is None else shown_outcome(outcome, other)


class ContextModel(BaseModel, extra="forbid", frozen=True):
    """Multinomial logistic regression, fitted on out-of-fold predictions, stored in `ensemble.json`.

    The logit of each class is log(calibrated probability) + `offset` + `age` * a + `male` * s, where a
    is (age - 50) / 20 years, and s is 1 for male, -1 for female and 0 where the sex is not stated.
    `youngest`, `oldest`: range of the ages in the fit; other ages are clipped to it.
    `fitted_on`: the data, in words.
    """

    offset: SevenNumbers
    age: SevenNumbers
    male: SevenNumbers
    youngest: float
    oldest: float
    fitted_on: str

    def probabilities(self, photo: np.ndarray, ages: np.ndarray, sexes: np.ndarray) -> np.ndarray:
        """Probabilities (..., 7) with the context of each patient.

        `photo`: (..., 7) calibrated; `ages`: (...,) in years; `sexes`: (...,) of 1, -1 and 0, see
        `sex_numbers`.
        """
        shown = context_features(np.clip(ages, self.youngest, self.oldest), sexes)
        shift = np.array(self.offset) + shown @ np.array([self.age, self.male])
        return softmax(np.log(np.maximum(photo, LEAST)) + shift)

    def of_patient(self, photo: np.ndarray, patient: Patient) -> np.ndarray | None:
        """Probabilities (7,) with the context of one patient; None where the age is not stated."""
        if patient.age is None:
            return None
        sex = sex_numbers(np.array([patient.sex]))[0]
        return self.probabilities(photo, np.array(patient.age), sex)


def context_features(ages: np.ndarray, sexes: np.ndarray) -> np.ndarray:
    """(..., 2): centred age, and sex, of `ages` (...,) in years and `sexes` (...,)."""
    return np.stack([(ages - MIDDLE_AGE) / AGE_UNIT, np.asarray(sexes, dtype=np.float64)], axis=-1)


def sex_numbers(sexes: np.ndarray) -> np.ndarray:
    """1.0 for "male", -1.0 for "female" and 0.0 for all else, in the shape of `sexes`."""
    return (sexes == "male").astype(np.float64) - (sexes == "female")


def patient_notes(patient: Patient, model: ContextModel | None) -> Iterator[PatientNote]:
    """Which of the stated age and sex is not used or is changed; `model`: that of the weights."""
    if "age" in patient.unreadable:
        yield "unreadable age"
    if "sex" in patient.unreadable:
        yield "unreadable sex"
    if patient.age is None:
        if patient.sex is not None:
            yield "sex without age"
    elif model is None:
        yield "no model of age and sex"
    elif not model.youngest <= patient.age <= model.oldest:
        yield "age outside the training data"
