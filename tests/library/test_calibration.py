"""Calibration against scipy and Bayes' rule, and the fixed order of the classes."""

import json

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import special

from skin_app.calibration import (
    Calibration,
    calibrated,
    malignant_probability,
    prior_adjusted,
    softmax,
)
from skin_app.diagnoses import CODES, DIAGNOSES, ClassOrderError, assert_codes

STORED = {
    "temperatures": {"1": 0.9, "8": 0.8},
    "log_prior_shift": [0.5, 0.4, 0.3, 0.2, 0.1, 0.0, -0.1],
    "frequencies": [0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.1],
    "fitted_on": "numbers of this test",
}
BIAS = (0.2, -0.2, 0.0, 0.9, -0.5, -0.5, 0.1)
LOGITS = np.random.default_rng(0).normal(size=(4, 7)) * 5


def test_another_class_order_is_refused() -> None:
    assert CODES == ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    assert [d.code for d in DIAGNOSES if d.malignant] == ["akiec", "bcc", "mel"]
    with pytest.raises(ClassOrderError, match="in that order"):
        assert_codes(("bcc", "akiec", *CODES[2:]), "some.json")


def test_calibration_takes_off_the_shift_divides_by_the_temperature_and_adds_the_bias() -> None:
    without = Calibration.model_validate_json(json.dumps(STORED))  # as before there were biases
    biased = Calibration.model_validate_json(json.dumps(STORED | {"biases": {"8": BIAS}}))
    shifted = LOGITS - STORED["log_prior_shift"]
    assert np.allclose(calibrated(LOGITS, without, 8), special.softmax(shifted / 0.8, axis=1))
    assert np.allclose(calibrated(LOGITS, biased, 8), special.softmax(shifted / 0.8 + BIAS, axis=1))
    assert np.allclose(calibrated(LOGITS, biased, 1), special.softmax(shifted / 0.9, axis=1))
    assert np.allclose(softmax(LOGITS * 30), special.softmax(LOGITS * 30, axis=1))
    with pytest.raises(ValueError, match="calibrated for 1, 8 views, not for 4"):
        calibrated(LOGITS, biased, 4)
    with pytest.raises(ValidationError):
        Calibration.model_validate_json(json.dumps(STORED | {"biases": {"8": BIAS[:6]}}))


def test_prior_adjustment_is_bayes_rule_with_equal_priors() -> None:
    likelihood = np.array([0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1])
    frequencies = np.array(STORED["frequencies"])
    posterior = likelihood * frequencies / (likelihood * frequencies).sum()
    assert np.allclose(prior_adjusted(posterior, tuple(frequencies)), likelihood)


def test_a_class_that_the_data_does_not_have_gets_no_share() -> None:
    adjusted = prior_adjusted(np.full((2, 7), 1 / 7), (0.2, 0.1, 0.1, 0.0, 0.1, 0.5, 0.0))
    assert np.allclose(adjusted.sum(axis=1), 1)
    assert (adjusted[:, [3, 6]] == 0).all()
    assert np.allclose(adjusted[:, 1] / adjusted[:, 0], 2)


def test_malignant_probability_is_akiec_bcc_and_mel() -> None:
    probabilities = np.array([0.1, 0.2, 0.0, 0.0, 0.3, 0.4, 0.0])
    assert malignant_probability(probabilities) == pytest.approx(0.6)
