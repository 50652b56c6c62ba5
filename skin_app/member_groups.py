"""Members that see the same views read them together, in batches, and share equal first stages."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, groupby

import numpy as np
import torch
from torch import Tensor

from skin_app.hardware import precision
from skin_app.heatmap import attributions, class_maps
from skin_app.network import Member, MemberConfig, run_members, shared_stages
from skin_app.photo.memory import in_parts
from skin_app.photo.read import Photo
from skin_app.views import centre_square, photo_views, turn_back, views_by_size

BATCH = 32  # views in one forward pass


@dataclass(frozen=True)
class MemberAnswer:
    """One member's answer for several photos, on the CPU.

    `by_view` (photos, views, 7): logits of each view; `embedding` (photos, channels): of view 0 alone,
    as in the gallery index. `maps`: signed `class_maps` of each view, turned back, (photos, 7, rows,
    columns); none where they were not asked for.
    """

    by_view: Tensor
    embedding: Tensor
    maps: tuple[Tensor, ...] = ()

    @property
    def logits(self) -> Tensor:
        """Averaged over the views, (photos, 7)."""
        return self.by_view.mean(dim=1)


@dataclass(frozen=True)
class Inputs:
    """The input of one group of members.

    `by_size`: size in pixels -> the numbers of the views of that size, and their pixels, (photos *
    views of that size, 3, size, size) in [0, 1]; the first key is the size of view 0.
    """

    by_size: dict[int, tuple[list[int], Tensor]]

    @property
    def upright(self) -> Tensor:
        """View 0 of each photo, (photos, 3, size, size)."""
        views, inputs = next(iter(self.by_size.values()))
        return inputs[:: len(views)]

    def to(self, device: torch.device) -> "Inputs":
        """The same input on `device`."""
        return Inputs({size: (views, own.to(device)) for size, (views, own) in self.by_size.items()})


class MemberGroup:
    """Members whose views have the same sizes. They share inputs, and any first stages that are equal.

    `stages`: how many first stages they share (`network.shared_stages`). `members_at`: size in pixels
    -> the members for that size, in the same order.
    """

    def __init__(self, members: Sequence[Member], stages: int = 0) -> None:
        self.members = members
        self.stages = stages
        self.config = members[0].config
        sizes = dict.fromkeys(self.config.sizes)
        self.members_at = {size: [member.at(size) for member in members] for size in sizes}

    def inputs(self, photos: Sequence[Photo], views: int) -> Inputs:
        """The first `views` views of `photos`."""
        tensors = [_tensor(photo) for photo in photos]
        return Inputs(
            {
                size: (own, torch.cat([photo_views(tensor, size, own) for tensor in tensors]))
                for size, own in views_by_size(self.config.sizes, views).items()
            }
        )

    def read(self, inputs: Inputs, device: torch.device, with_maps: bool = False) -> list[MemberAnswer]:
        """Each member's answers; `by_view` is in the order of the views, whatever their sizes."""
        parts = [
            read_batches(
                self.members_at[size],
                self.stages,
                squares,
                len(views),
                device,
                views if with_maps else (),
            )
            for size, (views, squares) in inputs.by_size.items()
        ]
        order = np.argsort(np.concatenate([views for views, _ in inputs.by_size.values()]))
        return [
            MemberAnswer(
                by_view=torch.cat([answer.by_view for answer in answers], dim=1)[:, order],
                embedding=answers[0].embedding,
                maps=tuple(chain.from_iterable(answer.maps for answer in answers)),
            )
            for answers in zip(*parts, strict=True)
        ]

    def explain(self, upright: Tensor, scores: Tensor) -> list[Tensor]:
        """Each member's `attributions` on the CPU, for view 0 of the photos, (photos, 3, size, size).

        Runs what comes before the last stage once where the members share it.
        """

        def explain(part: slice) -> list[Tensor]:
            first, squares, entered = self.members[0], upright[part], None
            if self.stages and self.stages >= len(first.backbone.layers) - 1:
                with torch.no_grad():
                    entered = first.before_last_stage(squares)
            return [attributions(own, squares, scores[part], entered).cpu() for own in self.members]

        return in_parts(explain, len(upright), BATCH)


def groups_of(members: Sequence[Member]) -> list[MemberGroup]:
    """All `members` in their order; consecutive ones whose views have the same sizes form a group."""
    groups = [list(own) for _, own in groupby(members, lambda member: member.config.sizes)]
    return [MemberGroup(own, shared_stages(own)) for own in groups]


@torch.inference_mode()
def read_batches(
    members: Sequence[Member],
    stages: int,
    inputs: Tensor,
    views: int,
    device: torch.device,
    mapped: Sequence[int] = (),
) -> list[MemberAnswer]:
    """Run members over (photos * views, 3, size, size) in batches of at most `BATCH`.

    `stages`: how many first stages the members share (`network.shared_stages`). `mapped`: the views'
    numbers, if their `class_maps` are asked for.
    """

    def read(part: slice) -> list[Tensor]:
        with precision(device):
            outputs = run_members(members, stages, inputs[part].to(device))
        own = [output.logits.float() for output in outputs]
        own += [output.embedding.float() for output in outputs]
        own += map(class_maps, members, outputs) if mapped else []
        return [tensor.cpu() for tensor in own]

    joined = in_parts(read, len(inputs), BATCH)
    return [
        MemberAnswer(
            by_view=logits.unflatten(0, (-1, views)),
            embedding=embedding[::views],
            maps=tuple(turn_back(maps[0][place::views], view) for place, view in enumerate(mapped)),
        )
        for logits, embedding, *maps in (joined[i :: len(members)] for i in range(len(members)))
    ]


def input_square(photo: Photo, config: MemberConfig) -> Tensor:
    """The photo as one member sees it upright: (3, size, size) float32 in [0, 1]."""
    return centre_square(_tensor(photo), config.size)


def _tensor(photo: Photo) -> Tensor:
    return torch.from_numpy(photo.pixels).permute(2, 0, 1)
