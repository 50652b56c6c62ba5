"""The fit of age and sex finds what it was simulated with, and nothing where there is nothing."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from skin_app.context import ContextModel, Patient
from tests.predictions import made
from train.audit.fitted_context import PENALTIES, Patients, choose_penalty, fit_context, fit_with

TRUE = ContextModel(
    offset=(0.2, -0.1, 0.0, -0.3, 0.1, 0.3, -0.2),
    age=(0.5, 0.9, 0.1, -0.5, 0.3, -1.0, -0.3),
    male=(-0.3, 0.4, 0.0, 0.2, 0.1, -0.1, -0.3),
    youngest=5,
    oldest=85,
    fitted_on="nothing",
)


def simulated(images: int, model: ContextModel = TRUE) -> tuple[np.ndarray, Patients, np.ndarray]:
    """Photo's probabilities, patients, and labels drawn from the probabilities in context."""
    random = np.random.default_rng(0)
    photo = softmax(random.normal(size=(images, 7)) * 1.5, axis=1)
    ages = random.integers(1, 18, images) * 5.0
    patients = Patients(ages, random.choice([-1.0, 0.0, 1.0], images))
    given = model.probabilities(photo, patients.ages, patients.sexes)
    return photo, patients, np.array([random.choice(7, p=own) for own in given])


def test_simulated_weights_are_found_again() -> None:
    found = fit_with(0.01, *simulated(20000))
    assert (found.youngest, found.oldest) == (5, 85)
    for name in ("offset", "age", "male"):
        weights, true = (np.array(getattr(model, name)) for model in (found, TRUE))
        np.testing.assert_allclose(weights - weights.mean(), true - true.mean(), atol=0.12)


def test_a_context_that_says_nothing_gets_the_strongest_penalty() -> None:
    nothing = TRUE.model_copy(update=dict.fromkeys(("offset", "age", "male"), (0.0,) * 7))
    photo, patients, labels = simulated(700, nothing)
    lesions = np.arange(700) // 2
    assert choose_penalty(photo, patients, labels, lesions) == max(PENALTIES)
    found = fit_context(photo, patients, labels, lesions)
    given = found.probabilities(photo, patients.ages, patients.sexes)
    assert abs(given - photo).max() < 0.1


def test_unknown_ages_are_left_out_of_the_fit() -> None:
    images = pd.DataFrame({"age": [0.0, 50.0, np.nan], "sex": ["male", "female", "unknown"]})
    patients = Patients.of(images)
    assert patients.known.tolist() == [False, True, False]
    assert patients.sexes.tolist() == [1, -1, 0]
    assert patients.without_sex.sexes.tolist() == [0, 0, 0]
    photo, patients, labels = simulated(300)
    unknown = np.arange(300) < 100
    ages = Patients(np.where(unknown, np.nan, patients.ages), patients.sexes)
    lesions = np.arange(300)
    known = fit_context(
        photo[~unknown], patients.of_rows(~unknown), labels[~unknown], lesions[~unknown]
    )
    assert fit_context(photo, ages, labels, lesions) == known


def test_ages_outside_count_as_the_nearer_end_and_no_age_gives_no_context() -> None:
    photo = made(1)[0][0]
    photo = softmax(photo)
    for outside, end in ((0, 5), (120, 85)):
        one, other = (TRUE.of_patient(photo, Patient(age, "male")) for age in (outside, end))
        np.testing.assert_array_equal(one, other)
    assert TRUE.of_patient(photo, Patient(None, "male")) is None
    older = TRUE.of_patient(photo, Patient(85))
    assert older is not None
    assert older.sum() == pytest.approx(1)
    assert older[1] > photo[1]  # bcc
