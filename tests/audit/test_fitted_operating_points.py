"""Operating points: their thresholds, and their sensitivity and specificity on other lesions."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.metrics import roc_curve

from skin_app.calibration import malignant_probability
from skin_app.diagnoses import CODES
from tests.predictions import crossfit_predictions, made
from train.audit.fitted_operating_points import (
    SENSITIVITIES,
    calls_by_patient,
    crossfit_calls,
    empirical_threshold,
    fit_points,
    fit_threshold,
    is_malignant,
    measure_by_patient,
)
from train.data.ham10000 import DataError
from train.scores.metrics import weighted_specificity


def test_the_operating_point_is_the_one_of_the_roc_curve() -> None:
    """The highest threshold of the curve that keeps the conformal share of the malignant images."""
    logits, labels, _ = made(1500)
    probabilities = softmax(logits, axis=1)
    malignant = is_malignant(labels)
    scores = malignant_probability(probabilities)
    _, sensitivities, thresholds = roc_curve(malignant, scores, drop_intermediate=False)
    for target in SENSITIVITIES:
        found = fit_threshold(probabilities, labels, target)
        share = target * (1 + 1 / malignant.sum())
        assert found == thresholds[sensitivities >= share - 1e-12].max()
    rising = [fit_threshold(probabilities, labels, target) for target in SENSITIVITIES[::-1]]
    assert rising == sorted(rising)


def test_points_reach_their_sensitivity_on_other_lesions() -> None:
    crossfits = crossfit_predictions()
    points = fit_points(crossfits, crossfits[0].own)
    for stored in points:
        assert stored.sensitivity == pytest.approx(stored.target_sensitivity, abs=0.02)
        low, high = stored.specificity_interval
        assert low < stored.specificity < high
    called = crossfit_calls(crossfits, SENSITIVITIES[0])
    malignant = is_malignant(crossfits[0].labels)
    assert points[0].sensitivity == pytest.approx(called[:, malignant].mean())
    assert points[0].specificity == pytest.approx(1 - called[:, ~malignant].mean())


def test_points_need_malignant_and_benign_images() -> None:
    crossfits = crossfit_predictions()
    for label, missing in ((5, "malignant"), (4, "benign")):
        alike = replace(crossfits[0], labels=np.full(1000, label))
        with pytest.raises(DataError, match=f"needs {missing} images"):
            fit_points([alike], alike.own)


@pytest.mark.parametrize("percent", [80, 95, 100])
def test_the_empirical_threshold_is_the_highest_that_is_sensitive_enough(percent: int) -> None:
    generator = np.random.default_rng(1)
    positive = generator.random(300) < 0.3
    score = np.round(generator.random(300) + 0.4 * positive, 2)
    threshold = empirical_threshold(positive, score, percent)
    _, sensitivity, thresholds = roc_curve(positive, score, drop_intermediate=False)
    assert threshold == thresholds[sensitivity * 100 >= percent - 1e-9].max()
    expected = weighted_specificity(positive, score, np.ones((1, 300)), percent)
    assert (score[~positive] < threshold).mean() == pytest.approx(expected[0])


def test_calls_are_counted_by_sex_and_age() -> None:
    crossfits = crossfit_predictions()
    first, random = crossfits[0], np.random.default_rng(0)
    ages = random.choice([25.0, 39.0, 40.0, 80.0, np.nan], 1000)
    images = pd.DataFrame({"sex": random.choice(["female", "male"], 1000), "age": ages})
    found = measure_by_patient(crossfits, images)["0.95"]
    called = crossfit_calls(crossfits, 0.95)
    assert found == calls_by_patient(called, first.labels, first.lesions, images)
    assert {axis: list(groups) for axis, groups in found.items()} == {
        "sex": ["female", "male"],
        "age band": ["0-29", "30-44", "75+", "unknown"],
        "age": ["under 40"],
    }
    melanoma, young = first.labels == CODES.index("mel"), ages < 40
    own = found["age"]["under 40"]
    assert own.melanoma_sensitivity.images == (melanoma & young).sum()
    assert own.melanoma_sensitivity.value == pytest.approx(called[:, melanoma & young].mean())
    benign = ~is_malignant(first.labels) & (images["sex"] == "male").to_numpy()
    assert found["sex"]["male"].specificity.value == pytest.approx(1 - called[:, benign].mean())
    others = calls_by_patient(np.ones_like(called), first.labels, first.lesions, images)
    assert others["age"]["under 40"].melanoma_sensitivity.value == 1
    assert others["sex"]["male"].specificity.value == 0
