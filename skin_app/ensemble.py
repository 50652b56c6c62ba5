"""Photos in, analyses out: members x views in batches. The only place that runs networks.

`Ensemble.analyse_all` shows all steps of an analysis in order; the rest of the file is what it calls.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain, repeat
from pathlib import Path
from typing import NamedTuple, TypeVar, overload

import numpy as np
import torch
from torch import Tensor

from skin_app.analysis import Analysis
from skin_app.calibration import calibrated, check_calibrated, malignant_probability, prior_adjusted
from skin_app.diagnoses import CODES
from skin_app.hardware import best_device, describe
from skin_app.heatmap import (
    against_the_others,
    averaged_maps,
    count_with_map,
    mean_grad_cams,
    on_shared_scale,
)
from skin_app.member_groups import Inputs, MemberAnswer, MemberGroup, groups_of
from skin_app.photo.limits import MAX_PIXELS
from skin_app.photo.memory import MemoryFullError, told_when_full, unless_full
from skin_app.photo.read import Photo, PhotoError, read_photo
from skin_app.quality import file_findings
from skin_app.trust import Assessment, Look, assess, look_at
from skin_app.turns import Turns
from skin_app.views import VIEWS, square_in
from skin_app.weights.folder import WeightsFolder, open_weights

CPU = torch.device("cpu")
AT_A_TIME = 4  # photos in memory
Source = TypeVar("Source")


class NetworkOutputs(NamedTuple):
    """Each member's answers, their logits (photos, members, 7), the probabilities (photos, 7), maps.

    `maps`: of each photo, as `Analysis.maps`; `gpu_was_full`: whether the CPU computed all of it.
    """

    answers: list[MemberAnswer]
    logits: np.ndarray
    probabilities: np.ndarray
    maps: Sequence[Mapping[str, np.ndarray] | None]
    gpu_was_full: bool = False


class Ensemble:
    """The loaded, frozen members of one weights folder; safe to share between threads.

    Threads take turns at the networks (`turns`), photos of `analyse_files` after all others.
    """

    def __init__(self, weights: WeightsFolder, device: torch.device | None = None) -> None:
        self.weights = weights
        self.device = device or best_device()
        contract = weights.contract
        self.members = [weights.member(name).to(self.device) for name in contract.members]
        self.groups = groups_of(self.members)
        self.turns = Turns()
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
    def __call__(
        self, photos: Photo, views: int = VIEWS, with_maps: bool | None = None
    ) -> Analysis: ...
    @overload
    def __call__(
        self, photos: Sequence[Photo], views: int = VIEWS, with_maps: bool | None = None
    ) -> list[Analysis]: ...
    def __call__(
        self, photos: Photo | Sequence[Photo], views: int = VIEWS, with_maps: bool | None = None
    ) -> Analysis | list[Analysis]:
        """Analyse one photo, or several in shared batches; the answers come in their order.

        `photos`: from `read_photo`. All photos and their views are in memory at once: for more than a
        few use `analyse_files`. `views`: 8 for the full answer, 1 for speed, or 4. `with_maps`: None
        computes maps for the full answer only, because they take several times as long as one view.
        Raises `ValueError` for a number of views that the weights are not calibrated for.
        """
        with_maps = views == VIEWS if with_maps is None else with_maps
        if isinstance(photos, Photo):
            return self.analyse_all([photos], views, with_maps)[0]
        if not all(isinstance(photo, Photo) for photo in photos):
            raise TypeError('The model takes photos: model(read_photo("lesion.jpg")).')
        return self.analyse_all(photos, views, with_maps)

    def refine(self, photo: Photo) -> Iterator[Analysis]:
        """Yield the quick answer from one view, without maps, then the full answer."""
        looks = self._look_at([photo])
        for views in (1, VIEWS):
            is_full = views == VIEWS
            yield self.analyse_all([photo], views, is_full, looks, again=not is_full)[0]

    def analyse_files(
        self,
        sources: Iterable[Source],
        read: Callable[[Source], Photo] = read_photo,
        with_maps: bool = True,
        keep_photos: bool = False,
        turn: Callable[[], AbstractContextManager[object]] = nullcontext,
        at_a_time: int = AT_A_TIME,
    ) -> Iterator[list[tuple[Source, Analysis | PhotoError]]]:
        """Read and analyse any number of photos, a few at a time; yields small groups, in their order.

        `sources`: paths, encoded bytes, or anything that `read` turns into a photo; each is taken just
        before it is read. A photo that cannot be used is yielded with its `PhotoError`; the others are
        analysed. At most `at_a_time` photos are in memory, fewer where they are large, unless
        `keep_photos` puts them into their analyses. Between groups, the photos that other threads
        analyse come first. `turn`: a context manager, such as a lock, that is held while one group is
        read and analysed.
        """
        waiting = iter(sources)
        for first in waiting:  # before the turn: with no photo left, no turn is needed
            with turn():
                few = _read_few(chain([first], waiting), read, at_a_time)
                few = self._answer_few(few, with_maps, keep_photos)
            yield few
            del few  # only the caller may keep them while the next are read

    def _answer_few(
        self, few: list[tuple[Source, Photo | PhotoError]], with_maps: bool, keep_photos: bool
    ) -> list[tuple[Source, Analysis | PhotoError]]:
        photos = [photo for _, photo in few if isinstance(photo, Photo)]
        try:
            analyses = iter(self.analyse_all(photos, with_maps=with_maps, first=False))
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
        first: bool = True,
        again: bool = False,
    ) -> list[Analysis]:
        """Analyse several photos in shared batches; one `Analysis` each, in their order.

        `with_maps`: whether to compute maps, which takes longer than reading one view. `looks`: what
        `look_at` returned for the photos, if it was called before. `first`: whether they come before
        those that other threads analyse with False; `again`: whether the same photos follow at once
        with more views (`Turns.turn`). Raises `MemoryFullError`.
        """
        check_calibrated(self.calibration, views)  # not after the networks have run
        if not photos:
            return []

        looks = looks or self._look_at(photos)
        inputs = [group.inputs(photos, views) for group in self.groups]
        with self.turns.turn(first, again):
            answers, logits, probabilities, maps, gpu_was_full = self.run_networks(
                inputs, views, with_maps
            )
        device = describe(CPU, was_full=self.device) if gpu_was_full else describe(self.device)

        # Then comes how far the answer can be trusted.
        by_member = calibrated(logits, self.calibration, views)
        adjusted = prior_adjusted(probabilities, self.calibration.frequencies)
        grad_cams = mean_grad_cams([own for answer in answers for own in answer.maps], maps)
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
                device=device,
                gpu_was_full=gpu_was_full,
                file_findings=file_findings(photo),
                photo=photo,
                grad_cam_maps=grad_cams[row],
            )
            for row, photo in enumerate(photos)
        ]

    def run_networks(self, inputs: Sequence[Inputs], views: int, with_maps: bool) -> NetworkOutputs:
        """What the networks say of the inputs of each of `groups`; on the CPU where the GPU is full.

        All that needs a GPU, and nothing else: on a Space with ZeroGPU it runs in a process of its own,
        so arguments and results can be pickled.
        """
        run = partial(self._run, inputs, views, with_maps)
        outputs = unless_full(partial(run, self.groups, self.device), last=self.device.type == "cpu")
        if outputs is None:
            return run(self._on_the_cpu, CPU)._replace(gpu_was_full=True)
        return outputs

    def _run(
        self,
        inputs: Sequence[Inputs],
        views: int,
        with_maps: bool,
        groups: list[MemberGroup],
        device: torch.device,
    ) -> NetworkOutputs:
        # Every member reads every view.
        answers = [
            answer
            for group, own in zip(groups, inputs, strict=True)
            for answer in group.read(own, device, with_maps)
        ]
        # Logits are averaged first, then calibrated once.
        logits = torch.stack([answer.logits for answer in answers], dim=1).double().numpy()
        probabilities = calibrated(logits.mean(axis=1), self.calibration, views)
        if not with_maps:
            return NetworkOutputs(answers, logits, probabilities, [None] * len(probabilities))
        upright = [own.upright.to(device) for own in inputs]  # view 0, as each group sees it
        maps = maps_of_upright(groups, upright, probabilities)
        return NetworkOutputs(answers, logits, probabilities, maps)

    @cached_property
    def _on_the_cpu(self) -> list[MemberGroup]:
        """The members once more, for when the memory of the GPU is full."""
        return groups_of([member.copy() for member in self.members])

    def _look_at(self, photos: Sequence[Photo]) -> list[Look] | None:
        """What is measured without networks; None where the weights carry no limits to judge it by."""
        return None if self.trust is None else [look_at(photo, self.trust) for photo in photos]

    def _assess(
        self,
        answers: list[MemberAnswer],
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


def maps_of_upright(
    groups: list[MemberGroup], upright: list[Tensor], probabilities: np.ndarray
) -> list[Mapping[str, np.ndarray]]:
    """The members' mean maps of each photo's upright view, as `Analysis.maps`."""
    shares = torch.from_numpy(probabilities)
    counts = [count_with_map(own) for own in probabilities]
    order = shares.argsort(dim=1, descending=True, stable=True)[:, : max(counts)]
    scores = against_the_others(order, shares).float()
    signed = [
        own
        for group, squares in zip(groups, upright, strict=True)
        for own in group.explain(squares, scores.to(squares.device))
    ]
    maps = averaged_maps(signed) * shares.gather(1, order).float()[..., None, None]
    return [  # what a photo has more than its own count, another photo of the batch needed
        {CODES[k]: own.numpy() for k, own in zip(classes, on_shared_scale(few), strict=True)}
        for classes, few in ((order[i, :n], maps[i, :n]) for i, n in enumerate(counts))
    ]


def _read_few(
    waiting: Iterable[Source], read: Callable[[Source], Photo], at_a_time: int
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
        if len(few) >= at_a_time or pixels >= MAX_PIXELS:
            break
    return few
