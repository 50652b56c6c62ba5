"""Nothing is measured on lesions that it was fitted on."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from skin_app.calibration import calibrated
from tests.predictions import BASE, crossfit_predictions, made
from train.audit.conformal_sets import crossfit_sets
from train.audit.fitted_operating_points import crossfit_calls
from train.audit.outcome_rules import crossfit_grounds
from train.audit.withheld_answers import crossfit_answers
from train.scores.crossfit import Crossfit
from train.scores.fitted_calibration import (
    bias_helps,
    chosen_calibration,
    cross_fitted,
    fit_temperature,
    fit_temperature_and_bias,
    negative_log_likelihood,
)
from train.scores.intervals import mean_estimates, ratio_estimates


@pytest.fixture(scope="module")
def crossfit() -> Crossfit:
    return crossfit_predictions()[0]


def test_temperature_and_bias_are_found_again() -> None:
    """At the optimum each class is as probable on average as it is frequent (up to the ridge)."""
    logits, labels, _ = made(5000)
    bias = np.array([0.3, -0.2, 0.0, 0.9, -0.5, -0.4, -0.1])
    moved = 1.7 * (logits - bias)
    temperature, found = fit_temperature_and_bias(moved, labels)
    assert temperature == pytest.approx(1.7, rel=0.08)
    assert np.allclose(found - found.mean(), bias - bias.mean(), atol=0.2)
    probabilities = softmax(moved / temperature + found, axis=1)
    assert np.allclose(probabilities.mean(axis=0), np.bincount(labels) / 5000, atol=5e-4)
    true = (moved * np.eye(7)[labels]).sum(axis=1).mean()
    assert (moved * probabilities).sum(axis=1).mean() == pytest.approx(true, abs=5e-3)


def test_a_bias_is_used_only_where_it_helps_other_lesions() -> None:
    logits, labels, lesions = made(1000)
    assert not bias_helps(logits, labels, lesions)
    moved = logits + np.array([0, 0, 0, 1.0, 0, -1.0, 0])
    assert bias_helps(moved, labels, lesions)
    plain = chosen_calibration(BASE, {1: logits, 8: moved}, labels, lesions, "these")
    assert set(plain.biases) == {8}
    assert plain.temperatures[1] == pytest.approx(fit_temperature(logits, labels))
    losses = [
        negative_log_likelihood(cross_fitted(moved, labels, lesions, np.zeros(7), bias), labels)
        for bias in ("none", "chosen")
    ]
    assert losses[1] < losses[0] - 0.05


def test_a_bias_stays_finite_for_a_class_without_images() -> None:
    logits, labels, _ = made(500)
    _, bias = fit_temperature_and_bias(logits, np.where(labels == 3, 5, labels))
    assert np.isfinite(bias).all()
    assert bias[3] == bias.min()


def test_what_lies_inside_a_part_does_not_move_its_own_thresholds(crossfit: Crossfit) -> None:
    """Poison: inside one part every diagnosis becomes another; only the other parts may notice."""
    inside = crossfit.parts == 2
    poisoned = replace(crossfit, labels=np.where(inside, (crossfit.labels + 3) % 7, crossfit.labels))
    for measured in (
        lambda one: crossfit_sets([one], 0.9)[0],
        lambda one: crossfit_calls([one], 0.95)[0],
        lambda one: crossfit_grounds([one])[0],
    ):
        before, after = measured(crossfit), measured(poisoned)
        assert np.array_equal(before[inside], after[inside])
        assert not np.array_equal(before[~inside], after[~inside])


def test_doubtful_images_inside_a_part_do_not_move_its_own_cut_offs(crossfit: Crossfit) -> None:
    inside = np.flatnonzero(crossfit.parts == 2)
    poisoned, spared = inside[::2], inside[1::2]
    probabilities = crossfit.probabilities.copy()
    probabilities[2, poisoned] = 1 / 7
    worse = replace(crossfit, probabilities=probabilities)
    before, after = (crossfit_answers(one, BASE.frequencies)[0] for one in (crossfit, worse))
    assert np.array_equal(before[:, spared], after[:, spared])
    assert not after[1:, poisoned].any()


def test_what_lies_inside_a_part_does_not_move_its_own_calibration() -> None:
    logits, labels, lesions = made(300)
    before = Crossfit.of(BASE, logits, labels, lesions, 1)
    inside = before.parts == 1
    poisoned = np.where(inside[:, None], -logits, logits)
    for part, calibration in enumerate(before.calibrations):
        rows = before.parts != part
        fitted = chosen_calibration(BASE, {1: poisoned[rows]}, labels[rows], lesions[rows], "")
        same = fitted.temperatures[1] == calibration.temperatures[1]
        assert same == (part == 1)
    assert np.array_equal(before.own[inside], calibrated(logits[inside], before.calibrations[1], 1))
    assert all(len(np.unique(before.parts[lesions == one])) == 1 for one in lesions)


def test_estimates_draw_whole_lesions() -> None:
    lesions = np.repeat(np.arange(50), 2)
    values = np.random.default_rng(0).normal(size=(100, 2)) + 5
    values[lesions < 20, 1] = np.nan
    both, some = mean_estimates(values, lesions)
    assert both.value == pytest.approx(values[:, 0].mean())
    assert (some.value, some.images) == (pytest.approx(np.nanmean(values[:, 1])), 60)
    doubled = np.repeat(values[::2, :1], 2, axis=0)
    single = mean_estimates(values[::2, :1], lesions[::2])[0].interval_95
    assert mean_estimates(doubled, lesions)[0].interval_95 == pytest.approx(single)
    lower = 0.025 ** (1 / 50)  # resampled, equal values would give an interval without width
    all_of_them, none_of_them = mean_estimates(np.array([[1.0, 0.0]] * 100), lesions)
    assert all_of_them.interval_95 == pytest.approx((lower, 1))
    assert none_of_them.interval_95 == pytest.approx((0, 1 - lower))
    (none,) = ratio_estimates(np.zeros((100, 1)), np.zeros((100, 1)), lesions)
    assert (none.value, none.interval_95, none.images) == (None, None, 0)
