"""Schedules against torch's own, the rates of the layers, and the rate of a range test."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, ReduceLROnPlateau

from skin_app.network import Member
from tests.tiny import SWIN
from train.engine.optimiser_and_schedule import (
    cosine_with_warmup,
    parameter_groups,
    plateaus,
    rate_share,
    warm_restarts,
)
from train.engine.range_test import chosen_rate, smooth
from train.recipes.recipe import RunError, Stage


def optimiser() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


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
        assert 0.5 ** plateaus(losses[:epoch], 2) == pytest.approx(sgd.param_groups[0]["lr"])
    assert plateaus(losses, 2) > 3


def test_schedule_rises_and_falls_as_a_cosine() -> None:
    rates = [cosine_with_warmup(step, 110, 10) for step in range(110)]
    assert (rates[0], rates[9], max(rates)) == (0.1, 1.0, 1.0)
    assert rates[60] == pytest.approx(0.5)
    assert rates[-1] < 0.001


def test_each_schedule_is_chosen_by_its_name() -> None:
    restarts = Stage(schedule="restarts", cycle_epochs=2)
    assert rate_share(restarts, 20, 10, []) == 1.0  # the second cycle begins
    plateau = Stage(schedule="plateau", plateau_patience=0, plateau_factor=0.1)
    assert rate_share(plateau, 5, 10, [1.0, 2.0]) == pytest.approx(0.1)
    assert rate_share(Stage(schedule="constant"), 25, 10, []) == 1.0
    assert rate_share(Stage(epochs=3), 29, 10, []) < 0.01


def test_deeper_layers_learn_more_slowly() -> None:
    member = Member(SWIN)
    named = dict(member.backbone.named_parameters())
    for name, parameter in named.items():
        parameter.requires_grad_(not name.startswith("patch_embed"))
    groups = parameter_groups(
        member, Stage(backbone_rate=1e-4, head_rate=1e-3, layer_decay=0.5, weight_decay=0.05)
    )
    rate = {id(p): group["peak_rate"] for group in groups for p in group["params"]}
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert set(rate) == {id(p) for p in member.parameters() if p.requires_grad}
    assert rate[id(member.dense.weight)] == 1e-3
    assert decay[id(member.dense.bias)] == 0
    first, last = (named[f"layers.{layer}.blocks.0.mlp.fc1.weight"] for layer in (0, 2))
    assert rate[id(first)] < rate[id(last)] <= 1e-4


def test_the_rate_that_a_range_test_chooses_lies_before_the_loss_climbs() -> None:
    rates = np.geomspace(1e-6, 1, 61)
    steep = 1e-3
    losses = 2 - 1.5 / (1 + (steep / rates) ** 1.5) + 5 * np.clip(np.log10(rates / 0.1), 0, None)
    chosen = chosen_rate(pd.DataFrame({"rate": rates, "smoothed": losses}))
    assert chosen == pytest.approx(rates[losses.argmin()] / 10)
    assert steep < chosen < 0.1
    with pytest.raises(RunError, match="never fell"):
        chosen_rate(pd.DataFrame({"rate": rates, "smoothed": np.linspace(1, 2, 61)}))
    assert smooth([3.0, 3.0, 3.0]) == pytest.approx([3.0, 3.0, 3.0])
