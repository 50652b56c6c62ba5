"""Schedules, sampling, losses of the recipes and the contrastive stage, against independent ones."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, ReduceLROnPlateau

from skin_app.diagnoses import CODES
from skin_app.network import Member
from tests.tiny import MOBILENET
from train.data.pixels import Pixels
from train.engine.class_balance import emphasis, epoch_rows, log_prior_shift, steps_per_epoch
from train.engine.losses import ContrastiveNetwork, contrastive_loss, one_vs_rest_loss
from train.engine.optimiser import plateaus, rate_share, warm_restarts
from train.engine.range_test import choose, smooth
from train.engine.run import RunError
from train.recipes.published import FLAGSHIP, LE2020, MISHRA2019, TEES3R2019
from train.recipes.recipe import Stage

COUNTS = np.array([33, 51, 110, 12, 111, 670, 14])
LABELS = np.repeat(np.arange(7), COUNTS)


def optimiser(rate: float = 1.0) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


def test_warm_restarts_agree_with_torch() -> None:
    theirs = CosineAnnealingWarmRestarts(optimiser(), T_0=5, T_mult=2)
    for step in range(40):
        assert warm_restarts(step, 5, 2) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        theirs.step()


def test_plateaus_agree_with_torch() -> None:
    losses = np.random.default_rng(3).uniform(0.5, 1, 60).tolist()
    sgd = optimiser()
    theirs = ReduceLROnPlateau(sgd, factor=0.5, patience=2, threshold=0)
    for epoch, loss in enumerate(losses, start=1):
        theirs.step(loss)
        expected = sgd.param_groups[0]["lr"]
        assert 0.5 ** plateaus(losses[:epoch], 2) == pytest.approx(expected)
    assert plateaus(losses, 2) > 3


def test_each_schedule_is_chosen_by_its_name() -> None:
    restarts = replace(Stage(), schedule="restarts", cycle_epochs=2)
    assert rate_share(restarts, 20, 10, []) == 1.0  # the second cycle begins
    plateau = replace(Stage(), schedule="plateau", plateau_patience=0, plateau_factor=0.1)
    assert rate_share(plateau, 5, 10, [1.0, 2.0]) == pytest.approx(0.1)
    assert rate_share(replace(Stage(), schedule="constant"), 25, 10, []) == 1.0
    assert rate_share(Stage(epochs=3), 29, 10, []) < 0.01


def test_a_balanced_batch_holds_every_diagnosis_equally_often() -> None:
    rows = np.arange(1000, 1000 + len(LABELS))
    order = epoch_rows(MISHRA2019, rows, LABELS, np.random.default_rng(0))
    assert len(order) == steps_per_epoch(MISHRA2019, LABELS) * MISHRA2019.batch
    for start in range(0, len(order), MISHRA2019.batch):
        held = Counter(LABELS[order[start : start + MISHRA2019.batch] - 1000].tolist())
        assert set(held) == set(range(7))
        assert max(held.values()) - min(held.values()) <= 1
    rare = Counter(order[LABELS[order - 1000] == 3].tolist())
    assert max(rare.values()) - min(rare.values()) <= 1  # no image before its turn


def test_expansion_repeats_rare_diagnoses_up_to_the_commonest() -> None:
    rows = np.arange(len(LABELS))
    order = epoch_rows(replace(TEES3R2019, batch=1), rows, LABELS, np.random.default_rng(0))
    assert np.bincount(LABELS[order]).tolist() == [670] * 7
    assert set(order.tolist()) == set(rows.tolist())
    half = replace(TEES3R2019, batch=1, expansion=0.5)
    assert steps_per_epoch(half, LABELS) == 670 + 6 * 335
    shuffled = epoch_rows(FLAGSHIP, rows, LABELS, np.random.default_rng(0))
    assert len(set(shuffled.tolist())) == len(shuffled) == len(LABELS) // 32 * 32


def test_thinning_draws_part_of_the_commonest_diagnosis_anew_each_epoch() -> None:
    thinned = replace(FLAGSHIP, batch=1, sampling="thinned", thinning=0.5)
    rows = np.arange(1000, 1000 + len(LABELS))
    first, second = (epoch_rows(thinned, rows, LABELS, np.random.default_rng(k)) for k in (0, 1))
    for order in (first, second):
        assert len(order) == len(set(order.tolist())) == steps_per_epoch(thinned, LABELS)
        assert np.bincount(LABELS[order - 1000]).tolist() == [33, 51, 110, 12, 111, 335, 14]
    assert set(first.tolist()) != set(second.tolist())
    shift = log_prior_shift(LABELS, replace(thinned, class_weight_power=0.0))
    assert np.allclose(np.delete(shift, 5) - shift[5], math.log(2))


def test_uneven_sampling_is_taken_off_like_class_weights() -> None:
    """Showing a class k times as often shifts its logit by log k, as weighting it by k does."""
    by_sampling = log_prior_shift(LABELS, replace(TEES3R2019, class_boost=()))
    by_weights = log_prior_shift(LABELS, replace(LE2020, class_weight_power=1.0))
    assert np.allclose(by_sampling, by_weights, atol=1e-6)
    balanced = log_prior_shift(LABELS, MISHRA2019)
    assert np.allclose(balanced, by_weights, atol=1e-6)
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


def test_one_vs_rest_is_the_sum_of_seven_binary_losses() -> None:
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    targets = F.one_hot(torch.tensor([0, 1, 2, 5, 6]), 7).float()
    p = torch.sigmoid(logits)
    expected = -(targets * p.log() + (1 - targets) * (1 - p).log()).sum(dim=1).mean()
    assert torch.isclose(one_vs_rest_loss(logits, targets, torch.ones(7)), expected)
    doubled = one_vs_rest_loss(logits, targets, torch.full((7,), 2.0))
    assert torch.isclose(doubled, 2 * expected)


def test_contrastive_loss_is_equation_2_of_khosla_et_al() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = F.normalize(torch.randn(6, 4, generator=generator), dim=1)
    labels, temperature = torch.tensor([0, 1, 0, 2, 1, 0]), 0.2
    losses = []
    for anchor in range(6):
        others = [k for k in range(6) if k != anchor]
        alike = [k for k in others if labels[k] == labels[anchor]]
        if alike:
            shares = torch.stack([vectors[anchor] @ vectors[k] / temperature for k in others]).exp()
            terms = [
                -((vectors[anchor] @ vectors[k] / temperature).exp() / shares.sum()).log()
                for k in alike
            ]
            losses.append(sum(terms, torch.zeros(())) / len(alike))
    expected = torch.stack(losses).mean()
    assert torch.isclose(contrastive_loss(vectors, labels, temperature), expected, atol=1e-6)
    alone = contrastive_loss(vectors, torch.arange(6), temperature)
    assert alone == 0


def test_the_contrastive_network_gives_unit_vectors_and_trains_the_backbone() -> None:
    network = ContrastiveNetwork(Member(MOBILENET), width=8)
    vectors = network(torch.rand(4, 3, 64, 64))
    assert vectors.shape == (4, 8)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(4), atol=1e-5)
    contrastive_loss(vectors, torch.tensor([0, 0, 1, 1]), 0.1).backward()
    assert network.member.backbone.conv_stem.weight.grad.abs().sum() > 0
    assert network.member.classifier.weight.grad is None


def test_the_chosen_rate_lies_before_the_loss_climbs() -> None:
    rates = np.geomspace(1e-6, 1, 61)
    steep = 1e-3
    losses = 2 - 1.5 / (1 + (steep / rates) ** 1.5) + 5 * np.clip(np.log10(rates / 0.1), 0, None)
    chosen = choose(pd.DataFrame({"rate": rates, "smoothed": losses}))
    assert chosen == pytest.approx(rates[losses.argmin()] / 10)
    assert steep < chosen < 0.1
    with pytest.raises(RunError, match="never fell"):
        choose(pd.DataFrame({"rate": rates, "smoothed": np.linspace(1, 2, 61)}))
    assert smooth([3.0, 3.0, 3.0]) == pytest.approx([3.0, 3.0, 3.0])


def test_pixels_come_in_the_order_asked_for() -> None:
    squares = np.random.default_rng(0).integers(0, 256, (9, 3, 4, 4), dtype=np.uint8)
    rows = np.array([7, 0, 7, 3])
    taken = Pixels(squares, torch.device("cpu")).take(rows)
    assert taken.dtype == torch.float32
    assert torch.allclose(taken, torch.from_numpy(squares[rows]) / 255)
