import numpy as np
import pytest
from scipy.special import softmax as scipy_softmax

from skin_app.calibration import Calibration, calibrated, malignant_probability, prior_adjusted, softmax
from skin_app.diagnoses import CODES, DIAGNOSES, ClassOrderError, assert_codes


def test_the_class_order_is_the_fixed_one() -> None:
    assert CODES == ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    assert [d.code for d in DIAGNOSES if d.malignant] == ["akiec", "bcc", "mel"]


def test_another_order_is_refused() -> None:
    swapped = ("bcc", "akiec", *CODES[2:])
    with pytest.raises(ClassOrderError, match="in that order"):
        assert_codes(swapped, "some.json")


def test_softmax_agrees_with_scipy() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 7)) * 30
    assert np.allclose(softmax(logits), scipy_softmax(logits, axis=1))


def calibration() -> Calibration:
    return Calibration(
        temperatures={1: 2.0, 8: 1.0},
        log_prior_shift=(0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        frequencies=(0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.1),
        fitted_on="numbers of this test",
    )


def test_calibration_takes_the_shift_off_and_divides_by_the_temperature() -> None:
    logits = np.array([0.0, 3.0, 0, 0, 0, 0, 0])
    one_view = calibrated(logits, calibration(), 1)
    expected = np.exp([0, 1.0, 0, 0, 0, 0, 0]) / (np.e + 6)
    assert np.allclose(one_view, expected)
    with pytest.raises(ValueError, match="calibrated for 1, 8 views, not for 4"):
        calibrated(logits, calibration(), 4)


def test_prior_adjustment_is_bayes_rule_with_equal_priors() -> None:
    likelihood = np.array([0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1])
    frequencies = np.array(calibration().frequencies)
    posterior = likelihood * frequencies / (likelihood * frequencies).sum()
    assert np.allclose(prior_adjusted(posterior, calibration().frequencies), likelihood)


def test_malignant_probability_is_akiec_bcc_and_mel() -> None:
    probabilities = np.array([0.1, 0.2, 0.0, 0.0, 0.3, 0.4, 0.0])
    assert malignant_probability(probabilities) == pytest.approx(0.6)
