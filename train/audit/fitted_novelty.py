"""The novelty statistics and their limit, fitted on out-of-fold images.

Each image enters twice: as it is, and as a simulated camera shows it. `refused_pictures` measures how
often images and other pictures are refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.covariance import LedoitWolf
from torch import Tensor

from skin_app.diagnoses import CODES
from skin_app.novelty import ClassDistances, NoveltyDetector, NoveltyLimits, UsualDistance
from skin_app.photo.read import Photo
from train.audit.out_of_fold import OutOfFold
from train.data.cameras import random_camera, random_changes
from train.data.kept_files import kept_file
from train.scores.lesion_parts import held_out

FALSE_ALARMS = 0.05  # of all images, at most
MOST = 0.08  # of each diagnosis, of the simulated cameras' images, and of their melanomas
PRIOR_IMAGES = 20  # each diagnosis' variance is shrunk to their mean, which counts as so many images
MELANOMA = CODES.index("mel")


@dataclass(frozen=True)
class UprightAnswers:
    """Answers to the upright view of images by members that had not seen them, one from each run.

    `rows`: (images,) of the table. `embeddings`: per run, (images, channels). `logits`: per run,
    (images, 7).
    """

    rows: np.ndarray
    embeddings: tuple[np.ndarray, ...]
    logits: tuple[np.ndarray, ...]

    def part(self, run: int, images: np.ndarray) -> tuple[Tensor, Tensor]:
        """Embeddings and logits of one run for some `images`, (images,) bool."""
        return torch.from_numpy(self.embeddings[run][images]), torch.from_numpy(
            self.logits[run][images]
        )


@dataclass(frozen=True)
class FittedNovelty:
    """The shipped detector, and for each part of the lesions one that was fitted on the others.

    `members`, `limits`: for the weights folder. `crossfit`: by part.
    """

    members: tuple[ClassDistances, ...]
    limits: NoveltyLimits
    crossfit: tuple[NoveltyDetector, ...]

    def detector(self) -> NoveltyDetector:
        """The detector as the app would load it."""
        return NoveltyDetector(self.members, self.limits)

    def tensors(self, names: Sequence[str]) -> dict[str, Tensor]:
        """The content of `novelty.safetensors`."""
        parts = {}
        for name, member in zip(names, self.members, strict=True):
            parts |= {f"{name}.means": member.means, f"{name}.whitening": member.whitening}
        return {key: value.contiguous() for key, value in parts.items()}

    def refused(self, unseen: OutOfFold, answers: UprightAnswers) -> np.ndarray:
        """(images,) bool: whether detectors that were fitted on other lesions refuse the images."""
        found = np.zeros((len(answers.rows), unseen.runs))
        limits = np.array([detector.limits.limit for detector in self.crossfit])
        parts = unseen.parts[answers.rows]
        for member in range(len(unseen.members)):
            own, run = unseen.held_out_of(member)
            for part, detector in enumerate(self.crossfit):
                here = own[answers.rows] & (parts == part)
                found[here, run] = detector.member_scores(member, *answers.part(run, here))
        return found.mean(axis=1) > limits[parts]  # as in the app over members


def fit_distances(embeddings: np.ndarray, labels: np.ndarray, copies: np.ndarray) -> ClassDistances:
    """Class means, and one shared covariance, shrunk after Ledoit and Wolf (2004).

    `embeddings`: (images, channels); `labels`: (images,). A class without images gets the overall mean.
    `copies`: (images, channels) of the same images as simulated cameras show them, NaN where there is
    none. The covariance includes their differences from the class means.
    """
    embeddings, copies = embeddings.astype(np.float64), copies.astype(np.float64)
    of_class = [embeddings[labels == k] for k in range(len(CODES))]
    means = np.stack([(own if len(own) else embeddings).mean(axis=0) for own in of_class])
    residuals = np.concatenate([embeddings - means[labels], copies - means[labels]])
    residuals = residuals[~np.isnan(residuals).any(axis=1)]
    scale = residuals.std(axis=0) + 1e-6
    precision = np.asarray(LedoitWolf(assume_centered=True).fit(residuals / scale).precision_)
    whitening = np.linalg.cholesky(precision).T / scale
    return ClassDistances(torch.from_numpy(means).float(), torch.from_numpy(whitening).float())


def fit_novelty(unseen: OutOfFold, without: str | None = None) -> FittedNovelty:
    """Fits the statistics and the limit on all out-of-fold images, and again without each part.

    `without`: a change of `cameras.RANGES`; simulated cameras that make it are left out of the fit.
    """
    rows = np.arange(len(unseen.table))
    basis = _Basis(
        unseen,
        upright_answers(unseen, rows, "images", lambda photo, _: photo),
        upright_answers(unseen, rows, "random cameras", random_camera),
        np.array([without not in random_changes(int(row)) for row in rows]),
    )
    # Each image's distances, by statistics of other lesions.
    far, far_copies = (np.zeros((len(rows), unseen.runs)) for _ in range(2))
    parts = list(held_out(unseen.parts))
    by_part = [basis.distances(fit) for fit, _ in parts]
    for (_, apply), fitted in zip(parts, by_part, strict=True):
        for member, one in enumerate(fitted):
            own, run = unseen.held_out_of(member)
            here = own & apply
            for found, answers in ((far, basis.images), (far_copies, basis.copies)):
                found[here, run] = one.nearest(answers.part(run, here)[0]).numpy()
    everything = np.ones(len(rows), dtype=bool)
    return FittedNovelty(
        basis.distances(everything),
        basis.limits(everything, far, far_copies),
        tuple(
            NoveltyDetector(fitted, basis.limits(fit, far, far_copies))
            for fitted, (fit, _) in zip(by_part, parts, strict=True)
        ),
    )


@dataclass(frozen=True)
class _Basis:
    """All out-of-fold images, and a random camera's copy of each; `used`: which copies are fitted."""

    unseen: OutOfFold
    images: UprightAnswers
    copies: UprightAnswers
    used: np.ndarray

    def distances(self, fit: np.ndarray) -> tuple[ClassDistances, ...]:
        """Each member's statistics from those of the images `fit`, (images,) bool, it had not seen."""
        found = []
        for member in range(len(self.unseen.members)):
            own, run = self.unseen.held_out_of(member)
            copies = np.where(self.used[:, None], self.copies.embeddings[run], np.nan)
            here = own & fit
            found.append(
                fit_distances(self.images.embeddings[run][here], self.unseen.labels[here], copies[here])
            )
        return tuple(found)

    def limits(self, fit: np.ndarray, far: np.ndarray, far_copies: np.ndarray) -> NoveltyLimits:
        """The usual distances and the limit of the images `fit`.

        `far`, `far_copies`: (images, runs) log distances of images and copies, out of fold.
        """
        unseen, labels, used = self.unseen, self.unseen.labels, self.used
        usual, of_images, of_copies = [], far.copy(), far_copies.copy()
        for member in range(len(unseen.members)):
            own, run = unseen.held_out_of(member)
            here, seen = own & fit, own & fit & used
            one = _usual(
                np.concatenate([far[here, run], far_copies[seen, run]]),
                np.concatenate([labels[here], labels[seen]]),
            )
            for found, answers in ((of_images, self.images), (of_copies, self.copies)):
                logits = answers.part(run, here)[1]
                found[here, run] = one.score(torch.from_numpy(found[here, run]), logits).numpy()
            usual.append(one)
        seen = fit & used
        of_images, of_copies = of_images.mean(axis=1), of_copies.mean(axis=1)  # as in the app
        return NoveltyLimits(
            usual=tuple(usual),
            limit=_limit(of_images[fit], labels[fit], of_copies[seen], labels[seen]),
            false_alarm_rate=FALSE_ALARMS,
            fitted_on=f"{fit.sum()} out-of-fold HAM10000 images, each by {unseen.answered_by}, as they "
            "are and as a simulated camera shows them",
        )


def _usual(distance: np.ndarray, labels: np.ndarray) -> UsualDistance:
    """From (images,) log distances out of fold. A diagnosis without images uses those of all images."""
    of_class = [own if len(own := distance[labels == k]) else distance for k in range(len(CODES))]
    counts = np.bincount(labels, minlength=len(CODES))
    variances = np.array([own.var() for own in of_class])
    shrunk = (counts * variances + PRIOR_IMAGES * variances.mean()) / (counts + PRIOR_IMAGES)
    return UsualDistance(
        mean=tuple(float(own.mean()) for own in of_class),
        deviation=tuple(float(own) for own in np.sqrt(shrunk)),
    )


def _limit(
    scores: np.ndarray, labels: np.ndarray, camera_scores: np.ndarray, camera_labels: np.ndarray
) -> float:
    """The lowest limit that refuses at most `FALSE_ALARMS` of all, and `MOST` of each group.

    The groups: each diagnosis of the images, the simulated cameras' images, and their melanomas.
    """
    groups = [scores[labels == k] for k in range(len(CODES))]
    groups += [camera_scores, camera_scores[camera_labels == MELANOMA]]
    quantiles = [np.quantile(group, 1 - MOST) for group in groups if len(group)]
    return float(max(np.quantile(scores, 1 - FALSE_ALARMS), *quantiles))


def upright_answers(
    unseen: OutOfFold, rows: np.ndarray, name: str, change: Callable[[Photo, int], Photo]
) -> UprightAnswers:
    """Answers to the images `rows` after `change`, which takes a photo and its row.

    They take minutes, so they are stored in the work folder under `name`.
    """

    def write(path: Path) -> None:
        pieces = [
            unseen.read(
                chunk, [change(photo, int(row)) for photo, row in zip(photos, chunk, strict=True)]
            )
            for chunk, photos in unseen.chunks(rows)
        ]
        arrays = {}
        for run, answers in enumerate(zip(*pieces, strict=True)):
            arrays[f"embeddings-{run}"] = torch.cat([own.embedding for own in answers]).numpy()
            arrays[f"logits-{run}"] = torch.cat([own.logits for own in answers]).numpy()
        with path.open("wb") as file:
            np.savez(file, **arrays)

    with np.load(kept_file(unseen.kept_path(f"upright-{name}", ".npz"), write)) as kept:
        embeddings, logits = (
            tuple(kept[f"{what}-{run}"] for run in range(unseen.runs))
            for what in ("embeddings", "logits")
        )
    return UprightAnswers(rows, embeddings, logits)
