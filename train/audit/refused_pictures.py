"""How often pictures that must be refused are: photographs, blanks, noise, false colours."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from skin_app.ensemble import input_square, read_batches
from skin_app.hardware import best_device
from skin_app.network import Member
from skin_app.novelty import energy, member_score
from skin_app.photo.read import Photo, read_photo
from train.audit.novelty_limits import FALSE_ALARMS, FittedNovelty
from train.audit.out_of_fold import OutOfFold
from train.data.ham10000 import DataError
from train.data.not_photos import blank, noise, text_screenshot
from train.scores.bootstrap import RESAMPLES, interval_95, lesion_draws
from train.scores.crossfit import held_out
from train.scores.estimate import Estimate, mean_estimate
from train.scores.metrics import weighted_auc

CHUNK = 16
MADE = 100
GROUPS = {
    "photo": "ordinary photographs",
    "clinical": "clinical skin photos",
    "blank": "blank, one colour",
    "noise": "noise",
    "text": "screenshots of text",
    "inverted": "dermatoscopic, colours inverted",
    "swapped": "dermatoscopic, red and blue swapped",
}
TARGETS = {"photo": 0.99, "clinical": 0.95}


@dataclass(frozen=True)
class Areas:
    """AUROC against unseen dermatoscopic images: for the score in use, and for its two parts alone."""

    joint: Estimate
    distance: Estimate
    energy: Estimate


@dataclass(frozen=True)
class Group:
    """`refused`: share refused by all shipped members together, from one view, as in the app."""

    title: str
    pictures: int
    refused: Estimate
    auroc: Areas


@dataclass(frozen=True)
class Refusals:
    """`false_alarms`: share of dermatoscopic images refused, by number of views; limits are crossfit.

    `groups`, `targets` (for the joint AUROC): by name of the group, see `GROUPS`.
    """

    out_of_fold_images: int
    false_alarm_rate_set: float
    false_alarms: dict[str, Estimate]
    groups: dict[str, Group]
    targets: dict[str, float]


def measure(unseen: OutOfFold, fitted: FittedNovelty, not_dermoscopy: Path | None) -> Refusals:
    """AUROC against out-of-fold images, and the share refused at the shipped limit, by group.

    `not_dermoscopy`: folder with `manifest.csv`, see `pictures_to_refuse`; without it, photographs are
    not measured. Raises `DataError` when the folder cannot be read.
    """
    pictures: dict[str, Callable[[], list[Photo]]] = dict(_made(unseen))
    if not_dermoscopy is not None:
        for name, paths in pictures_to_refuse(not_dermoscopy).items():
            pictures[name] = lambda paths=paths: [read_photo(path) for path in paths]
    return Refusals(
        out_of_fold_images=len(unseen.table),
        false_alarm_rate_set=FALSE_ALARMS,
        false_alarms={
            str(views): mean_estimate(scores > _limits_of_other_parts(unseen, scores), unseen.lesions)
            for views, scores in fitted.scores.items()
        },
        groups={
            name: _measure_group(unseen, fitted, title, pictures[name]())
            for name, title in GROUPS.items()
            if name in pictures
        },
        targets=TARGETS,
    )


def _limits_of_other_parts(unseen: OutOfFold, scores: np.ndarray) -> np.ndarray:
    """(images,) the limit that the scores of the other parts set."""
    limits = np.zeros(len(scores))
    for fit, apply in held_out(unseen.parts):
        limits[apply] = np.quantile(scores[fit], 1 - FALSE_ALARMS)
    return limits


def _measure_group(unseen: OutOfFold, fitted: FittedNovelty, title: str, photos: list[Photo]) -> Group:
    read = [answers_of(member, photos) for member in unseen.members]
    embeddings, logits = [a[0] for a in read], [a[1] for a in read]
    judged = fitted.detector().judge(embeddings, logits, 1)
    refused = np.array([novelty.is_novel for novelty in judged])
    return Group(
        title,
        len(photos),
        mean_estimate(refused, np.arange(len(photos)).astype(str)),
        _areas(unseen, fitted, embeddings, logits),
    )


def answers_of(member: Member, photos: list[Photo]) -> tuple[Tensor, Tensor]:
    """Embeddings (photos, channels) and logits (photos, 7) of one member, 1 view."""
    read = [
        read_batches(
            [member],
            0,
            torch.stack([input_square(p, member.config) for p in photos[start : start + CHUNK]]),
            1,
            best_device(),
        )[0]
        for start in range(0, len(photos), CHUNK)
    ]
    return torch.cat([a.embedding for a in read]), torch.cat([a.logits for a in read])


def _areas(
    unseen: OutOfFold, fitted: FittedNovelty, embeddings: list[Tensor], logits: list[Tensor]
) -> Areas:
    """Each member's scores for the pictures against its scores for images that it had not seen."""
    limits = fitted.limits
    known, foreign, lesions = [], [], []
    for index, member in enumerate(fitted.members):
        far, unsure = limits.distance[index], limits.energy[1][index]
        own = unseen.held_out_of(index)
        lesions.append(unseen.lesions[own[0]])
        own_images = (
            torch.from_numpy(fitted.distance[own]),
            energy(torch.from_numpy(unseen.apart(1)[own])),
        )
        shown = member.nearest(embeddings[index]), energy(logits[index])
        for scores, (distance, energies) in ((known, own_images), (foreign, shown)):
            parts = (distance - far.mean) / far.deviation, (energies - unsure.mean) / unsure.deviation
            joint = member_score(distance, energies, far, unsure)
            scores.append(torch.stack([joint, *(part.double() for part in parts)]).numpy())
    scores = np.concatenate([*known, *foreign], axis=1)
    of_images = np.concatenate(lesions)
    names = np.tile(np.arange(foreign[0].shape[1]).astype(str), len(foreign))
    return Areas(*(_area(row, of_images, names) for row in scores))


def _area(scores: np.ndarray, lesions: np.ndarray, pictures: np.ndarray) -> Estimate:
    """AUROC with an interval from a bootstrap over lesions and pictures.

    `scores`: first those of the images, with their `lesions`, then those of `pictures`, given by name.
    """
    positive = np.arange(len(scores)) >= len(lesions)
    drawn = [
        weighted_auc(positive, scores, np.concatenate(pair, axis=1))
        for pair in zip(
            lesion_draws(lesions, np.unique(lesions), RESAMPLES),
            lesion_draws(pictures, np.unique(pictures), RESAMPLES, seed=1),
            strict=True,
        )
    ]
    value = weighted_auc(positive, scores, np.ones((1, len(scores))))[0]
    return Estimate(float(value), interval_95(np.concatenate(drawn)), len(np.unique(pictures)))


def pictures_to_refuse(folder: Path) -> dict[str, list[Path]]:
    """Files of `folder` by group, from its `manifest.csv` (columns file, and kind: photo or clinical).

    Raises `DataError` when the list cannot be read, or names another group or a missing file.
    """
    try:
        table = pd.read_csv(folder / "manifest.csv", dtype=str)
        listed = {
            str(kind): [folder / name for name in own["file"].fillna("(no name)")]
            for kind, own in table.groupby("kind", dropna=False)
        }
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{folder} is no folder of pictures to refuse ({error}): it needs manifest.csv with the "
            "columns file and kind."
        ) from error
    unknown = sorted(set(listed) - set(TARGETS))
    if unknown:
        raise DataError(
            f"{folder / 'manifest.csv'} has the kind {unknown[0]}: use {' or '.join(TARGETS)}."
        )
    missing = [path.name for paths in listed.values() for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            f"{folder / 'manifest.csv'} lists {len(missing)} files that are not there, the first "
            f"{missing[0]}: put them back, or take them off the list."
        )
    return listed


def _made(unseen: OutOfFold) -> dict[str, Callable[[], list[Photo]]]:
    """Generated pictures, and dermatoscopic images with impossible colours."""

    def of_lesions(change: Callable[[np.ndarray], np.ndarray]) -> list[Photo]:
        count = min(MADE, len(unseen.table))
        rows = np.random.default_rng(0).choice(len(unseen.table), count, replace=False)
        return [Photo(np.ascontiguousarray(change(unseen.photo(int(r)).pixels))) for r in rows]

    return {
        "blank": lambda: [blank(seed) for seed in range(MADE)],
        "noise": lambda: [noise(seed) for seed in range(MADE)],
        "text": lambda: [text_screenshot(seed) for seed in range(MADE)],
        "inverted": lambda: of_lesions(lambda pixels: 255 - pixels),
        "swapped": lambda: of_lesions(lambda pixels: pixels[..., ::-1]),
    }
