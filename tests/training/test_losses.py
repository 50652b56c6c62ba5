"""The losses against torch's own and against their equations."""

import pytest
import torch
from torch.nn import functional as F

from skin_app.network import Member
from tests.tiny import MOBILENET
from train.engine.losses import ContrastiveNetwork, contrastive_loss, focal_loss, one_vs_rest_loss

LABELS = torch.tensor([0, 1, 2, 5, 6, 5, 5])
LOGITS = torch.randn(7, 7, generator=torch.Generator().manual_seed(0))
TARGETS = F.one_hot(LABELS, 7).float()
EQUAL = torch.ones(7)


def test_focal_loss_without_focus_is_weighted_cross_entropy() -> None:
    weights = torch.arange(1.0, 8.0)
    expected = F.cross_entropy(LOGITS, LABELS, weight=weights, reduction="none").mean()
    assert torch.isclose(focal_loss(LOGITS, TARGETS, weights, gamma=0), expected)
    smooth = F.cross_entropy(LOGITS, LABELS, label_smoothing=0.1)
    assert torch.isclose(focal_loss(LOGITS, TARGETS, EQUAL, gamma=0, smoothing=0.1), smooth)


def test_focal_loss_is_equation_5_of_lin_et_al() -> None:
    p = torch.softmax(LOGITS, dim=1)[torch.arange(7), LABELS]
    expected = (-((1 - p) ** 2) * p.log()).mean()
    assert torch.isclose(focal_loss(LOGITS, TARGETS, EQUAL, gamma=2), expected)


@pytest.mark.parametrize("weight", [1.0, 2.0])
def test_one_vs_rest_is_the_sum_of_seven_binary_losses(weight: float) -> None:
    p = torch.sigmoid(LOGITS)
    expected = -(TARGETS * p.log() + (1 - TARGETS) * (1 - p).log()).sum(dim=1).mean()
    assert torch.isclose(one_vs_rest_loss(LOGITS, TARGETS, weight * EQUAL), weight * expected)


def test_contrastive_loss_is_equation_2_of_khosla_et_al() -> None:
    vectors = F.normalize(LOGITS[:6, :4], dim=1)
    labels, temperature = torch.tensor([0, 1, 0, 2, 1, 0]), 0.2
    losses = []
    for anchor in range(6):
        others = [k for k in range(6) if k != anchor]
        alike = [k for k in others if labels[k] == labels[anchor]]
        if alike:
            similar = (vectors @ vectors[anchor] / temperature).exp()
            terms = [-(similar[k] / similar[others].sum()).log() for k in alike]
            losses.append(torch.stack(terms).mean())
    expected = torch.stack(losses).mean()
    assert torch.isclose(contrastive_loss(vectors, labels, temperature), expected, atol=1e-6)
    assert contrastive_loss(vectors, torch.arange(6), temperature) == 0


def test_the_contrastive_network_gives_unit_vectors_and_trains_the_backbone() -> None:
    network = ContrastiveNetwork(Member(MOBILENET), width=8)
    vectors = network(torch.rand(4, 3, 64, 64))
    assert vectors.shape == (4, 8)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(4), atol=1e-5)
    contrastive_loss(vectors, torch.tensor([0, 0, 1, 1]), 0.1).backward()
    assert network.member.backbone.conv_stem.weight.grad.abs().sum() > 0
    assert network.member.classifier.weight.grad is None
