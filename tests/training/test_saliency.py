"""Saliency against closed forms, guided back-propagation against the grad-cam library."""

import copy

import pytest
import timm
import torch
from pytorch_grad_cam import GuidedBackpropReLUModel
from torch import Tensor, nn
from torch.nn import functional as F

from skin_app.network import Member, MemberConfig
from tests.tiny import MOBILENET, SWIN, LogitsOnly
from train.engine.run import RunError
from train.explain.saliency import Guided, gradient_saliency, guided_gradient, smooth_saliency

RESNET = MOBILENET.model_copy(update={"architecture": "resnet10t", "hidden": 0})


def member_of(config: MemberConfig) -> Member:
    torch.manual_seed(1)
    return Member(config).eval()


def picture_of(size: int) -> Tensor:
    return torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("label", [0, 4])
def test_on_relus_alone_it_equals_the_grad_cam_library(label: int) -> None:
    wrapped, images = LogitsOnly(member_of(RESNET)), picture_of(64)
    ours = guided_gradient(wrapped, images, label)
    library = GuidedBackpropReLUModel(model=copy.deepcopy(wrapped))(images.clone(), label)
    assert ours.abs().max() > 0
    assert torch.allclose(ours[0].permute(1, 2, 0), torch.from_numpy(library), atol=1e-7)


def test_fused_and_functional_rectifiers_are_guided_too() -> None:
    """densenet121 keeps its ReLUs inside its norm layers; a function is called by no module."""
    torch.manual_seed(1)
    fused = timm.create_model("densenet121", num_classes=7).eval()
    with Guided() as guided:
        fused(picture_of(64))
    assert guided.calls == sum(isinstance(module, nn.ReLU) for module in fused.modules())

    weights = torch.tensor([[1.0, -2.0], [3.0, 4.0]])
    images = torch.tensor([[[[0.5]], [[0.25]]]])

    def two_rectifiers(values: Tensor) -> Tensor:
        return -F.relu(values.flatten(1) @ weights) + torch.relu(values.flatten(1) @ weights.abs())

    gradient = guided_gradient(two_rectifiers, images, 0)
    assert gradient.flatten().tolist() == [1.0, 3.0]  # only the second term hands back anything


@pytest.mark.parametrize("activation", [nn.SiLU(), nn.GELU(), nn.Hardswish(), nn.ReLU6()])
def test_other_activations_keep_their_derivative_behind_the_same_gates(activation: nn.Module) -> None:
    values = torch.linspace(-4, 8, 25).view(1, 1, 5, 5)
    signs = torch.tensor([1.0, -1.0]).repeat(13)[:25].view(5, 5)
    gradient = guided_gradient(
        lambda images: (activation(images) * signs).sum((2, 3)), values, 0
    ).flatten()
    inputs = values.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(activation(inputs).sum(), inputs)
    open_gates = (values > 0) & (signs > 0)
    assert torch.allclose(gradient, torch.where(open_gates, slope, 0).flatten(), atol=1e-6)


@pytest.mark.parametrize("config", [RESNET, MOBILENET, SWIN], ids=lambda c: c.architecture)
def test_nothing_is_left_on_the_member(config: MemberConfig) -> None:
    member, images = member_of(config), picture_of(config.size)
    before = {name: value.clone() for name, value in member.state_dict().items()}
    pixels = images.clone().requires_grad_(True)
    (plain,) = torch.autograd.grad(member(pixels).logits[:, 1].sum(), pixels)
    guided = guided_gradient(LogitsOnly(member), images, 1)
    assert not torch.allclose(guided, plain)
    (again,) = torch.autograd.grad(member(pixels).logits[:, 1].sum(), pixels)
    assert torch.equal(plain, again)
    assert all(torch.equal(before[name], value) for name, value in member.state_dict().items())
    assert all(parameter.grad is None for parameter in member.parameters())


def test_a_network_without_rectifiers_is_refused() -> None:
    with pytest.raises(RunError, match="none of the rectifiers"):
        guided_gradient(nn.Sequential(nn.Flatten(), nn.Linear(12, 7)), torch.rand(1, 3, 2, 2), 0)


def test_saliency_of_a_linear_network_is_its_weights() -> None:
    weights = torch.randn(7, 3 * 4 * 4, generator=torch.Generator().manual_seed(0))
    images = torch.rand(2, 3, 4, 4)
    expected = weights[5].view(3, 4, 4).abs().amax(dim=0).expand(2, 4, 4)
    for explain in (gradient_saliency, smooth_saliency):
        found = explain(lambda pixels: pixels.flatten(1) @ weights.T, images, 5)
        assert torch.allclose(found, expected, atol=1e-6)


def test_smooth_saliency_averages_the_gradient_over_the_noise() -> None:
    """For x**2 the gradient at x + noise is 2 (x + noise); far from 0 the noise averages out."""
    images = torch.full((1, 3, 40, 40), 5.0)

    def squares(pixels: Tensor) -> Tensor:
        return pixels.square().sum(dim=(1, 2, 3))[:, None].expand(-1, 7)

    smooth = smooth_saliency(squares, images, 0)
    assert torch.equal(smooth, smooth_saliency(squares, images, 0))
    # the largest of three channels: mean of the maximum of three normals is 0.846 deviations
    assert float(smooth.mean()) == pytest.approx(2 * (5 + 0.1 * 0.846), abs=0.005)
