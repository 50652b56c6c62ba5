"""How good the lesion mask is: on drawings whose outline is known, and by what needs no outline.

HAM10000 as published has no outlines, so on photographs only plausibility is measured: how often the
mask is empty or cut by the border, how large it is, and whether turning or blurring moves it.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import ndimage

from skin_app.diagnoses import CODES
from skin_app.lesion import SIDE, field_of_view, lesion_mask, standard_square
from skin_app.photo.read import Photo, read_photo
from skin_app.skin_tone import skin_colour
from skin_app.views import VIEWS, turn, turn_back
from train.audit.bench import Bench, in_percent, measured_mean
from train.data.drawings import PIGMENT, Pattern, _coordinates, _lesion_shape, _skin, draw_lesion
from train.data.ham10000 import Dataset

DRAWINGS = 25  # of each kind
DRAWN = (270, 360)  # the size of this copy of HAM10000
STABLE = 210  # photographs that are turned and blurred
BLUR = 1.0  # standard deviation in pixels of the 256-pixel square


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two bool masks; 1 when both are empty."""
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0


def drawn_outline(seed: int, kind: Pattern, height: int, width: int) -> np.ndarray:
    """(height, width) bool: where `draw_lesion` of the same arguments puts the lesion."""
    generator = np.random.default_rng([seed, sorted(PIGMENT).index(kind)])
    y, x = _coordinates(height, width)
    _skin(generator, height, width)  # takes its share of the random numbers first, as in the drawing
    irregular = 0.30 if kind == "patchy" else 0.14
    return _lesion_shape(generator, y, x, irregular)[0] >= 0.5


def survey(data: Dataset) -> pd.DataFrame:
    """A row an image: image_id, dx, area (share of the field of view), cut (by the border), lightness
    and yellow (L* and b* of the skin, NaN where too little is seen)."""
    rows = []
    for path in data.table["path"]:
        square = standard_square(read_photo(str(path)))
        view, mask = field_of_view(square), lesion_mask(square)
        lightness, yellow = skin_colour(square, mask, view) or (float("nan"), float("nan"))
        rows.append(
            (float(mask.sum() / view.sum()) if view.any() else 0.0, _cut(mask), lightness, yellow)
        )
    measured = pd.DataFrame(rows, columns=["area", "cut", "lightness", "yellow"])
    return pd.concat([data.table[["image_id", "dx", "group"]].reset_index(drop=True), measured], axis=1)


def kept_survey(bench: Bench, data: Dataset) -> pd.DataFrame:
    """`survey` of all images, kept in the bench's work folder."""
    return pd.DataFrame(bench.kept("lesion-survey", lambda: survey(data).to_dict("list")))


def measure(bench: Bench, data: Dataset) -> dict[str, Any]:
    """IoU on drawings; on all images of `data` empty, cut and area; on a sample the stability."""
    table = kept_survey(bench, data)
    groups = table["group"].to_numpy(str)
    empty, cut = table["area"].to_numpy() == 0, table["cut"].to_numpy(bool)
    return {
        "images": len(table),
        "drawings": _on_drawings(),
        "empty": measured_mean(empty, groups),
        "cut_by_border": measured_mean(cut[~empty], groups[~empty]),
        "by_class": {code: _of_class(table["area"].to_numpy()[table["dx"] == code]) for code in CODES},
        "stability": bench.kept("lesion-stability", lambda: _stability(bench)),
    }


def _of_class(areas: np.ndarray) -> dict[str, Any]:
    found = areas[areas > 0]
    return {
        "images": len(areas),
        "empty": float((areas == 0).mean()) if len(areas) else None,
        "area_quartiles": np.quantile(found, (0.25, 0.5, 0.75)).tolist() if len(found) else None,
    }


def _cut(mask: np.ndarray) -> bool:
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())


def _on_drawings() -> dict[str, Any]:
    found = {}
    for kind in PIGMENT:
        values = [_drawing_overlap(seed, kind) for seed in range(DRAWINGS)]
        found[kind] = {"drawings": DRAWINGS, "mean_iou": float(np.mean(values)), "least": min(values)}
    return found


def _drawing_overlap(seed: int, kind: Pattern) -> float:
    true = standard_square(
        Photo(np.repeat(drawn_outline(seed, kind, *DRAWN)[..., None] * np.uint8(255), 3, 2))
    )
    return overlap(
        lesion_mask(standard_square(Photo(draw_lesion(seed, kind, *DRAWN)))), true[..., 0] >= 128
    )


def _stability(bench: Bench) -> dict[str, Any]:
    """Overlap of each mask with that of the turned, and of the slightly blurred photograph."""
    turned, blurred, without = [], [], 0
    for row in bench.sample(STABLE):
        square = standard_square(bench.photo(row))
        mask = lesion_mask(square)
        if not mask.any():
            without += 1
            continue
        turned.append(np.mean([overlap(mask, _turned_mask(square, view)) for view in range(1, VIEWS)]))
        soft = np.round(ndimage.gaussian_filter(square.astype(np.float32), (BLUR, BLUR, 0)))
        blurred.append(overlap(mask, lesion_mask(soft.astype(np.uint8))))
    return {
        "images": len(turned),
        "left_out_without_mask": without,
        "turned": {
            "mean_iou": float(np.mean(turned)),
            "lowest_5_percent": float(np.quantile(turned, 0.05)),
        },
        "blurred": {
            "mean_iou": float(np.mean(blurred)),
            "lowest_5_percent": float(np.quantile(blurred, 0.05)),
        },
    }


def _turned_mask(square: np.ndarray, view: int) -> np.ndarray:
    turned = turn(torch.from_numpy(square).permute(2, 0, 1), view).permute(1, 2, 0).contiguous().numpy()
    return turn_back(torch.from_numpy(lesion_mask(turned)), view).numpy()


def render(numbers: dict[str, Any]) -> str:
    """The section on the lesion mask."""
    drawings, stable = numbers["drawings"], numbers["stability"]
    mean = np.mean([kind["mean_iou"] for kind in drawings.values()])
    lines = [
        "## Where the lesion is: the mask\n",
        "The mask is a colour distance from the skin at the rim and Otsu's threshold: nothing is "
        "learnt. There are no outlines for these photographs here, so **its accuracy on photographs "
        "is not known**. What can be said:\n",
        f"- On {sum(kind['drawings'] for kind in drawings.values())} of our own drawings, whose "
        "outline is known and which are easier than photographs, intersection over union is "
        f"{mean:.2f} on average ("
        + ", ".join(f"{name} {kind['mean_iou']:.2f}" for name, kind in drawings.items())
        + f"; least {min(kind['least'] for kind in drawings.values()):.2f}).",
        f"- On all {numbers['images']:,} images it is empty in {in_percent(numbers['empty'])} (nothing "
        "stands out; the page says so), and where not empty it is cut by the image's border in "
        f"{in_percent(numbers['cut_by_border'])}.",
        f"- Slightly blurred (standard deviation {BLUR:g} pixel of {SIDE}), {stable['images']} "
        f"out-of-fold images (about equally many of each diagnosis; {stable['left_out_without_mask']} "
        f"without a mask left out) keep their mask: overlap {stable['blurred']['mean_iou']:.2f} on "
        f"average (lowest 5 %: below {stable['blurred']['lowest_5_percent']:.2f}). Turned and "
        f"mirrored seven ways it is {stable['turned']['mean_iou']:.2f} "
        f"({stable['turned']['lowest_5_percent']:.2f}), as the method has no preferred direction.\n",
        "| diagnosis | images | mask empty | area, share of the field of view: quartiles |",
        "|---|---|---|---|",
    ]
    for code, own in numbers["by_class"].items():
        if own["images"]:
            quartiles = " / ".join(f"{q:.2f}" for q in own["area_quartiles"] or ()) or "-"
            lines.append(f"| {code} | {own['images']:,} | {own['empty']:.1%} | {quartiles} |")
    return "\n".join(lines) + "\n"
