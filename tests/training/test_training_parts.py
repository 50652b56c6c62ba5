"""Losses, schedules, augmentation, start weights, temperature, against independent ones."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from skin_app.calibration import softmax
from skin_app.network import Member
from tests.tiny import MOBILENET, SWIN
from train.engine.class_balance import class_weights, log_prior_shift
from train.engine.losses import focal_loss
from train.engine.optimiser import cosine_with_warmup, parameter_groups
from train.engine.start_weights import started_member
from train.recipes.published import FLAGSHIP
from train.recipes.recipe import RunError, Stage
from train.scores.temperature import fit_temperature

LABELS = np.random.default_rng(0).integers(0, 7, 300)
PROBABILITIES = softmax(np.random.default_rng(1).normal(size=(300, 7)) + 2 * np.eye(7)[LABELS])


def test_class_ratio_weights_agree_with_scikit_learn() -> None:
    expected = compute_class_weight("balanced", classes=np.arange(7), y=LABELS)
    ours = class_weights(np.bincount(LABELS), power=1)
    assert np.allclose(ours, expected, rtol=1e-5)
    assert np.array_equal(class_weights(np.array([5, 50]), power=0), np.ones(2))


def test_focal_loss_without_focus_is_weighted_cross_entropy() -> None:
    logits = torch.randn(20, 7, generator=torch.Generator().manual_seed(0))
    labels = torch.from_numpy(LABELS[:20])
    weights = torch.arange(1.0, 8.0)
    targets = F.one_hot(labels, 7).float()
    expected = F.cross_entropy(logits, labels, weight=weights, reduction="none").mean()
    assert torch.isclose(focal_loss(logits, targets, weights, gamma=0), expected)
    smooth = F.cross_entropy(logits, labels, label_smoothing=0.1)
    assert torch.isclose(focal_loss(logits, targets, torch.ones(7), gamma=0, smoothing=0.1), smooth)


def test_focal_loss_is_equation_5_of_lin_et_al() -> None:
    logits = torch.tensor([[2.0, 0, 0, 0, 0, 0, 0]])
    p = torch.softmax(logits, dim=1)[0, 0]
    targets = F.one_hot(torch.tensor([0]), 7).float()
    expected = -((1 - p) ** 2) * p.log()
    assert torch.isclose(focal_loss(logits, targets, torch.ones(7), gamma=2), expected)


def test_schedule_rises_and_falls_as_a_cosine() -> None:
    rates = [cosine_with_warmup(step, 110, 10) for step in range(110)]
    assert rates[0] == 0.1
    assert rates[9] == 1.0
    assert max(rates) == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[-1] < 0.001


def test_deeper_layers_learn_more_slowly() -> None:
    member = Member(SWIN)
    for name, parameter in member.backbone.named_parameters():
        parameter.requires_grad_(not name.startswith("patch_embed"))
    groups = parameter_groups(
        member, Stage(backbone_rate=1e-4, head_rate=1e-3, layer_decay=0.5, weight_decay=0.05)
    )
    rate = {id(p): group["peak_rate"] for group in groups for p in group["params"]}
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    trained = [p for p in member.parameters() if p.requires_grad]
    assert set(rate) == {id(p) for p in trained}
    assert rate[id(member.dense.weight)] == 1e-3
    assert decay[id(member.dense.bias)] == 0
    first = dict(member.backbone.named_parameters())["layers.0.blocks.0.mlp.fc1.weight"]
    last = dict(member.backbone.named_parameters())["layers.2.blocks.0.mlp.fc1.weight"]
    assert rate[id(first)] < rate[id(last)] <= 1e-4


def test_start_weights_fill_the_backbone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    donor = Member(SWIN)
    state = {k: v.contiguous() for k, v in donor.backbone.state_dict().items()}
    save_file(state | {"head.weight": torch.zeros(5, 5)}, tmp_path / "start.safetensors")
    member = started_member(SWIN, tmp_path / "start.safetensors")
    for key, value in member.backbone.state_dict().items():
        if not key.startswith("norm."):
            assert torch.equal(value, donor.backbone.state_dict()[key]), key


def test_unfit_start_weights_are_one_sentence(tmp_path: Path) -> None:
    state = {k: v.contiguous() for k, v in Member(SWIN).backbone.state_dict().items()}
    save_file(state, tmp_path / "swin.safetensors")
    with pytest.raises(RunError, match=r"does not hold .* weights of mobilenetv3"):
        started_member(MOBILENET, tmp_path / "swin.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(RunError, match="not a readable safetensors file"):
        started_member(SWIN, tmp_path / "text.safetensors")


def test_the_temperature_is_found_again() -> None:
    random = np.random.default_rng(5)
    logits = random.normal(size=(20_000, 7)) * 2
    labels = np.array([random.choice(7, p=p) for p in softmax(logits)])
    assert fit_temperature(logits * 3, labels) == pytest.approx(3, rel=0.05)


def test_the_prior_shift_is_the_log_of_the_loss_weights() -> None:
    shift = log_prior_shift(LABELS, FLAGSHIP)
    counts = np.bincount(LABELS)
    assert np.allclose(shift - shift[0], -0.5 * np.log(counts / counts[0]), atol=1e-6)


def test_the_flagship_recipe_is_json_and_ships_under_64_mb() -> None:
    assert FLAGSHIP.to_dict()["member"]["architecture"] == "swin_tiny_patch4_window7_224"
    parameters = sum(p.numel() for p in Member(FLAGSHIP.member).parameters())
    assert FLAGSHIP.shipped * parameters * 2 < 56_000_000
