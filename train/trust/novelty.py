"""Fit the novelty statistics on out-of-fold images; measure them on pictures that must be refused."""

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
from train.trust.bench import Bench

FALSE_ALARMS = 0.05
CHUNK = 16


@dataclass(frozen=True)
class FittedNovelty:
    """What goes into the weights folder, and the out-of-fold scores that the limits come from.

    `distance`: (images,) log distance, `scores`: number of views -> (images,); each image by statistics
    of other lesions.
    """

    members: tuple[ClassDistances, ...]
    limits: NoveltyLimits
    distance: np.ndarray
    scores: dict[int, np.ndarray]

    def detector(self) -> NoveltyDetector:
        """As the app would load it."""
        return NoveltyDetector(self.members, self.limits)

    def tensors(self, names: Sequence[str]) -> dict[str, Tensor]:
        """What `novelty.safetensors` holds."""
        parts = {}
        for name, member in zip(names, self.members, strict=True):
            parts |= {f"{name}.means": member.means, f"{name}.whitening": member.whitening}
        return {key: value.contiguous() for key, value in parts.items()}


def fit_distances(embeddings: np.ndarray, labels: np.ndarray) -> ClassDistances:
    """Class means and one covariance of all, shrunk as Ledoit and Wolf (2004) do.

    `embeddings`: (images, channels); `labels`: (images,). A class without images takes the mean of all.
    """
    embeddings = embeddings.astype(np.float64)
    means = np.stack(
        [
            embeddings[labels == k].mean(axis=0) if (labels == k).any() else embeddings.mean(axis=0)
            for k in range(len(CODES))
        ]
    )
    residuals = embeddings - means[labels]
    scale = residuals.std(axis=0) + 1e-6
    precision = np.asarray(LedoitWolf(assume_centered=True).fit(residuals / scale).precision_)
    whitening = np.linalg.cholesky(precision).T / scale
    return ClassDistances(torch.from_numpy(means).float(), torch.from_numpy(whitening).float())


def fit_novelty(bench: Bench) -> FittedNovelty:
    """Statistics from all out-of-fold images; limits from scores by other lesions' statistics."""
    embeddings = _embeddings(bench)
    members = bench.table["member"].to_numpy()
    distance = np.zeros(len(members))
    distances, far = [], []
    for index in range(len(bench.members)):
        own = members == index
        distances.append(fit_distances(embeddings[own], bench.labels[own]))
        for part in np.unique(bench.parts):
            inside, outside = own & (bench.parts == part), own & (bench.parts != part)
            fitted = fit_distances(embeddings[outside], bench.labels[outside])
            distance[inside] = fitted.nearest(torch.from_numpy(embeddings[inside])).numpy()
        far.append(_spread(distance[own]))
    unsure = {
        views: tuple(
            _spread(energy(torch.from_numpy(logits[members == index])).numpy())
            for index in range(len(bench.members))
        )
        for views, logits in bench.logits.items()
    }
    scores = {
        views: _scores(distance, logits, members, far, unsure[views])
        for views, logits in bench.logits.items()
    }
    limits = NoveltyLimits(
        distance=tuple(far),
        energy=unsure,
        limits={views: float(np.quantile(s, 1 - FALSE_ALARMS)) for views, s in scores.items()},
        false_alarm_rate=FALSE_ALARMS,
        fitted_on=f"{len(members)} out-of-fold HAM10000 images, each by the one member that had not "
        "seen its lesion",
    )
    return FittedNovelty(tuple(distances), limits, distance, scores)


def _scores(
    distance: np.ndarray,
    logits: np.ndarray,
    members: np.ndarray,
    far: Sequence[Spread],
    unsure: Sequence[Spread],
) -> np.ndarray:
    result = np.zeros(len(members))
    for index in np.unique(members):
        own = members == index
        parts = torch.from_numpy(distance[own]), energy(torch.from_numpy(logits[own]))
        result[own] = member_score(*parts, far[index], unsure[index]).numpy()
    return result


def _spread(values: np.ndarray) -> Spread:
    return Spread(mean=float(values.mean()), deviation=float(values.std()))


def _embeddings(bench: Bench) -> np.ndarray:
    """(images, channels) of view 0, each by the member that had not seen the image; kept on disk."""
    path = bench.kept_path("embeddings", ".npy")
    if path.is_file():
        return np.load(path)
    rows = np.arange(len(bench.table))
    pieces = [
        bench.read(chunk, [bench.photo(int(row)) for row in chunk]).embedding.numpy()
        for chunk in np.split(rows, range(CHUNK, len(rows), CHUNK))
    ]
    partial = path.with_suffix(".partial.npy")
    np.save(partial, np.concatenate(pieces))
    partial.replace(path)
    return np.load(path)
