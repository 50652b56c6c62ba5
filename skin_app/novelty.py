"""How unlike the training images a photo is, from a distance in embedding space.

The distance is the logarithm of the Mahalanobis distance to the nearest class mean, with one shared
covariance (Lee et al. 2018). It is usually larger for images of rare diagnoses than for naevi. So the
score compares it with the usual distance of each diagnosis, weighted by the member's probabilities, in
standard deviations. The covariance also includes images changed by simulated cameras, so that fewer
photos are novel because of their camera alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import BaseModel, Field
from safetensors.torch import load
from torch import Tensor

from skin_app.diagnoses import CODES

FILE = "novelty.safetensors"


class NoveltyError(ValueError):
    """The novelty statistics do not fit the weights; the message says what to do."""


class UsualDistance(BaseModel, extra="forbid", frozen=True):
    """Mean and standard deviation of one member's log distance, for each diagnosis, out of fold."""

    mean: tuple[float, ...] = Field(min_length=len(CODES), max_length=len(CODES))
    deviation: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        min_length=len(CODES), max_length=len(CODES)
    )

    def score(self, distance: Tensor, logits: Tensor) -> Tensor:
        """How many standard deviations (photos,) log distances exceed the usual ones.

        Usual means and deviations are averaged over the diagnoses, weighted by the softmax of `logits`,
        (photos, 7).
        """
        probabilities = logits.double().softmax(dim=1)
        mean, deviation = (
            torch.tensor(own, dtype=torch.float64) for own in (self.mean, self.deviation)
        )
        return (distance.double() - probabilities @ mean) / (probabilities @ deviation)


class NoveltyLimits(BaseModel, extra="forbid", frozen=True):
    """Stored in `ensemble.json`; the means and covariances are in `novelty.safetensors`.

    `usual`: one entry per member. `limit`: the score above which a photo counts as novel.
    `false_alarm_rate`: largest share of the out-of-fold images that the limit may refuse.
    `fitted_on`: the data, in words.
    """

    usual: tuple[UsualDistance, ...]
    limit: float
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
        return not self.score <= self.limit  # also for a score that is no number


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


class NoveltyDetector:
    """Scores photos by the statistics of all members."""

    def __init__(self, members: Sequence[ClassDistances], limits: NoveltyLimits) -> None:
        if len(members) != len(limits.usual):
            raise NoveltyError(
                "The novelty statistics are not of these members: run `python -m train audit`."
            )
        self._members = tuple(members)
        self.limits = limits

    @classmethod
    def load(cls, folder: Path, members: Sequence[str], limits: NoveltyLimits) -> "NoveltyDetector":
        """Read `novelty.safetensors` of a weights folder; `members`: their names, in order."""
        tensors = load((folder / FILE).read_bytes())  # a mapped file could be cut short under us
        return cls(
            [
                ClassDistances(tensors[f"{m}.means"].float(), tensors[f"{m}.whitening"].float())
                for m in members
            ],
            limits,
        )

    def member_scores(self, member: int, embeddings: Tensor, logits: Tensor) -> np.ndarray:
        """Scores (photos,) by one member: its `embeddings` (photos, channels), `logits` (photos, 7)."""
        distance = self._members[member].nearest(embeddings)
        return self.limits.usual[member].score(distance, logits).numpy()

    def judge(self, embeddings: Sequence[Tensor], logits: Sequence[Tensor]) -> list[Novelty]:
        """One `Novelty` per photo.

        Both are given for each member: `embeddings` (photos, channels) and `logits` (photos, 7) of the
        upright view, however many views are answered.
        """
        answers = enumerate(zip(embeddings, logits, strict=True))
        scores = np.mean([self.member_scores(member, *own) for member, own in answers], axis=0)
        return [Novelty(float(score), self.limits.limit) for score in scores]
