"""Members that start alike compute their common first stages once.

Fine-tuning that leaves the first stages of a Swin frozen gives members whose patch embedding and first
stages are equal bit for bit; running those once for all members saves their share of every pass.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from skin_app.network import Member, Reading


def common_stages(members: Sequence[Member]) -> int:
    """How many first stages (with what lies before them) all members have in common; 0 for none."""
    first = members[0]
    if len(members) < 2 or not has_stages(first):
        return 0
    if any(m.config != first.config for m in members):
        return 0
    stages = 0
    for stage in range(len(first.backbone.layers)):
        parts = [_part(m, stage) for m in members]
        if any(not _equal(parts[0], part) for part in parts[1:]):
            break
        stages = stage + 1
    return stages


def read_all(members: Sequence[Member], stages: int, images: Tensor) -> list[Reading]:
    """Each member's reading of `images`, (batch, 3, size, size); `stages`: from `common_stages`.

    With `stages` > 0 all members must have the same input size.
    """
    if stages == 0:
        return [member(images) for member in members]
    first = members[0]
    trunk = first.backbone.patch_embed((images - first.mean) / first.std)
    trunk = first.backbone.layers[:stages](trunk)
    return [
        member.reading(member.backbone.norm(member.backbone.layers[stages:](trunk)))
        for member in members
    ]


def has_stages(member: Member) -> bool:
    """Whether the backbone is `norm(layers(patch_embed(x)))`, as timm's Swin transformers are."""
    names = [name for name, _ in member.backbone.named_children()]
    return [n for n in names if n != "head"] == ["patch_embed", "layers", "norm"]


def _part(member: Member, stage: int) -> dict[str, Tensor]:
    parts = dict(member.backbone.layers[stage].state_dict())
    if stage == 0:
        parts |= {f"patch_embed.{k}": v for k, v in member.backbone.patch_embed.state_dict().items()}
    return parts


def _equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
