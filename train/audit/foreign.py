"""Pictures that must be refused, and how often they are: photographs, blanks, noise, false colours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from skin_app.ensemble import input_square, read_batches
from skin_app.hardware import best_device
from skin_app.network import Member
from skin_app.novelty import energy, member_score
from skin_app.photo.read import Photo, read_photo
from train.audit.bench import Bench, measured_mean
from train.audit.novelty import FALSE_ALARMS, FittedNovelty
from train.data.ham10000 import DataError
from train.data.made_pictures import blank, noise, text_screenshot
from train.scores.metrics import RESAMPLES, interval_95, lesion_draws, weighted_auc

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


def measure(bench: Bench, fitted: FittedNovelty, not_dermoscopy: Path | None) -> dict[str, Any]:
    """AUROC against out-of-fold images, and the share refused at the shipped limit, by group.

    `not_dermoscopy`: folder with `manifest.csv` (columns file, and kind: photo or clinical), or None:
    then the photographs are reported as not measured. Raises `DataError` when it cannot be read.
    """
    pictures: dict[str, Callable[[], list[Photo]]] = dict(_made(bench))
    if not_dermoscopy is not None:
        for kind, paths in pictures_to_refuse(not_dermoscopy).items():
            pictures[kind] = lambda paths=paths: [read_photo(path) for path in paths]
    groups = {}
    for name in GROUPS:
        if name in pictures:
            groups[name] = _measure_group(bench, fitted, pictures[name]())
    alarms = {
        str(views): measured_mean(scores > _limit_of_other_parts(bench, scores), bench.lesions)
        for views, scores in fitted.scores.items()
    }
    return {
        "out_of_fold_images": len(bench.table),
        "false_alarm_rate_set": FALSE_ALARMS,
        "false_alarms_nested": alarms,
        "groups": groups,
        "targets": TARGETS,
    }


def _limit_of_other_parts(bench: Bench, scores: np.ndarray) -> np.ndarray:
    """(images,) the limit that the other parts' scores would set."""
    limits = np.zeros(len(scores))
    for part in np.unique(bench.parts):
        inside = bench.parts == part
        limits[inside] = np.quantile(scores[~inside], 1 - FALSE_ALARMS)
    return limits


def _measure_group(bench: Bench, fitted: FittedNovelty, photos: list[Photo]) -> dict[str, Any]:
    """Scores from one view; `refused` by all members together, as the app does it."""
    answers = [_answers(member, photos) for member in bench.members]
    embeddings, logits = [a[0] for a in answers], [a[1] for a in answers]
    judged = fitted.detector().judge(embeddings, logits, 1)
    refused = np.array([novelty.is_novel for novelty in judged])
    return {
        "pictures": len(photos),
        "refused": measured_mean(refused, np.arange(len(photos)).astype(str)),
        "auroc": _areas(bench, fitted, embeddings, logits),
    }


def _answers(member: Member, photos: list[Photo]) -> tuple[Tensor, Tensor]:
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
    bench: Bench, fitted: FittedNovelty, embeddings: list[Tensor], logits: list[Tensor]
) -> dict[str, Any]:
    """AUROC of the joint score and of both its parts, each member against its own unseen images."""
    limits = fitted.limits
    known, foreign, lesions = [], [], []
    for index, member in enumerate(fitted.members):
        far, unsure = limits.distance[index], limits.energy[1][index]
        own = bench.held_out_of(index)
        lesions.append(bench.lesions[own[0]])
        for place, distance, energies in (
            (
                known,
                torch.from_numpy(fitted.distance[own]),
                energy(torch.from_numpy(bench.apart(1)[own])),
            ),
            (foreign, member.nearest(embeddings[index]), energy(logits[index])),
        ):
            parts = (distance - far.mean) / far.deviation, (energies - unsure.mean) / unsure.deviation
            joint = member_score(distance, energies, far, unsure)
            place.append(torch.stack([joint, *(part.double() for part in parts)]).numpy())
    scores = np.concatenate([*known, *foreign], axis=1)
    of_images = np.concatenate(lesions)
    positive = np.arange(scores.shape[1]) >= len(of_images)
    names = np.tile(np.arange(foreign[0].shape[1]).astype(str), len(foreign))
    return {
        name: _area(positive, scores[row], of_images, names)
        for row, name in enumerate(("joint", "distance", "energy"))
    }


def _area(
    positive: np.ndarray, scores: np.ndarray, lesions: np.ndarray, pictures: np.ndarray
) -> dict[str, Any]:
    """AUROC with an interval that draws lesions and pictures anew."""
    drawn = [
        weighted_auc(positive, scores, np.concatenate(pair, axis=1))
        for pair in zip(
            lesion_draws(lesions, np.unique(lesions), RESAMPLES),
            lesion_draws(pictures, np.unique(pictures), RESAMPLES, seed=1),
            strict=True,
        )
    ]
    value = weighted_auc(positive, scores, np.ones((1, len(scores))))[0]
    return {"value": float(value), "interval_95": interval_95(np.concatenate(drawn))}


def pictures_to_refuse(folder: Path) -> dict[str, list[Path]]:
    """Files of `folder` by kind, as its `manifest.csv` lists them (columns file, and kind: photo or
    clinical).

    Raises `DataError` when the list cannot be read, or names another kind or a file that is not there.
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


def _made(bench: Bench) -> dict[str, Callable[[], list[Photo]]]:
    """Pictures that need no data set, and dermatoscopic ones with impossible colours."""

    def of_lesions(change: Callable[[np.ndarray], np.ndarray]) -> list[Photo]:
        count = min(MADE, len(bench.table))
        rows = np.random.default_rng(0).choice(len(bench.table), count, replace=False)
        return [Photo(np.ascontiguousarray(change(bench.photo(int(r)).pixels))) for r in rows]

    return {
        "blank": lambda: [blank(seed) for seed in range(MADE)],
        "noise": lambda: [noise(seed) for seed in range(MADE)],
        "text": lambda: [text_screenshot(seed) for seed in range(MADE)],
        "inverted": lambda: of_lesions(lambda pixels: 255 - pixels),
        "swapped": lambda: of_lesions(lambda pixels: pixels[..., ::-1]),
    }


def render(numbers: dict[str, Any]) -> str:
    """The section of docs/trust.md."""
    alarms = "; ".join(
        f"{views} view{'s' if views != '1' else ''}: {_shown(alarm, percent=True)}"
        for views, alarm in numbers["false_alarms_nested"].items()
    )
    lines = [
        "## Novelty: pictures that are not dermatoscopic",
        "",
        "The score is the larger of two parts, each in standard deviations from its mean over "
        "out-of-fold images: the log of the Mahalanobis distance to the nearest class mean in "
        "embedding space, and the free energy of the logits. Statistics and limit are fitted on "
        f"{numbers['out_of_fold_images']:,} out-of-fold HAM10000 images and nothing else; the limit is "
        f"set to refuse {numbers['false_alarm_rate_set']:.0%} of them. Refused among images of other "
        f"lesions than the limit, the means and the covariance were fitted on: {alarms}.",
        "",
        "The AUROC compares each member's scores of the pictures with its scores of the images that it "
        "had not seen (one view). Refused: by all shipped members together, as the app does it. No "
        "picture was used for fitting a number; that the larger part counts, and not the mean of both, "
        "was chosen on the made pictures (the last five groups), which the mean refused less often.",
        "",
        "| Pictures | Number | AUROC [95 %] | distance alone | energy alone | refused [95 %] | target "
        "|",
        "|---|---|---|---|---|---|---|",
    ]
    for name, title in GROUPS.items():
        group = numbers["groups"].get(name)
        if group is None:
            lines.append(f"| {title} | not measured | | | | | |")
            continue
        area = group["auroc"]
        lines.append(
            f"| {title} | {group['pictures']} | {_shown(area['joint'])} | "
            f"{area['distance']['value']:.3f} | {area['energy']['value']:.3f} | "
            f"{_shown(group['refused'], percent=True)} | "
            f"{_target(area['joint']['value'], numbers['targets'].get(name))} |"
        )
    return "\n".join([*lines, ""])


def _target(value: float, target: float | None) -> str:
    if target is None:
        return ""
    return f"{target:.2f}: {'met' if value >= target else 'missed'}"


def _shown(measured: dict[str, Any], percent: bool = False) -> str:
    value, interval = measured["value"], measured["interval_95"]
    numbers = [f"{number:.1%}" if percent else f"{number:.3f}" for number in (value, *(interval or ()))]
    shown = numbers[0] + (f" [{numbers[1]}, {numbers[2]}]" if interval else "")
    return shown.replace("%", " %")
