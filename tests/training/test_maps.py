"""Maps by other methods: against the grad-cam library used in its ordinary way, and closed forms."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from pytorch_grad_cam.base_cam import BaseCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from scipy.stats import spearmanr
from torch import Tensor, nn

from skin_app.network import Member, MemberConfig
from tests.tiny import MOBILENET, SWIN, LogitsOnly
from train.explain.maps import (
    CENTRE_WIDTH,
    METHODS,
    OURS,
    centre_gaussian,
    enlarged,
    library_maps,
    maps_by_method,
    our_maps,
    randomised,
    rank_correlation,
)

LABELS = np.array([4, 1])
EVEN = np.full((len(LABELS), 7), 1 / 7)
FLAT = MOBILENET.model_copy(update={"pool": "flatten"})


def member_of(config: MemberConfig) -> Member:
    torch.manual_seed(1)
    return Member(config).eval().requires_grad_(False)


def batch_of(config: MemberConfig) -> Tensor:
    return torch.rand(2, 3, config.size, config.size, generator=torch.Generator().manual_seed(2))


def hooked(model: LogitsOnly) -> tuple[nn.Module, Callable[[Tensor], Tensor] | None]:
    """What the library hooks in ordinary use: the layer with the last feature map, and what turns its
    output into (batch, channels, rows, columns)."""
    if "swin" in model.member.config.architecture:
        return model.member.backbone.norm, lambda features: features.permute(0, 3, 1, 2)
    return model.member.backbone.blocks, None


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("config", [MOBILENET, SWIN, FLAT], ids=["mobilenet", "swin", "flat"])
def test_maps_from_features_equal_the_library_on_the_whole_network(
    config: MemberConfig, method: str
) -> None:
    frozen, images = member_of(config), batch_of(config)
    ours = library_maps(frozen, frozen(images).features, LABELS)[method]
    whole = LogitsOnly(member_of(config).requires_grad_(True))
    layer, reshape = hooked(whole)
    explain: BaseCAM = METHODS[method](model=whole, target_layers=[layer], reshape_transform=reshape)
    targets = [ClassifierOutputTarget(int(label)) for label in LABELS]
    library = explain(images, targets)  # type: ignore[arg-type]
    for one, other in zip(ours, library, strict=True):
        # the library enlarges before it scales again
        on_pixels = enlarged(one, config.size)
        on_pixels = (on_pixels - on_pixels.min()) / (np.ptp(on_pixels) + 1e-7)
        assert np.abs(on_pixels - other).max() < 1e-4


def test_pooled_heads_make_grad_cam_and_hirescam_equal_but_not_the_others_and_not_ours() -> None:
    member, images = member_of(SWIN), batch_of(SWIN)
    maps = maps_by_method(member, images, member(images), LABELS, EVEN)
    assert maps[OURS].shape == (len(LABELS), 10, 10)  # one stage earlier than the library's
    for method in METHODS:
        same = np.allclose(maps[method], maps["Grad-CAM"], atol=1e-4)
        assert same == (method in ("Grad-CAM", "HiResCAM")), method


def test_nothing_is_left_on_the_shared_member_and_inference_mode_is_no_hindrance() -> None:
    member, images = member_of(MOBILENET), batch_of(MOBILENET)
    before = {name: value.clone() for name, value in member.state_dict().items()}
    with torch.inference_mode():
        reading = member(images)
        inside = library_maps(member, reading.features, LABELS)
    outside = library_maps(member, reading.features, LABELS)
    assert all(np.array_equal(inside[name], outside[name]) for name in METHODS)
    assert all(torch.equal(before[name], value) for name, value in member.state_dict().items())
    assert all(p.grad is None and not p.requires_grad for p in member.parameters())
    assert not any(module._forward_hooks for module in member.modules())


def test_an_index_error_of_the_library_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> np.ndarray:
        raise IndexError("broken")

    member, images = member_of(MOBILENET), batch_of(MOBILENET)
    monkeypatch.setattr(METHODS["LayerCAM"], "get_cam_image", broken)
    with pytest.raises(IndexError, match="broken"):
        library_maps(member, member(images).features, LABELS)


def test_our_map_is_blank_when_nothing_speaks_for_the_class() -> None:
    member, images = member_of(SWIN.model_copy(update={"hidden": 0})), batch_of(SWIN)
    certain = np.eye(7)[LABELS]  # a class that is certain has no other to be told from
    mixed = np.concatenate([EVEN[:1], certain[1:]])
    maps = our_maps(member, images, LABELS, mixed)
    assert maps[0].max() == 1
    assert np.isfinite(maps).all()
    assert maps[1].max() == 0


def test_the_centre_gaussian_is_one_whatever_the_grid_and_falls_as_it_says() -> None:
    heat = centre_gaussian(5, 5)
    assert heat[2, 2] == 1
    assert heat[2, 3] == pytest.approx(np.exp(-(0.2**2) / (2 * CENTRE_WIDTH**2)))
    assert np.array_equal(heat, heat.T)
    fine = centre_gaussian(50, 50).reshape(5, 10, 5, 10).mean(axis=(1, 3))
    assert np.abs(fine - heat).max() < 0.06


def test_randomised_draws_the_named_part_anew() -> None:
    member = member_of(MOBILENET)
    head, everything = randomised(member, "head"), randomised(member, "all")
    name = "conv_stem.weight"
    assert torch.equal(head.backbone.state_dict()[name], member.backbone.state_dict()[name])
    assert not torch.equal(everything.backbone.state_dict()[name], member.backbone.state_dict()[name])
    for drawn in (head, everything):
        assert not torch.equal(drawn.classifier.weight, member.classifier.weight)
        assert not drawn.training


def test_rank_correlation_agrees_with_scipy_also_with_ties() -> None:
    generator = torch.Generator().manual_seed(0)
    one = torch.rand(8, 8, generator=generator).mul(5).round()
    other = one + torch.rand(8, 8, generator=generator).mul(5).round()
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one.flatten(), other.flatten())[0])
