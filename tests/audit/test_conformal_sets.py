"""Conformal sets: their thresholds, and their coverage of other lesions."""

import numpy as np
import pandas as pd
import pytest
from mapie.classification import SplitConformalClassifier
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from skin_app.diagnoses import CODES
from skin_app.operating_points import prediction_set
from tests.predictions import crossfit_predictions, made, uncalibrated
from train.audit import conformal_sets
from train.audit.conformal_sets import crossfit_sets, fit_sets, kept_share_threshold
from train.scores.crossfit import Crossfit


@pytest.fixture(scope="module")
def crossfits() -> tuple[Crossfit, ...]:
    return crossfit_predictions()


class GivenProbabilities(ClassifierMixin, BaseEstimator):
    """Gives back what it is asked: probabilities (images, 7)."""

    def __init__(self) -> None:
        self.classes_ = np.arange(7)
        self.is_fitted_ = True

    def fit(self, _x: np.ndarray, _y: np.ndarray) -> "GivenProbabilities":
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        return x.argmax(axis=1)

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return x


@pytest.mark.filterwarnings("ignore:WARNING. your conformalization dataset has less labels")
@pytest.mark.parametrize("coverage", [0.9, 0.95])
def test_sets_are_those_of_mapie_conformalised_class_by_class(coverage: float) -> None:
    logits, labels, _ = made(1500)
    probabilities = softmax(logits, axis=1)
    fit, new = np.arange(1000), np.arange(1000, 1500)
    thresholds = fit_sets(probabilities[fit], labels[fit], coverage)
    ours = prediction_set(probabilities[new], thresholds)
    for k in range(7):
        own = fit[labels[fit] == k]
        mapie = SplitConformalClassifier(GivenProbabilities(), confidence_level=coverage)
        mapie.conformalize(probabilities[own], labels[own])
        sets = mapie.predict_set(probabilities[new])[1][:, :, 0]
        assert np.array_equal(ours[:, k], sets[:, k]), CODES[k]


def test_the_threshold_is_the_conformal_rank() -> None:
    scores = np.linspace(0.01, 0.99, 99)
    assert kept_share_threshold(scores, 0.9) == scores[9]  # the floor(0.1 * 100) = 10th smallest
    assert kept_share_threshold(scores[:9], 0.9) == scores[0]
    assert kept_share_threshold(scores[:8], 0.9) == 0  # none of 8 is low enough
    assert kept_share_threshold(np.array([]), 0.9) == 0


def test_coverage_is_near_nominal_and_reported_by_group(crossfits: tuple[Crossfit, ...]) -> None:
    labels, lesions = crossfits[0].labels, crossfits[0].lesions
    images = pd.DataFrame(
        {
            "dx": np.array(CODES)[labels],
            "sex": np.where(np.arange(len(labels)) % 4 < 2, "female", "male"),
            "age": np.where(lesions % 10 == 0, np.nan, lesions % 90),
            "localization": "back",
        }
    )
    found = conformal_sets.measure(crossfits, images)["0.9"]
    assert found.coverage.value == pytest.approx(0.9, abs=0.02)
    assert found.coverage.interval_95 is not None
    low, high = found.coverage.interval_95
    assert low < 0.9 < high
    ages = found.groups["age band"]
    assert list(ages)[-1] == "unknown"
    assert sum(group.coverage.images for group in ages.values()) == len(labels)
    sets = crossfit_sets(crossfits, 0.9)
    expected = sets[:, labels == 4, 4].mean()
    assert found.groups["diagnosis"]["mel"].coverage.value == pytest.approx(expected)
    assert found.mean_size.value == pytest.approx(sets.sum(axis=2).mean())
    larger = crossfit_sets(crossfits, 0.95)
    assert (larger >= sets).all()
    assert larger.sum() > sets.sum()


def test_a_class_with_too_few_images_is_always_in_the_set_and_named() -> None:
    logits, labels, lesions = made(600)
    rare = labels == 3
    keep = ~rare | (np.cumsum(rare) <= 6)
    small = [uncalibrated(logits[keep], labels[keep], lesions[keep])]
    images = pd.DataFrame(
        {"dx": np.array(CODES)[labels[keep]], "sex": "male", "age": 50.0, "localization": "back"}
    )
    assert conformal_sets.measure(small, images)["0.95"].always_in == ["df"]
    assert crossfit_sets(small, 0.95)[:, :, 3].all()
