"""The trained member of a fold, and its logits averaged over views."""

from collections.abc import Sequence

import torch
from safetensors.torch import load_file
from torch import Tensor

from skin_app.ensemble import MemberGroup
from skin_app.network import Member
from skin_app.photo.read import Photo
from skin_app.views import VIEWS
from train.engine.run import Run

COUNTS = (1, 4, VIEWS)  # views averaged
CHUNK = 8  # photos


def load_fold_member(run: Run, fold: int) -> Member:
    """The trained member of `fold`, in evaluation mode on the CPU."""
    member = Member(run.recipe.member)
    member.load_state_dict(load_file(run.fold_folder(fold) / "member.safetensors"))
    return member.eval()


def mean_logits(
    reader: MemberGroup, photos: Sequence[Photo], counts: Sequence[int], device: torch.device
) -> Tensor:
    """One member's logits, averaged over the first views, (photos, counts, 7).

    `counts`: numbers of views, the highest last.
    """
    (answer,) = reader.read(reader.inputs(photos, counts[-1]), device)
    return torch.stack([answer.by_view[:, :count].mean(dim=1) for count in counts], dim=1)


def views_label(count: int) -> str:
    """The part of a column's name that states the number of views averaged."""
    return f"{count}view{'s' if count > 1 else ''}"
