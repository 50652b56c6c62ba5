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
from train.audit.fitted_novelty import FALSE_ALARMS, FittedNovelty
from train.audit.out_of_fold import OutOfFold, crossfit_quantile
from train.data.drawings import blank, noise, text_screenshot
from train.data.ham10000 import DataError
from train.scores.intervals import Estimate, interval_95, lesion_draws, mean_estimate
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
DRAWN: dict[str, Callable[[int], Photo]] = {"blank": blank, "noise": noise, "text": text_screenshot}
RECOLOURED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "inverted": lambda pixels: 255 - pixels,
    "swapped": lambda pixels: pixels[..., ::-1],
}


@dataclass(frozen=True)
class Group:
    """`refused`: share refused by all shipped members together, from one view, as in the app.

    `auroc`: area under the ROC curve against unseen dermatoscopic images, for the score in use
    ("joint"), and for its two parts alone ("distance", "energy").
    """

    title: str
    pictures: int
    refused: Estimate
    auroc: dict[str, Estimate]


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
    listed = {} if not_dermoscopy is None else pictures_to_refuse(not_dermoscopy)
    rows = np.arange(len(unseen.table))
    return Refusals(
        out_of_fold_images=len(rows),
        false_alarm_rate_set=FALSE_ALARMS,
        false_alarms={
            str(views): unseen.mean(
                scores > crossfit_quantile(scores, unseen.parts, 1 - FALSE_ALARMS), rows
            )
            for views, scores in fitted.scores.items()
        },
        groups={
            name: _measure_group(unseen, fitted, title, photos)
            for name, title in GROUPS.items()
            if (photos := [read_photo(path) for path in listed.get(name, ())] or made(unseen, name))
        },
        targets=TARGETS,
    )


def _measure_group(unseen: OutOfFold, fitted: FittedNovelty, title: str, photos: list[Photo]) -> Group:
    read = [answers_of(member, photos) for member in unseen.members]
    judged = fitted.detector().judge([a[0] for a in read], [a[1] for a in read], 1)
    refused = np.array([novelty.is_novel for novelty in judged])
    pictures = np.arange(len(photos)).astype(str)
    return Group(title, len(photos), mean_estimate(refused, pictures), _areas(unseen, fitted, read))


def answers_of(member: Member, photos: list[Photo]) -> tuple[Tensor, Tensor]:
    """Embeddings (photos, channels) and logits (photos, 7) of one member, 1 view."""
    squares = [input_square(photo, member.config) for photo in photos]
    chunks = [torch.stack(squares[start : start + CHUNK]) for start in range(0, len(photos), CHUNK)]
    read = [read_batches([member], 0, chunk, 1, best_device())[0] for chunk in chunks]
    return torch.cat([a.embedding for a in read]), torch.cat([a.logits for a in read])


def _areas(
    unseen: OutOfFold, fitted: FittedNovelty, read: list[tuple[Tensor, Tensor]]
) -> dict[str, Estimate]:
    """Each member's scores for the pictures against its scores for images that it had not seen.

    `read`: `answers_of` the pictures, by member.
    """
    limits, known, foreign, lesions = fitted.limits, [], [], []
    for index, (embeddings, logits) in enumerate(read):
        far, unsure = limits.distance[index], limits.energy[1][index]
        own = unseen.held_out_of(index)
        lesions.append(unseen.lesions[own[0]])
        images = torch.from_numpy(fitted.distance[own]), torch.from_numpy(unseen.apart(1)[own])
        shown = fitted.members[index].nearest(embeddings), logits
        for scores, (distance, of_logits) in ((known, images), (foreign, shown)):
            energies = energy(of_logits)
            parts = (distance - far.mean) / far.deviation, (energies - unsure.mean) / unsure.deviation
            joint = member_score(distance, energies, far, unsure)
            scores.append(torch.stack([joint, *(part.double() for part in parts)]).numpy())
    scores = np.concatenate([*known, *foreign], axis=1)
    names = np.tile(np.arange(foreign[0].shape[1]).astype(str), len(foreign))
    areas = (_area(row, np.concatenate(lesions), names) for row in scores)
    return dict(zip(("joint", "distance", "energy"), areas, strict=True))


def _area(scores: np.ndarray, lesions: np.ndarray, pictures: np.ndarray) -> Estimate:
    """AUROC with an interval from a bootstrap over lesions and pictures.

    `scores`: first those of the images, with their `lesions`, then those of `pictures`, given by name.
    """
    positive = np.arange(len(scores)) >= len(lesions)
    draws = zip(
        lesion_draws(lesions, np.unique(lesions)),
        lesion_draws(pictures, np.unique(pictures), seed=1),
        strict=True,
    )
    drawn = [weighted_auc(positive, scores, np.concatenate(pair, axis=1)) for pair in draws]
    value = weighted_auc(positive, scores, np.ones((1, len(scores))))[0]
    return Estimate(float(value), interval_95(np.concatenate(drawn)), len(np.unique(pictures)))


def pictures_to_refuse(folder: Path) -> dict[str, list[Path]]:
    """Files of `folder` by group, from its `manifest.csv` (columns file, and kind: photo or clinical).

    Raises `DataError` when the list cannot be read, or names another group or a missing file.
    """
    try:
        table = pd.read_csv(folder / "manifest.csv", dtype=str)
        listed = {
            str(group): [folder / name for name in own["file"].fillna("(no name)")]
            for group, own in table.groupby("kind", dropna=False)
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


def made(unseen: OutOfFold, group: str) -> list[Photo]:
    """Generated pictures, or dermatoscopic images with impossible colours; none for other groups."""
    if group in DRAWN:
        return [DRAWN[group](seed) for seed in range(MADE)]
    if group not in RECOLOURED:
        return []
    rows = np.random.default_rng(0).choice(
        len(unseen.table), min(MADE, len(unseen.table)), replace=False
    )
    change = RECOLOURED[group]
    return [Photo(np.ascontiguousarray(change(unseen.photo(int(r)).pixels))) for r in rows]
