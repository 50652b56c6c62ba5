"""Which images an epoch takes, class weights, and the shift of the priors, against independent ones."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from skin_app.diagnoses import CODES
from train.engine.class_balance import (
    class_weights,
    emphasis,
    epoch_rows,
    log_prior_shift,
    steps_per_epoch,
)
from train.recipes.published import FLAGSHIP, LE2020, MISHRA2019, TEES3R2019
from train.recipes.recipe import Recipe

COUNTS = np.array([33, 51, 110, 12, 111, 670, 14])
LABELS = np.repeat(np.arange(7), COUNTS)


def drawn(recipe: Recipe, seed: int = 0) -> np.ndarray:
    """The images of an epoch, numbered as `LABELS`."""
    rows = np.arange(1000, 1000 + len(LABELS))
    return epoch_rows(recipe, rows, LABELS, np.random.default_rng(seed)) - 1000


def test_a_balanced_batch_holds_every_diagnosis_equally_often() -> None:
    order = drawn(MISHRA2019)
    assert len(order) == steps_per_epoch(MISHRA2019, LABELS) * MISHRA2019.batch
    for batch in order.reshape(-1, MISHRA2019.batch):
        held = Counter(LABELS[batch].tolist())
        assert set(held) == set(range(7))
        assert max(held.values()) - min(held.values()) <= 1
    rare = Counter(order[LABELS[order] == 3].tolist())
    assert max(rare.values()) - min(rare.values()) <= 1  # no image before its turn


def test_expansion_repeats_rare_diagnoses_up_to_the_commonest() -> None:
    order = drawn(replace(TEES3R2019, batch=1))
    assert np.bincount(LABELS[order]).tolist() == [670] * 7
    assert set(order.tolist()) == set(range(len(LABELS)))
    half = replace(TEES3R2019, batch=1, expansion=0.5)
    assert len(drawn(half)) == steps_per_epoch(half, LABELS) == 670 + 6 * 335
    shuffled = drawn(FLAGSHIP)
    assert len(set(shuffled.tolist())) == len(shuffled) == len(LABELS) // 32 * 32


def test_thinning_draws_part_of_the_commonest_diagnosis_anew_each_epoch() -> None:
    thinned = replace(FLAGSHIP, batch=1, sampling="thinned", thinning=0.5)
    first, second = drawn(thinned, 0), drawn(thinned, 1)
    for order in (first, second):
        assert len(order) == len(set(order.tolist())) == steps_per_epoch(thinned, LABELS)
        assert np.bincount(LABELS[order]).tolist() == [33, 51, 110, 12, 111, 335, 14]
    assert set(first.tolist()) != set(second.tolist())
    shift = log_prior_shift(LABELS, replace(thinned, class_weight_power=0.0))
    assert np.allclose(np.delete(shift, 5) - shift[5], math.log(2))


def test_class_ratio_weights_agree_with_scikit_learn() -> None:
    expected = compute_class_weight("balanced", classes=np.arange(7), y=LABELS)
    assert np.allclose(class_weights(COUNTS, power=1), expected, rtol=1e-5)
    assert np.array_equal(class_weights(np.array([5, 50]), power=0), np.ones(2))
    shift = log_prior_shift(LABELS, FLAGSHIP)
    assert np.allclose(shift - shift[0], -0.5 * np.log(COUNTS / COUNTS[0]), atol=1e-6)


def test_uneven_sampling_is_taken_off_like_class_weights() -> None:
    """Showing a class k times as often shifts its logit by log k, as weighting it by k does."""
    by_sampling = log_prior_shift(LABELS, replace(TEES3R2019, class_boost=()))
    by_weights = log_prior_shift(LABELS, replace(LE2020, class_weight_power=1.0))
    assert np.allclose(by_sampling, by_weights, atol=1e-6)
    assert np.allclose(log_prior_shift(LABELS, MISHRA2019), by_weights, atol=1e-6)
    boosted = log_prior_shift(LABELS, TEES3R2019) - by_sampling
    mel = CODES.index("mel")
    assert np.allclose(boosted[mel] - np.delete(boosted, mel), math.log(3))
    assert np.allclose(emphasis(FLAGSHIP, COUNTS), 1)


def test_logit_adjustment_is_taken_off_like_class_weights() -> None:
    """With the whole log prior added in training, logits are those of equal priors."""
    plain = replace(LE2020, class_weight_power=0.0)
    adjusted = log_prior_shift(LABELS, replace(plain, logit_adjustment=1.0))
    weighted = log_prior_shift(LABELS, LE2020)
    assert np.allclose(adjusted - adjusted[0], weighted - weighted[0], atol=1e-6)
    assert np.allclose(log_prior_shift(LABELS, plain), 0)
    with pytest.raises(ValueError, match="logit_adjustment needs the focal loss"):
        replace(MISHRA2019, logit_adjustment=1.0)
