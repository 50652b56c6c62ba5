"""How unlike the training images a photo is, from a distance in embedding space and a free energy.

The distance detects foreign pictures and artefacts; the energy detects images that fit no diagnosis.
Either is enough, so the score is the larger of the two.
Distance: Mahalanobis distance to the nearest class mean with one shared covariance (Lee et al. 2018),
as a logarithm. Energy: free energy, the negative log-sum-exp of the logits (Liu et al. 2020).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, Field
from safetensors.torch import load_file
from torch import Tensor

FILE = "novelty.safetensors"


class NoveltyError(ValueError):
    """The novelty statistics do not fit the weights; the message says what to do."""


class Spread(BaseModel, extra="forbid", frozen=True):
    """Mean and standard deviation of one part of the score on out-of-fold images."""

    mean: float
    deviation: float = Field(gt=0)


class NoveltyLimits(BaseModel, extra="forbid", frozen=True):
    """Stored in `ensemble.json`; the means and covariances are in `novelty.safetensors`.

    `distance`: one entry per member; `energy`: number of views -> one entry per member; `limits`:
    number of views -> the score above which a photo counts as novel. `false_alarm_rate`: share of
    out-of-fold images that the limits were set to refuse. `fitted_on`: the data, in words.
    """

    distance: tuple[Spread, ...]
    energy: dict[int, tuple[Spread, ...]]
    limits: dict[int, float]
    false_alarm_rate: float = Field(gt=0, lt=1)
    fitted_on: str


@dataclass(frozen=True)
class Novelty:
    """`score`: mean over members, about 0 for images like the training data; novel above `limit`."""

    score: float
    limit: float

    @property
    def is_novel(self) -> bool:
        """Whether the photo is unlike the training images."""
        return self.score > self.limit


@dataclass(frozen=True)
class ClassDistances:
    """Statistics of one member's embeddings: `means` (7, channels), `whitening` (channels, channels).

    The squared distance of x to class k is the squared length of `whitening @ (x - means[k])`.
    """

    means: Tensor
    whitening: Tensor

    def nearest(self, embeddings: Tensor) -> Tensor:
        """Log of the distance to the nearest class mean: (images, channels) -> (images,)."""
        placed = embeddings.float() @ self.whitening.T
        centres = self.means @ self.whitening.T
        return torch.cdist(placed, centres).min(dim=1).values.clamp(min=1e-6).log()


def energy(logits: Tensor) -> Tensor:
    """Free energy (images,) of logits (images, 7): high where no class has a high logit."""
    return -torch.logsumexp(logits.double(), dim=1)


def member_score(distance: Tensor, energies: Tensor, far: Spread, unsure: Spread) -> Tensor:
    """The larger of both parts, in standard deviations from their out-of-fold means, (images,)."""
    return torch.maximum(
        (distance.double() - far.mean) / far.deviation,
        (energies.double() - unsure.mean) / unsure.deviation,
    )


class NoveltyDetector:
    """Scores photos by the statistics of all members."""

    def __init__(self, members: Sequence[ClassDistances], limits: NoveltyLimits) -> None:
        counts = {len(members), len(limits.distance), *map(len, limits.energy.values())}
        if len(counts) != 1 or limits.energy.keys() != limits.limits.keys():
            raise NoveltyError(
                "The novelty statistics are not of these members: run `python -m train audit`."
            )
        self._members = tuple(members)
        self.limits = limits

    @classmethod
    def load(cls, folder: Path, members: Sequence[str], limits: NoveltyLimits) -> "NoveltyDetector":
        """Read `novelty.safetensors` of a weights folder; `members`: their names, in order."""
        tensors = load_file(folder / FILE)
        return cls(
            [
                ClassDistances(tensors[f"{m}.means"].float(), tensors[f"{m}.whitening"].float())
                for m in members
            ],
            limits,
        )

    def scores(self, embeddings: Sequence[Tensor], logits: Sequence[Tensor], views: int) -> np.ndarray:
        """Scores (photos,) of each member's embeddings (photos, channels) and logits (photos, 7).

        `views`: how many views the logits were averaged over. Raises `ValueError` when no limits
        were fitted for this number.
        """
        if views not in self.limits.limits:
            raise ValueError(f"These weights have no novelty limit for {views} views.")
        by_member = [
            member_score(member.nearest(embedding), energy(logit), far, unsure)
            for member, embedding, logit, far, unsure in zip(
                self._members,
                embeddings,
                logits,
                self.limits.distance,
                self.limits.energy[views],
                strict=True,
            )
        ]
        return torch.stack(by_member).mean(dim=0).numpy()

    def judge(
        self, embeddings: Sequence[Tensor], logits: Sequence[Tensor], views: int
    ) -> list[Novelty]:
        """One `Novelty` per photo; arguments as in `scores`."""
        limit = self.limits.limits[views]
        return [Novelty(float(score), limit) for score in self.scores(embeddings, logits, views)]
