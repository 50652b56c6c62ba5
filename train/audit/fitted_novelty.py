"""The novelty statistics and limits, fitted on out-of-fold images.

`refused_pictures` measures how often they refuse.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.covariance import LedoitWolf
from torch import Tensor

from skin_app.diagnoses import CODES
from skin_app.novelty import (
    ClassDistances,
    NoveltyDetector,
    NoveltyLimits,
    Spread,
    energy,
    member_score,
)
from skin_app.result_files import beside
from train.audit.out_of_fold import OutOfFold
from train.scores.lesion_parts import held_out

FALSE_ALARMS = 0.05


@dataclass(frozen=True)
class FittedNovelty:
    """The statistics for the weights folder, and the out-of-fold scores that set the limits.

    `distance`: (images, runs) log distance; `scores`: number of views -> (images,), mean over runs.
    Each image is scored with statistics fitted on other lesions.
    """

    members: tuple[ClassDistances, ...]
    limits: NoveltyLimits
    distance: np.ndarray
    scores: dict[int, np.ndarray]

    def detector(self) -> NoveltyDetector:
        """The detector as the app would load it."""
        return NoveltyDetector(self.members, self.limits)

    def tensors(self, names: Sequence[str]) -> dict[str, Tensor]:
        """The content of `novelty.safetensors`."""
        parts = {}
        for name, member in zip(names, self.members, strict=True):
            parts |= {f"{name}.means": member.means, f"{name}.whitening": member.whitening}
        return {key: value.contiguous() for key, value in parts.items()}


def fit_distances(embeddings: np.ndarray, labels: np.ndarray) -> ClassDistances:
    """Class means and one shared covariance, shrunk after Ledoit and Wolf (2004).

    `embeddings`: (images, channels); `labels`: (images,). A class without images gets the overall mean.
    """
    embeddings = embeddings.astype(np.float64)
    of_class = [embeddings[labels == k] for k in range(len(CODES))]
    means = np.stack([(own if len(own) else embeddings).mean(axis=0) for own in of_class])
    residuals = embeddings - means[labels]
    scale = residuals.std(axis=0) + 1e-6
    precision = np.asarray(LedoitWolf(assume_centered=True).fit(residuals / scale).precision_)
    whitening = np.linalg.cholesky(precision).T / scale
    return ClassDistances(torch.from_numpy(means).float(), torch.from_numpy(whitening).float())


def fit_novelty(unseen: OutOfFold) -> FittedNovelty:
    """Fits the statistics on all out-of-fold images, and sets the limits.

    To set the limits, each image is scored with statistics fitted on other lesions.
    """
    by_run = _embeddings(unseen)
    distance = np.zeros((len(unseen.table), unseen.runs))
    places = [unseen.held_out_of(index) for index in range(len(unseen.members))]
    distances = []
    for own, run in places:
        embeddings = by_run[run]
        distances.append(fit_distances(embeddings[own], unseen.labels[own]))
        for fit, apply in held_out(unseen.parts):
            inside, outside = own & apply, own & fit
            fitted = fit_distances(embeddings[outside], unseen.labels[outside])
            distance[inside, run] = fitted.nearest(torch.from_numpy(embeddings[inside])).numpy()
    far = tuple(_spread(distance[place]) for place in places)
    unsure, scores = {}, {}
    for views in unseen.logits:
        logits = torch.from_numpy(unseen.apart(views))
        energies = energy(logits.flatten(0, 1)).numpy().reshape(distance.shape)
        unsure[views] = tuple(_spread(energies[place]) for place in places)
        of_runs = np.zeros(distance.shape)
        for place, *spreads in zip(places, far, unsure[views], strict=True):
            parts = torch.from_numpy(distance[place]), torch.from_numpy(energies[place])
            of_runs[place] = member_score(*parts, *spreads).numpy()
        scores[views] = of_runs.mean(axis=1)  # as in the app over members
    limits = NoveltyLimits(
        distance=far,
        energy=unsure,
        limits={views: float(np.quantile(s, 1 - FALSE_ALARMS)) for views, s in scores.items()},
        false_alarm_rate=FALSE_ALARMS,
        fitted_on=f"{len(unseen.labels)} out-of-fold HAM10000 images, each by {unseen.answered_by}",
    )
    return FittedNovelty(tuple(distances), limits, distance, scores)


def _spread(values: np.ndarray) -> Spread:
    return Spread(mean=float(values.mean()), deviation=float(values.std()))


def _embeddings(unseen: OutOfFold) -> list[np.ndarray]:
    """Stored embeddings of view 0, (images, channels) per run, by members that had not seen each."""
    path = unseen.kept_path("embeddings", ".npz")
    if not path.is_file():
        pieces = [
            [answer.embedding.numpy() for answer in unseen.read(chunk, photos)]
            for chunk, photos in unseen.chunks(np.arange(len(unseen.table)))
        ]
        with beside(path) as partial, partial.open("wb") as file:
            np.savez(file, *(np.concatenate(of_run) for of_run in zip(*pieces, strict=True)))
    with np.load(path) as kept:
        return [kept[name] for name in kept.files]
