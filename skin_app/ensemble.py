"""Photos in, analyses out: members x views in batches. The only place that runs networks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from skin_app.decision import calibrated, malignant_probability, prior_adjusted
from skin_app.diagnoses import DIAGNOSES, Diagnosis
from skin_app.gallery.index import SimilarLesion
from skin_app.hardware import best_device, describe, precision
from skin_app.heatmap import attributions, averaged_over_members, of_probabilities, on_shared_scale
from skin_app.network import Member, MemberConfig, run_members, shared_stages
from skin_app.photo.read import Photo
from skin_app.quality import Finding, file_findings
from skin_app.trust import Assessment, Look, assess, look_at, to_check
from skin_app.views import VIEWS, centre_square, photo_views, views_by_size
from skin_app.weights.folder import WeightsFolder, open_weights

BATCH = 32


@dataclass(frozen=True)
class Ranked:
    """One diagnosis with its calibrated and its prior-adjusted probability, both in [0, 1]."""

    diagnosis: Diagnosis
    probability: float
    prior_adjusted: float


def ranked(probabilities: np.ndarray, prior_adjusted: np.ndarray) -> tuple[Ranked, ...]:
    """The seven diagnoses, most probable first; both (7,) in the order of `DIAGNOSES`."""
    order = np.argsort(-probabilities, kind="stable")
    return tuple(Ranked(DIAGNOSES[i], float(probabilities[i]), float(prior_adjusted[i])) for i in order)


@dataclass(frozen=True)
class Analysis:
    """All that is said of one photo; every screen, file and report is a view of this.

    `probabilities`, `prior_adjusted`: (7,) in the order of `DIAGNOSES`; `malignant_probability`: sum
    over akiec, bcc and mel. `members`: (members, 7) each member's own calibrated probabilities.
    `maps`: (7, rows, columns) in [0, 1] on one shared scale, over the photo's centre square `square`
    (left, top, side in pixels), of the upright view; None in a quick answer, which does without.
    `embedding`: (channels,) of the first member, view 0. `similar`: nearest confirmed lesions by it,
    most alike first. `views`: how many views were averaged. `assessment`: how far to trust it; None for
    weights that nothing of it was fitted for. `weights`, `device`: which weights said so, and where.
    `file_findings`: what is wrong with the photo's file, known whatever the weights.
    """

    probabilities: np.ndarray
    prior_adjusted: np.ndarray
    malignant_probability: float
    members: np.ndarray
    maps: np.ndarray | None
    square: tuple[int, int, int]
    embedding: np.ndarray
    similar: tuple[SimilarLesion, ...]
    views: int
    assessment: Assessment | None
    weights: str
    device: str
    file_findings: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...] | None:
        """What is wrong with the photo; None where nothing is and these weights cannot judge it."""
        if self.assessment is not None:
            return self.assessment.look.findings
        return self.file_findings or None

    @property
    def to_check(self) -> tuple[str, ...] | None:
        """What to look at before the answer is relied on, in a few words each; None as above."""
        if self.assessment is not None:
            return to_check(self.assessment)
        return tuple(finding.kind for finding in self.file_findings) or None

    @property
    def ranked(self) -> tuple[Ranked, ...]:
        """The seven diagnoses, most probable (calibrated) first."""
        return ranked(self.probabilities, self.prior_adjusted)


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
    def load(cls, source: str | Path | None = None, or_embedded: bool = False) -> "Ensemble":
        """Open weights as `open_weights` does and load them. Raises `WeightsError`."""
        return cls(open_weights(source, or_embedded))

    def analyse(self, photo: Photo, views: int = VIEWS) -> Analysis:
        """Analyse one photo with all members and `views` views (1 or 8)."""
        return self.analyse_all([photo], views)[0]

    def refine(self, photo: Photo) -> Iterator[Analysis]:
        """First the quick answer of one view, without maps, then the full one."""
        looks = self.look_at_all([photo])
        for views in (1, VIEWS):
            yield self.analyse_all([photo], views, looks, with_maps=views == VIEWS)[0]

    def look_at_all(self, photos: Sequence[Photo]) -> list[Look] | None:
        """What is seen of photos without networks; None for weights without limits to judge it by."""
        trust = self.trust
        return None if trust is None else [look_at(photo, trust) for photo in photos]

    def analyse_all(
        self,
        photos: Sequence[Photo],
        views: int = VIEWS,
        looks: list[Look] | None = None,
        with_maps: bool = True,
    ) -> list[Analysis]:
        """Analyse several photos in shared batches; one `Analysis` each, in their order.

        `looks`: what `look_at_all` gave of them, if it was asked before. `with_maps`: the maps take
        longer than one view of the photos does.
        """
        answers: list[MemberAnswer] = []
        squares: list[Tensor] = []  # each member's upright views
        for group in self.groups:
            inputs = group.inputs(photos, views)
            answers += group.read(inputs, self.device)
            squares += [inputs.upright] * len(group.members)
        logits = torch.stack([answer.logits for answer in answers], dim=1).double().numpy()
        by_member = calibrated(logits, self.calibration, views)
        probabilities = calibrated(logits.mean(axis=1), self.calibration, views)
        maps = self._maps(squares, probabilities) if with_maps else [None] * len(photos)
        adjusted = prior_adjusted(probabilities, self.calibration.frequencies)
        assessments = self._assess(
            answers, probabilities, maps, views, looks or self.look_at_all(photos)
        )
        return [
            Analysis(
                probabilities=probabilities[row],
                prior_adjusted=adjusted[row],
                malignant_probability=float(malignant_probability(probabilities[row])),
                members=by_member[row],
                maps=maps[row],
                square=_square(photo),
                embedding=answers[0].embedding[row].numpy(),
                similar=self.gallery.nearest(answers[0].embedding[row].numpy()),
                views=views,
                assessment=assessments[row],
                weights=self.weights.identity,
                device=describe(self.device),
                file_findings=file_findings(photo),
            )
            for row, photo in enumerate(photos)
        ]

    def _maps(self, squares: list[Tensor], probabilities: np.ndarray) -> list[np.ndarray]:
        """The members' mean maps of each photo's upright view, (7, rows, columns) in [0, 1]."""
        signed = [
            attributions(member, own.to(self.device)).cpu()
            for member, own in zip(self.members, squares, strict=True)
        ]
        maps = of_probabilities(averaged_over_members(signed), torch.from_numpy(probabilities))
        return [on_shared_scale(own).numpy() for own in maps]

    def _assess(
        self,
        answers: list["MemberAnswer"],
        probabilities: np.ndarray,
        maps: Sequence[np.ndarray | None],
        views: int,
        looks: list[Look] | None,
    ) -> list[Assessment] | list[None]:
        trust, detector = self.trust, self.novelty
        if trust is None or detector is None or looks is None:
            return [None] * len(probabilities)
        novelties = detector.judge([a.embedding for a in answers], [a.logits for a in answers], views)
        by_view = torch.cat([answer.by_view for answer in answers], dim=1).double().numpy()
        readings = calibrated(by_view, self.calibration, views=1)
        return [
            assess(probabilities[row], readings[row], maps[row], views, novelties[row], look, trust)
            for row, look in enumerate(looks)
        ]


@dataclass(frozen=True)
class MemberAnswer:
    """One member's answer for several photos, on the CPU.

    `by_view` (photos, views, 7): logits of each view; `embedding` (photos, channels), of view 0 alone,
    as the gallery index has it.
    """

    by_view: Tensor
    embedding: Tensor

    @property
    def logits(self) -> Tensor:
        """Averaged over the views, (photos, 7)."""
        return self.by_view.mean(dim=1)


@torch.inference_mode()
def read_batches(
    members: Sequence[Member], stages: int, inputs: Tensor, views: int, device: torch.device
) -> list[MemberAnswer]:
    """Run members over (photos * views, 3, size, size) in batches of at most `BATCH`.

    `stages`: how many first stages the members have in common (`network.shared_stages`).
    """
    logits: list[list[Tensor]] = [[] for _ in members]
    embeddings: list[list[Tensor]] = [[] for _ in members]
    for start in range(0, len(inputs), BATCH):
        with precision(device):
            readings = run_members(members, stages, inputs[start : start + BATCH].to(device))
        for i, reading in enumerate(readings):
            logits[i].append(reading.logits.float().cpu())
            embeddings[i].append(reading.embedding.float().cpu())
    return [
        MemberAnswer(
            by_view=torch.cat(logits[i]).unflatten(0, (-1, views)),
            embedding=torch.cat(embeddings[i])[::views],
        )
        for i in range(len(members))
    ]


@dataclass(frozen=True)
class Inputs:
    """What the members of one group get of photos.

    `by_size`: size -> which views have it, and those, (photos * own views, 3, size, size) in [0, 1];
    the first is the size of view 0.
    """

    by_size: dict[int, tuple[list[int], Tensor]]

    @property
    def upright(self) -> Tensor:
        """View 0 of each photo, (photos, 3, size, size)."""
        views, inputs = next(iter(self.by_size.values()))
        return inputs[:: len(views)]

    def to(self, device: torch.device) -> "Inputs":
        """The same on `device`."""
        return Inputs({size: (views, own.to(device)) for size, (views, own) in self.by_size.items()})


class MemberGroup:
    """Members whose views have the same sizes; they share inputs and equal first stages.

    `stages`: how many first stages they have in common (`network.shared_stages`). `members_at`: size ->
    the members at that size, in the same order.
    """

    def __init__(self, members: Sequence[Member], stages: int = 0) -> None:
        self.members = members
        self.stages = stages
        self.config = members[0].config
        sizes = dict.fromkeys(self.config.sizes)
        self.members_at = {size: [member.at(size) for member in members] for size in sizes}

    def inputs(self, photos: Sequence[Photo], views: int) -> Inputs:
        """The first `views` views of `photos`."""
        tensors = [torch.from_numpy(photo.pixels).permute(2, 0, 1) for photo in photos]
        return Inputs(
            {
                size: (own, torch.cat([photo_views(tensor, size, own) for tensor in tensors]))
                for size, own in views_by_size(self.config.sizes, views).items()
            }
        )

    def read(self, inputs: Inputs, device: torch.device) -> list[MemberAnswer]:
        """Each member's answers; `by_view` is in the order of the views, whatever their sizes."""
        parts = [
            read_batches(self.members_at[size], self.stages, squares, len(views), device)
            for size, (views, squares) in inputs.by_size.items()
        ]
        order = np.argsort(np.concatenate([views for views, _ in inputs.by_size.values()]))
        return [
            MemberAnswer(
                by_view=torch.cat([answer.by_view for answer in answers], dim=1)[:, order],
                embedding=answers[0].embedding,
            )
            for answers in zip(*parts, strict=True)
        ]


def groups_of(members: Sequence[Member]) -> list[MemberGroup]:
    """All `members` in their order; neighbours whose views have the same sizes form a group."""
    groups = [list(own) for _, own in groupby(members, lambda member: member.config.sizes)]
    return [MemberGroup(own, shared_stages(own)) for own in groups]


def input_square(photo: Photo, config: MemberConfig) -> Tensor:
    """The photo as one member sees it upright: (3, size, size) float32 in [0, 1]."""
    pixels = torch.from_numpy(photo.pixels).permute(2, 0, 1)
    return centre_square(pixels, config.size)


def _square(photo: Photo) -> tuple[int, int, int]:
    side = min(photo.width, photo.height)
    return (photo.width - side) // 2, (photo.height - side) // 2, side
