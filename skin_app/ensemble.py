"""Photos in, analyses out: members x views in batches. The only place that runs networks.

`Ensemble.analyse_all` shows all steps of an analysis in order; the rest of the file is what it calls.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import chain, groupby, repeat
from pathlib import Path
from typing import TypeVar, overload

import numpy as np
import torch
from torch import Tensor

from skin_app.analysis import Analysis
from skin_app.calibration import calibrated, check_calibrated, malignant_probability, prior_adjusted
from skin_app.diagnoses import CODES
from skin_app.hardware import best_device, describe, precision
from skin_app.heatmap import (
    against_the_others,
    attributions,
    averaged_maps,
    class_maps,
    count_with_map,
    mean_grad_cams,
    on_shared_scale,
)
from skin_app.network import Member, MemberConfig, run_members, shared_stages
from skin_app.photo.limits import MAX_PIXELS
from skin_app.photo.memory import MemoryFullError, in_parts, told_when_full
from skin_app.photo.read import Photo, PhotoError, read_photo
from skin_app.quality import file_findings
from skin_app.trust import Assessment, Look, assess, look_at
from skin_app.views import VIEWS, centre_square, photo_views, square_in, turn_back, views_by_size
from skin_app.weights.folder import WeightsFolder, open_weights

BATCH = 32  # views in one forward pass
AT_A_TIME = 4  # photos in memory
Source = TypeVar("Source")


class Ensemble:
    """The loaded, frozen members of one weights folder; safe to share between threads."""

    def __init__(self, weights: WeightsFolder, device: torch.device | None = None) -> None:
        self.weights = weights
        self.device = device or best_device()
        contract = weights.contract
        self.members = [weights.member(name).to(self.device) for name in contract.members]
        self.groups = groups_of(self.members)
        self.calibration = contract.calibration
        self.gallery = weights.gallery()
        self.trust = contract.trust
        self.novelty = weights.novelty()

    @classmethod
    def load(
        cls,
        source: str | Path | None = None,
        or_embedded: bool = False,
        device: torch.device | str | None = None,
    ) -> "Ensemble":
        """Open weights with `open_weights` and load them. Raises `WeightsError`.

        `device`: where the networks run; None takes a GPU where there is one.
        """
        return cls(open_weights(source, or_embedded), None if device is None else torch.device(device))

    def __repr__(self) -> str:
        return f"Ensemble({self.weights.identity}, {len(self.members)} members, {self.device})"

    @overload
    def __call__(self, photos: Photo, views: int = VIEWS) -> Analysis: ...
    @overload
    def __call__(self, photos: Sequence[Photo], views: int = VIEWS) -> list[Analysis]: ...
    def __call__(
        self, photos: Photo | Sequence[Photo], views: int = VIEWS
    ) -> Analysis | list[Analysis]:
        """Analyse one photo, or several in shared batches; the answers come in their order.

        `photos`: from `read_photo`. All photos and their views are in memory at once: for more than a
        few use `analyse_files`. `views`: 8 for the full answer, 1 for speed, or 4. Raises `ValueError`
        for a number of views that the weights are not calibrated for.
        """
        if isinstance(photos, Photo):
            return self.analyse_all([photos], views)[0]
        if not all(isinstance(photo, Photo) for photo in photos):
            raise TypeError('The model takes photos: model(read_photo("lesion.jpg")).')
        return self.analyse_all(photos, views)

    def refine(self, photo: Photo) -> Iterator[Analysis]:
        """Yield the quick answer from one view, without maps, then the full answer."""
        looks = self._look_at([photo])
        for views in (1, VIEWS):
            yield self.analyse_all([photo], views, views == VIEWS, looks)[0]

    def analyse_files(
        self,
        sources: Iterable[Source],
        read: Callable[[Source], Photo] = read_photo,
        with_maps: bool = True,
        keep_photos: bool = False,
        turn: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> Iterator[list[tuple[Source, Analysis | PhotoError]]]:
        """Read and analyse any number of photos, a few at a time; yields small groups, in their order.

        `sources`: paths, encoded bytes, or anything that `read` turns into a photo; each is taken just
        before it is read. A photo that cannot be used is yielded with its `PhotoError`; the others are
        analysed. At most `AT_A_TIME` photos are in memory, fewer where they are large, unless
        `keep_photos` puts them into their analyses. `turn`: a context manager, such as a lock, that is
        held while one group is read and analysed.
        """
        waiting = iter(sources)
        for first in waiting:  # before the turn: with no photo left, no turn is needed
            with turn():
                few = self._answer_few(_read_few(chain([first], waiting), read), with_maps, keep_photos)
            yield few
            del few  # only the caller may keep them while the next are read

    def _answer_few(
        self, few: list[tuple[Source, Photo | PhotoError]], with_maps: bool, keep_photos: bool
    ) -> list[tuple[Source, Analysis | PhotoError]]:
        photos = [photo for _, photo in few if isinstance(photo, Photo)]
        try:
            analyses = iter(self.analyse_all(photos, with_maps=with_maps))
            kept = analyses if keep_photos else (replace(own, photo=None) for own in analyses)
        except MemoryFullError as error:
            kept = repeat(error.with_traceback(None))
        return [(name, own if isinstance(own, PhotoError) else next(kept)) for name, own in few]

    @told_when_full
    def analyse_all(
        self,
        photos: Sequence[Photo],
        views: int = VIEWS,
        with_maps: bool = True,
        looks: list[Look] | None = None,
    ) -> list[Analysis]:
        """Analyse several photos in shared batches; one `Analysis` each, in their order.

        `with_maps`: whether to compute maps, which takes longer than reading one view. `looks`: what
        `look_at` returned for the photos, if it was called before. Raises `MemoryFullError`.
        """
        check_calibrated(self.calibration, views)  # not after the networks have run
        if not photos:
            return []

        # Every member reads every view.
        answers: list[MemberAnswer] = []
        upright: list[Tensor] = []  # view 0, as each group sees it
        for group in self.groups:
            inputs = group.inputs(photos, views)
            answers += group.read(inputs, self.device, with_maps)
            upright.append(inputs.upright)

        # Logits are averaged first, then calibrated once.
        logits = torch.stack([answer.logits for answer in answers], dim=1).double().numpy()
        by_member = calibrated(logits, self.calibration, views)
        probabilities = calibrated(logits.mean(axis=1), self.calibration, views)
        adjusted = prior_adjusted(probabilities, self.calibration.frequencies)

        # Then come the maps, and how far the answer can be trusted.
        maps = self._maps(upright, probabilities) if with_maps else [None] * len(photos)
        grad_cams = mean_grad_cams([own for answer in answers for own in answer.maps], maps)
        looks = looks or self._look_at(photos)
        assessments = self._assess(answers, probabilities, maps, views, looks)
        return [
            Analysis(
                probabilities=probabilities[row],
                prior_adjusted=adjusted[row],
                malignant_probability=float(malignant_probability(probabilities[row])),
                members=by_member[row],
                maps=maps[row],
                square=square_in(photo.height, photo.width),
                embedding=answers[0].embedding[row].numpy(),
                similar=self.gallery.nearest(answers[0].embedding[row].numpy()),
                views=views,
                assessment=assessments[row],
                weights=self.weights,
                device=describe(self.device),
                file_findings=file_findings(photo),
                photo=photo,
                grad_cam_maps=grad_cams[row],
            )
            for row, photo in enumerate(photos)
        ]

    def _maps(self, upright: list[Tensor], probabilities: np.ndarray) -> list[Mapping[str, np.ndarray]]:
        """The members' mean maps of each photo's upright view, as `Analysis.maps`."""
        shares = torch.from_numpy(probabilities)
        counts = [count_with_map(own) for own in probabilities]
        order = shares.argsort(dim=1, descending=True, stable=True)[:, : max(counts)]
        scores = against_the_others(order, shares).float()
        signed = [
            own
            for group, squares in zip(self.groups, upright, strict=True)
            for own in group.explain(squares.to(self.device), scores.to(self.device))
        ]
        maps = averaged_maps(signed) * shares.gather(1, order).float()[..., None, None]
        return [  # what a photo has more than its own count, another photo of the batch needed
            {CODES[k]: own.numpy() for k, own in zip(classes, on_shared_scale(few), strict=True)}
            for classes, few in ((order[i, :n], maps[i, :n]) for i, n in enumerate(counts))
        ]

    def _look_at(self, photos: Sequence[Photo]) -> list[Look] | None:
        """What is measured without networks; None where the weights carry no limits to judge it by."""
        return None if self.trust is None else [look_at(photo, self.trust) for photo in photos]

    def _assess(
        self,
        answers: list["MemberAnswer"],
        probabilities: np.ndarray,
        maps: Sequence[Mapping[str, np.ndarray] | None],
        views: int,
        looks: list[Look] | None,
    ) -> list[Assessment] | list[None]:
        trust, detector = self.trust, self.novelty
        if trust is None or detector is None or looks is None:
            return [None] * len(probabilities)
        upright = [answer.by_view[:, 0] for answer in answers]
        novelties = detector.judge([answer.embedding for answer in answers], upright)
        by_view = torch.cat([answer.by_view for answer in answers], dim=1).double().numpy()
        readings = calibrated(by_view, self.calibration, views=1)
        return [
            assess(probabilities[row], readings[row], maps[row], views, novelties[row], look, trust)
            for row, look in enumerate(looks)
        ]


def _read_few(
    waiting: Iterable[Source], read: Callable[[Source], Photo]
) -> list[tuple[Source, Photo | PhotoError]]:
    """The next few of `waiting`, each with its photo or its `PhotoError`."""
    few: list[tuple[Source, Photo | PhotoError]] = []
    pixels = 0
    for source in waiting:
        try:
            photo = read(source)
            pixels += photo.width * photo.height
            few.append((source, photo))
        except PhotoError as error:
            few.append((source, error.with_traceback(None)))  # it would keep photos in memory
        if len(few) == AT_A_TIME or pixels >= MAX_PIXELS:
            break
    return few


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
