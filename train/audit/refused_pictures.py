"""How often non-dermatoscopic pictures are refused, and how often real lesions are wrongly refused.

Pictures: photographs, blanks, noise, false colours. Real lesions: by diagnosis, and as simulated
cameras show them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from skin_app.diagnoses import CODES
from skin_app.hardware import best_device
from skin_app.member_groups import input_square, read_batches
from skin_app.network import Member
from skin_app.photo.read import Photo, read_photo
from train.audit.fitted_novelty import (
    FALSE_ALARMS,
    MELANOMA,
    FittedNovelty,
    UprightAnswers,
    fit_novelty,
    upright_answers,
)
from train.audit.out_of_fold import OutOfFold
from train.audit.outcome_rules import by_outcome, grounds_of_changed
from train.data.cameras import CAMERAS, seen_by
from train.data.drawings import blank, noise, text_screenshot
from train.data.ham10000 import DataError
from train.scores.intervals import Estimate, mean_estimate

CHUNK = 16
MADE = 100
IMAGES = 600  # shown by each simulated camera
AS_THEY_ARE = "as they are"
GROUPS = {
    "photo": "ordinary photographs",
    "clinical": "clinical skin photos",
    "blank": "blank, one colour",
    "noise": "noise",
    "text": "screenshots of text",
    "inverted": "dermatoscopic, colours inverted",
    "swapped": "dermatoscopic, red and blue swapped",
}
LEAST_REFUSED = {"photo": 0.99, "clinical": 0.95}  # the goals
MOST_REFUSED = 0.08  # of the images of a diagnosis, or of a simulated camera
DRAWN: dict[str, Callable[[int], Photo]] = {"blank": blank, "noise": noise, "text": text_screenshot}
RECOLOURED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "inverted": lambda pixels: 255 - pixels,
    "swapped": lambda pixels: pixels[..., ::-1],
}


@dataclass(frozen=True)
class Group:
    """`refused`: share refused by all shipped members together, as in the app."""

    title: str
    pictures: int
    refused: Estimate


@dataclass(frozen=True)
class CameraRefusals:
    """Shares of real lesions refused, and their outcomes, as one simulated camera shows them.

    `images`, `melanomas`: refused, if random cameras of the fit make the same changes. `unknown`,
    `unknown_melanomas`: refused, if no camera of the fit makes this change; None for a camera with
    several changes. `uncertain`: of the images; `melanomas_not_suspicious`: of the melanomas; both are
    outcomes from one view, without regard to refusal.
    """

    images: Estimate
    melanomas: Estimate
    unknown: Estimate | None
    unknown_melanomas: Estimate | None
    uncertain: Estimate
    melanomas_not_suspicious: Estimate


@dataclass(frozen=True)
class Refusals:
    """Shares refused, and the goals for them.

    Real lesions: `false_alarms` of all, by code in `by_diagnosis`, by name in `cameras`, of which the
    first shows the images as they are; statistics and limit are crossfit. `most_refused`: at most this
    share of a diagnosis or camera, and `false_alarm_rate_set` of all. Pictures: `groups`, by name of
    the group, see `GROUPS`; `least_refused`: at least this share.
    """

    out_of_fold_images: int
    images_by_camera: int
    false_alarm_rate_set: float
    most_refused: float
    least_refused: dict[str, float]
    false_alarms: Estimate
    by_diagnosis: dict[str, Estimate]
    cameras: dict[str, CameraRefusals]
    groups: dict[str, Group]


def measure(
    unseen: OutOfFold, fitted: FittedNovelty, not_dermoscopy: Path | None, images: int = IMAGES
) -> Refusals:
    """The shares refused: out-of-fold images, about `images` of them by camera, and pictures.

    `not_dermoscopy`: folder with `manifest.csv`, see `pictures_to_refuse`; without it, photographs are
    not measured. Raises `DataError` when the folder cannot be read.
    """
    listed = {} if not_dermoscopy is None else pictures_to_refuse(not_dermoscopy)
    rows = np.arange(len(unseen.table))
    plain = upright_answers(unseen, rows, "images", lambda photo, _: photo)
    refused = fitted.refused(unseen, plain)
    sample = unseen.sample(images)
    return Refusals(
        out_of_fold_images=len(rows),
        images_by_camera=len(sample),
        false_alarm_rate_set=FALSE_ALARMS,
        most_refused=MOST_REFUSED,
        least_refused=LEAST_REFUSED,
        false_alarms=unseen.mean(refused, rows),
        by_diagnosis={
            code: unseen.mean(refused[unseen.labels == k], rows[unseen.labels == k])
            for k, code in enumerate(CODES)
        },
        cameras=_by_camera(unseen, fitted, sample),
        groups={
            name: _measure_group(unseen, fitted, title, photos)
            for name, title in GROUPS.items()
            if (photos := [read_photo(path) for path in listed.get(name, ())] or made(unseen, name))
        },
    )


def _by_camera(unseen: OutOfFold, fitted: FittedNovelty, rows: np.ndarray) -> dict[str, CameraRefusals]:
    alone = {camera: next(iter(own)) for camera, own in CAMERAS.items() if len(own) == 1}
    without = {change: fit_novelty(unseen, without=change) for change in set(alone.values())}
    melanomas = unseen.labels[rows] == MELANOMA

    def shares(fit: FittedNovelty, answers: UprightAnswers) -> tuple[Estimate, Estimate]:
        refused = fit.refused(unseen, answers)
        return unseen.mean(refused, rows), unseen.mean(refused[melanomas], rows[melanomas])

    def outcomes(answers: UprightAnswers) -> tuple[Estimate, Estimate]:
        logits = np.mean(answers.logits, axis=0)
        _, cleared, unsure = by_outcome(grounds_of_changed(unseen.crossfits[1][0], rows, logits))
        return unseen.mean(unsure, rows), unseen.mean(cleared[melanomas], rows[melanomas])

    found = {}
    for camera in (AS_THEY_ARE, *CAMERAS):
        answers = upright_answers(
            unseen,
            rows,
            f"{camera}-{len(rows)}",
            lambda photo, row, own=camera: photo if own == AS_THEY_ARE else seen_by(photo, own, row),
        )
        unknown = shares(without[alone[camera]], answers) if camera in alone else (None, None)
        found[camera] = CameraRefusals(*shares(fitted, answers), *unknown, *outcomes(answers))
    return found


def _measure_group(unseen: OutOfFold, fitted: FittedNovelty, title: str, photos: list[Photo]) -> Group:
    read = [answers_of(member, photos) for member in unseen.members]
    judged = fitted.detector().judge([a[0] for a in read], [a[1] for a in read])
    refused = np.array([novelty.is_novel for novelty in judged])
    return Group(title, len(photos), mean_estimate(refused, np.arange(len(photos)).astype(str)))


def answers_of(member: Member, photos: list[Photo]) -> tuple[Tensor, Tensor]:
    """Embeddings (photos, channels) and logits (photos, 7) of one member, 1 view."""
    squares = [input_square(photo, member.config) for photo in photos]
    chunks = [torch.stack(squares[start : start + CHUNK]) for start in range(0, len(photos), CHUNK)]
    read = [read_batches([member], 0, chunk, 1, best_device())[0] for chunk in chunks]
    return torch.cat([a.embedding for a in read]), torch.cat([a.logits for a in read])


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
    unknown = sorted(set(listed) - set(LEAST_REFUSED))
    if unknown:
        raise DataError(
            f"{folder / 'manifest.csv'} has the kind {unknown[0]}: use {' or '.join(LEAST_REFUSED)}."
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
