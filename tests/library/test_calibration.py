import json

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import softmax

from skin_app.calibration import Calibration, calibrated, prior_adjusted
from skin_app.outcome import SetThresholds, prediction_set, predictive_values

OLD = {
    "temperatures": {"1": 0.9, "8": 0.8},
    "log_prior_shift": [0.5, 0.4, 0.3, 0.2, 0.1, 0.0, -0.1],
    "frequencies": [0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.1],
    "fitted_on": "numbers of this test",
}
BIAS = (0.2, -0.2, 0.0, 0.9, -0.5, -0.5, 0.1)


def test_calibrations_from_before_there_were_biases_load_and_mean_the_same() -> None:
    old = Calibration.model_validate_json(json.dumps(OLD))
    logits = np.random.default_rng(0).normal(size=(4, 7))
    expected = softmax((logits - OLD["log_prior_shift"]) / 0.8, axis=1)
    assert old.biases == {}
    assert np.allclose(calibrated(logits, old, 8), expected)


def test_a_bias_is_added_after_the_temperature_for_its_number_of_views_alone() -> None:
    biased = Calibration.model_validate_json(json.dumps(OLD | {"biases": {"8": BIAS}}))
    logits = np.random.default_rng(0).normal(size=(4, 7))
    scaled = logits - OLD["log_prior_shift"]
    assert np.allclose(calibrated(logits, biased, 8), softmax(scaled / 0.8 + BIAS, axis=1))
    assert np.allclose(calibrated(logits, biased, 1), softmax(scaled / 0.9, axis=1))
    assert Calibration.model_validate_json(biased.model_dump_json()) == biased
    with pytest.raises(ValidationError):
        Calibration.model_validate_json(json.dumps(OLD | {"biases": {"8": BIAS[:6]}}))


def test_a_set_holds_what_reaches_its_own_threshold() -> None:
    thresholds = SetThresholds(coverage=0.9, least=(0.1, 0.1, 0.2, 0.0, 0.3, 0.5, 0.1))
    probabilities = np.array([0.1, 0.05, 0.1, 0.0, 0.35, 0.4, 0.0])
    expected = [True, False, False, True, True, False, False]
    assert prediction_set(probabilities, thresholds).tolist() == expected
    assert prediction_set(np.stack([probabilities] * 3), thresholds).shape == (3, 7)
    with pytest.raises(ValidationError):
        SetThresholds(coverage=0.9, least=(1.1, 0, 0, 0, 0, 0, 0))


def test_predictive_values_are_those_of_counted_lesions() -> None:
    """1,000 lesions of which 200 are malignant; 180 of them are caught, 240 of the 800 others too."""
    positive, negative = predictive_values(180 / 200, 560 / 800, 200 / 1000)
    assert positive == pytest.approx(180 / 420)
    assert negative == pytest.approx(560 / 580)


def test_predictive_values_at_the_ends() -> None:
    assert predictive_values(0.9, 0.7, 0) == (0, 1)
    assert predictive_values(0.9, 0.7, 1) == (1, 0)
    assert predictive_values(1, 0, 0.2) == (pytest.approx(0.2), None)  # everything is called
    assert predictive_values(0, 1, 0.2) == (None, pytest.approx(0.8))  # nothing is
    with pytest.raises(ValueError, match="pass them in"):
        predictive_values(0.9, 0.7, 20)


def test_a_class_that_the_data_does_not_have_gets_no_share() -> None:
    probabilities = np.full((2, 7), 1 / 7)
    frequencies = (0.2, 0.1, 0.1, 0.0, 0.1, 0.5, 0.0)
    adjusted = prior_adjusted(probabilities, frequencies)
    assert np.allclose(adjusted.sum(axis=1), 1)
    assert (adjusted[:, [3, 6]] == 0).all()
    assert np.allclose(adjusted[:, 1] / adjusted[:, 0], 2)
