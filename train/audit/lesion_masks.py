"""How good the lesion mask is: accuracy on drawings with known outlines, plausibility on photographs.

HAM10000 as published has no outlines, so the plausibility checks are how often the mask is empty or cut
by the border, how large it is, and whether rotating or blurring the photograph changes it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy import ndimage

from skin_app.diagnoses import CODES
from skin_app.lesion import lesion_mask, see, standard_square
from skin_app.photo.read import Photo, read_photo
from skin_app.skin_tone import skin_colour
from skin_app.views import VIEWS, turn, turn_back
from train.audit.out_of_fold import OutOfFold
from train.data.drawings import PIGMENT, Pattern, draw_lesion, lesion_outline
from train.data.ham10000 import Dataset
from train.scores.intervals import Estimate, mean_estimate

DRAWINGS = 25  # of each pattern
DRAWN = (270, 360)  # height and width of HAM10000's images as published here
STABLE = 210  # photographs that are rotated and blurred
BLUR = 1.0  # standard deviation in pixels of the 256-pixel square


@dataclass(frozen=True)
class OfClass:
    """`area_quartiles`: shares of the field of view, of the masks that are not empty."""

    images: int
    empty: float | None
    area_quartiles: list[float] | None


@dataclass(frozen=True)
class MaskMeasured:
    """`drawings`: pattern -> overlap with the true outline, of `of_each_pattern` drawings.

    `by_class`: by diagnosis. `stability`: overlap of the masks of `stable_images` photographs with
    those of the same photographs "turned" and mirrored, and slightly "blurred".
    """

    images: int
    of_each_pattern: int
    drawings: dict[str, dict[str, float]]
    empty: Estimate
    cut_by_border: Estimate
    by_class: dict[str, OfClass]
    stable_images: int
    stability: dict[str, dict[str, float]]


def on_square(mask: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) bool: `mask`, (height, width) bool, on the square that the networks see."""
    white = Photo(np.repeat(mask[..., None] * np.uint8(255), 3, axis=2))
    return standard_square(white)[..., 0] >= 128


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two bool masks; 1 when both are empty."""
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0


def survey(data: Dataset) -> pd.DataFrame:
    """One row per image: image_id, dx, area (share of the field of view), cut (by the border),
    lightness and yellow (L* and b* of the skin, NaN if too little skin is visible)."""
    rows = []
    for path in data.table["path"]:
        square, view, mask = see(read_photo(str(path)))
        area = float(mask.sum() / view.sum()) if view.any() else 0.0
        cut = bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())
        rows.append((area, cut, *(skin_colour(square, mask, view) or (np.nan, np.nan))))
    measured = pd.DataFrame(rows, columns=["area", "cut", "lightness", "yellow"])
    return pd.concat([data.table[["image_id", "dx", "group"]].reset_index(drop=True), measured], axis=1)


def kept_survey(unseen: OutOfFold, data: Dataset) -> pd.DataFrame:
    """`survey` of all images, stored in the work folder."""
    return pd.DataFrame(unseen.kept("lesion-survey", lambda: survey(data).to_dict("list")))


def measure(unseen: OutOfFold, data: Dataset) -> MaskMeasured:
    """IoU on drawings; plausibility of masks on all images of `data`; stability on a sample."""
    table = kept_survey(unseen, data)
    groups, area = table["group"].to_numpy(str), table["area"].to_numpy()
    empty, cut = area == 0, table["cut"].to_numpy(bool)
    on_drawings = {
        pattern: [_drawing_overlap(seed, pattern) for seed in range(DRAWINGS)] for pattern in PIGMENT
    }
    stable = unseen.kept("lesion-stability", lambda: _stability(unseen, unseen.sample(STABLE)))
    return MaskMeasured(
        images=len(table),
        of_each_pattern=DRAWINGS,
        drawings={
            pattern: {"mean_iou": float(np.mean(values)), "least": min(values)}
            for pattern, values in on_drawings.items()
        },
        empty=mean_estimate(empty, groups),
        cut_by_border=mean_estimate(cut[~empty], groups[~empty]),
        by_class={code: _of_class(area[table["dx"] == code]) for code in CODES},
        stable_images=len(stable["turned"]),
        stability={
            change: {
                "mean_iou": float(np.mean(values)),
                "lowest_5_percent": float(np.quantile(values, 0.05)),
            }
            for change, values in stable.items()
        },
    )


def _of_class(areas: np.ndarray) -> OfClass:
    found = areas[areas > 0]
    return OfClass(
        images=len(areas),
        empty=float((areas == 0).mean()) if len(areas) else None,
        area_quartiles=np.quantile(found, (0.25, 0.5, 0.75)).tolist() if len(found) else None,
    )


def _drawing_overlap(seed: int, pattern: Pattern) -> float:
    found = lesion_mask(standard_square(Photo(draw_lesion(seed, pattern, *DRAWN))))
    return overlap(found, on_square(lesion_outline(seed, pattern, *DRAWN)))


def _stability(unseen: OutOfFold, rows: np.ndarray) -> dict[str, list[float]]:
    """Overlap of each mask with those of the rotated and of the slightly blurred photograph."""
    found: dict[str, list[float]] = {"turned": [], "blurred": []}
    for row in rows:
        square = standard_square(unseen.photo(row))
        mask = lesion_mask(square)
        if mask.any():
            turned = [overlap(mask, _turned_mask(square, view)) for view in range(1, VIEWS)]
            found["turned"].append(float(np.mean(turned)))
            soft = np.round(ndimage.gaussian_filter(square.astype(np.float32), (BLUR, BLUR, 0)))
            found["blurred"].append(overlap(mask, lesion_mask(soft.astype(np.uint8))))
    return found


def _turned_mask(square: np.ndarray, view: int) -> np.ndarray:
    turned = turn(torch.from_numpy(square).permute(2, 0, 1), view).permute(1, 2, 0).contiguous().numpy()
    return turn_back(torch.from_numpy(lesion_mask(turned)), view).numpy()
