"""The leading confused pairs of diagnoses, and cases of each with two explanations side by side.

Mishra et al. (2019) examined the confusions of their networks with Grad-CAM and guided
back-propagation. The page `pairs.md` states the known objections to the latter, and how it performed on
these cases.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from skin_app.diagnoses import CODES
from skin_app.heatmap import class_maps, on_shared_scale
from skin_app.network import Member
from skin_app.result_files import replace_file
from skin_app.weights.evaluation import confusions
from train.engine.run import Run
from train.explain.maps import randomised, rank_correlation
from train.explain.saliency import guided_gradient, logits, strength
from train.explain.sheets import (
    SheetRow,
    draw_sheet,
    held_out_image,
    on_screen,
    overlaid,
    refuse_tracked,
)
from train.scores.evidence import Evidence, run_evidence
from train.scores.metrics import confusion_counts

MAPS = ("Grad-CAM", "guided back-propagation")
PARTS: tuple[Literal["head", "all"], ...] = ("head", "all")


@dataclass(frozen=True)
class Unmoved:
    """Mean rank correlation of a map with that of a network whose `part` was randomised.

    None if all maps of `cases` were blank. 1: the map does not depend on what was learnt.
    """

    map: str
    part: str
    correlation: float | None
    cases: int


@dataclass(frozen=True)
class ConfusedPairs:
    """What `pairs.md` says. `pairs`: rows of `confusion_table`."""

    run: str
    images: int
    mistaken: int
    views: int
    pairs: tuple[dict[str, object], ...]
    sheets: tuple[str, ...]
    unmoved: tuple[Unmoved, ...]


def confused_pairs(run: Run, out: Path, pairs: int = 5, cases: int = 4) -> ConfusedPairs:
    """Write `pairs.csv` and a sheet for each of the `pairs` leading pairs into the folder `out`.

    The answers are the run's out-of-fold predictions from most views. A sheet shows the `cases` most
    confident errors of a pair, one per lesion, each explained by the member of its own fold. Raises
    `RunError` if git would track `out`, and `DataError` when no fold is finished.
    """
    refuse_tracked(out)
    evidence = run_evidence(run)
    probabilities = evidence.calibrated()
    table = confusion_table(evidence.labels, probabilities.argmax(axis=1))
    out.mkdir(parents=True, exist_ok=True)
    replace_file(out / "pairs.csv", table.to_csv(index=False, float_format="%.6g"))
    correlations: list[dict[tuple[str, str], float]] = []
    sheets = []
    for true, called in table[["true", "predicted"]].head(pairs).itertuples(index=False):
        rows = []
        for image in confident_errors(evidence, probabilities, true, called)[:cases]:
            image_id = str(evidence.table["image_id"].iloc[image])
            member, square = held_out_image(run, image_id)
            own, i, k = probabilities[image], CODES.index(true), CODES.index(called)
            caption = f"{image_id}   true {true} ({own[i]:.0%})   predicted {called} ({own[k]:.0%})"
            rows.append(SheetRow(caption, panels(member, square, i, k)))
            correlations.append(randomisation_check(member, square, k))
        sheets.append(f"{true}-as-{called}.png")
        columns = ("photo", f"Grad-CAM {true} (true)", f"Grad-CAM {called}", f"guided {called}")
        draw_sheet(f"{true} predicted as {called}", columns, rows, out / sheets[-1])
    return ConfusedPairs(
        run=run.folder.name,
        images=len(evidence.labels),
        mistaken=int(table["images"].sum()),
        views=evidence.views,
        pairs=tuple(table.head(pairs).to_dict("records")),
        sheets=tuple(sheets),
        unmoved=tuple(_unmoved(correlations, name, part) for name in MAPS for part in PARTS),
    )


def confusion_table(labels: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Every confused pair that occurs, the most frequent first.

    `labels`, `predicted`: (images,) in [0, 7). Columns: true, predicted (codes), images, share_of_true
    (of the true class's images), images_reversed (the other way round), images_both_ways.
    """
    found = confusions(confusion_counts(labels, predicted))
    pairs = [(pair.true.code, pair.called.code, pair.images, pair.share) for pair in found]
    table = pd.DataFrame(pairs, columns=pd.Index(["true", "predicted", "images", "share_of_true"]))
    images = {(true, called): count for true, called, count, _ in pairs}
    table["images_reversed"] = [images.get((called, true), 0) for true, called, *_ in pairs]
    return table.assign(images_both_ways=table["images"] + table["images_reversed"])


def confident_errors(
    evidence: Evidence, probabilities: np.ndarray, true: str, called: str
) -> np.ndarray:
    """Rows of the images of one confused pair, the most confident first, one per lesion."""
    i, k = CODES.index(true), CODES.index(called)
    inside = np.flatnonzero((evidence.labels == i) & (probabilities.argmax(axis=1) == k))
    ordered = inside[np.argsort(-probabilities[inside, k], kind="stable")]
    _, first = np.unique(evidence.lesions[ordered], return_index=True)
    return ordered[np.sort(first)]


def panels(member: Member, square: Tensor, true: int, called: int) -> tuple[np.ndarray, ...]:
    """The panels of a case: photo, Grad-CAM of both diagnoses, guided gradient of the second."""
    photo = on_screen(square[0])
    heat = activation_maps(member, square).cpu().numpy()
    guided = guided_gradient(partial(logits, member), square, called)[0]
    return (photo, overlaid(photo, heat[true]), overlaid(photo, heat[called]), as_colours(guided))


def activation_maps(member: Member, square: Tensor) -> Tensor:
    """Grad-CAM of all classes, (7, size, size) in [0, 1] on one scale; `square`: (1, 3, size, size)."""
    with torch.inference_mode():
        maps = on_shared_scale(class_maps(member, member(square))[0])
        size = square.shape[-2:]
        return F.interpolate(maps[None], size, mode="bilinear", align_corners=False)[0].clamp(0, 1)


def randomisation_check(member: Member, square: Tensor, label: int) -> dict[tuple[str, str], float]:
    """How similar the maps of `label` stay when the head, or all weights, are randomised.

    Spearman's rank correlation by (map, part), the sign of the gradient left off (Adebayo et al. 2018).
    Excludes maps that are blank for a random network.
    """

    def maps(network: Member) -> dict[str, Tensor]:
        with torch.inference_mode():
            signed = class_maps(network, network(square))[0, label]
        guided = strength(guided_gradient(partial(logits, network), square, label))[0]
        return dict(zip(MAPS, (signed.clamp(min=0), guided), strict=True))

    trained = maps(member)
    found = {}
    for part in PARTS:
        for name, drawn in maps(randomised(member, part)).items():
            if drawn.std() > 0 and trained[name].std() > 0:
                found[name, part] = rank_correlation(trained[name], drawn)
    return found


def as_colours(gradient: Tensor) -> np.ndarray:
    """A signed gradient (3, size, size) as RGB (size, size, 3): grey is zero, 0.1 a deviation."""
    values = on_screen(gradient)
    scale = 0.1 / values.std() if values.std() > 0 else 0.0
    return (0.5 + scale * (values - values.mean())).clip(0, 1)


def _unmoved(found: list[dict[tuple[str, str], float]], name: str, part: str) -> Unmoved:
    values = [case[name, part] for case in found if (name, part) in case]
    return Unmoved(name, part, float(np.mean(values)) if values else None, len(values))
