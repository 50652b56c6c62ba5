"""One member: shapes, head, other input sizes, and stages that members share."""

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from skin_app.network import Member, MemberConfig, at_window, run_members, shared_stages
from tests.tiny import MOBILENET, SWIN

VIT = MemberConfig(
    architecture="vit_tiny_patch16_224",
    arguments={"img_size": 64, "depth": 2, "global_pool": "avg"},
    hidden=16,
    size=64,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)
FLAT = MOBILENET.model_copy(update={"pool": "flatten"})
BARE = MOBILENET.model_copy(update={"hidden": 0})
BARE_FLAT = SWIN.model_copy(update={"pool": "flatten", "hidden": 0})
VGG = MOBILENET.model_copy(update={"architecture": "vgg11", "size": 32})
CONFIGS = [MOBILENET, SWIN, VIT, FLAT, BARE, BARE_FLAT, VGG]


def name_of(config: MemberConfig) -> str:
    return f"{config.architecture}-{config.pool}-{config.hidden}"


def member_of(config: MemberConfig) -> Member:
    torch.manual_seed(1)
    return Member(config).eval()


def batch_of(config: MemberConfig, count: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(count, 3, config.size, config.size, generator=generator)


def with_stages_in_common(config: MemberConfig, count: int) -> list[Member]:
    """Random members of which only the first stage has the same weights."""
    torch.manual_seed(0)
    first, *others = members = [Member(config).eval() for _ in range(count)]
    for member in others:
        member.backbone.patch_embed.load_state_dict(first.backbone.patch_embed.state_dict())
        member.backbone.layers[0].load_state_dict(first.backbone.layers[0].state_dict())
    return members


@pytest.mark.parametrize("config", CONFIGS, ids=name_of)
def test_an_output_has_the_documented_shapes(config: MemberConfig) -> None:
    output = member_of(config)(batch_of(config))
    assert output.logits.shape == (2, 7)
    assert output.features.shape[:2] == output.embedding.shape
    assert torch.allclose(output.features.mean(dim=(2, 3)), output.embedding, atol=1e-6)


@pytest.mark.parametrize("config", [MOBILENET, FLAT, BARE], ids=name_of)
def test_head_jacobian_is_what_autograd_says(config: MemberConfig) -> None:
    member = member_of(config).double()
    pooled = member.pooled(torch.randn(1, member.channels, 2, 2, dtype=torch.float64))
    expected = torch.autograd.functional.jacobian(member.head, pooled)
    assert isinstance(expected, Tensor)
    assert torch.allclose(member.head_jacobian(pooled)[0], expected[0, :, 0], atol=1e-12)


def test_a_member_at_another_size_has_the_same_weights() -> None:
    member = member_of(SWIN)
    other = member.at(96)
    assert member.at(80) is member
    ours, theirs = dict(member.named_parameters()), dict(other.named_parameters())
    tables = {name for name in ours if name.endswith("relative_position_bias_table")}
    assert tables
    for name, value in theirs.items():
        assert (value.data_ptr() == ours[name].data_ptr()) == (name not in tables)
        assert not value.requires_grad
    assert not other.training


def test_relative_positions_keep_their_bias_and_further_ones_get_the_furthest() -> None:
    offsets = torch.cartesian_prod(torch.arange(-2, 3), torch.arange(-2, 3)).float()  # window 3
    wider = at_window(offsets, torch.Size((49, 2)))  # window 4
    expected = torch.cartesian_prod(torch.arange(-3, 4), torch.arange(-3, 4)).float().clamp(-2, 2)
    assert torch.equal(wider, expected)
    assert torch.equal(at_window(wider, torch.Size((25, 2))), offsets)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"view_sizes": (96, 80)}, "begin with size"),
        ({"view_sizes": (80, 16)}, "at least 32"),
        ({"view_sizes": (80, 100)}, "Swin"),
        ({"zooms": [1.0, 0.9]}, "no longer supported"),
        ({"arguments": {"checkpoint_path": "some.pickle"}}, "not one of the arguments"),
        ({"arguments": {"depths": [2, 2, 10**6, 2]}}, "from 0 to 64"),
        ({"size": 10**6}, "less than or equal to 2048"),
        ({"std": (0.5, 0.5, 0.0)}, "greater than 0"),
    ],
)
def test_configurations_that_cannot_be_used_are_refused(
    change: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        MemberConfig.model_validate(SWIN.model_dump() | change)


def test_configurations_that_still_hold_zooms_are_read() -> None:
    assert MemberConfig.model_validate(SWIN.model_dump() | {"zooms": [1.0]}) == SWIN


def test_stages_in_common_are_found_and_run_once() -> None:
    members = with_stages_in_common(SWIN, 3)
    assert shared_stages(members) == 1
    assert shared_stages(members[:1]) == 0
    assert shared_stages([Member(SWIN), Member(SWIN)]) == 0
    assert shared_stages([Member(MOBILENET), Member(MOBILENET)]) == 0
    images = batch_of(SWIN)
    with torch.inference_mode():
        together, apart = (run_members(members, stages, images) for stages in (1, 0))
    for shared, alone in zip(together, apart, strict=True):
        assert torch.allclose(shared.logits, alone.logits, atol=1e-6)
        assert torch.allclose(shared.features, alone.features, atol=1e-5)
