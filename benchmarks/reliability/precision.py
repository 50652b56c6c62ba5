"""Whether answers are the same in bfloat16, which processors that have it use, as in float32.

`PHOTOS` photos of HAM10000, spread evenly over its images by name, are answered from 8 views and from
1, in both precisions, without maps. Compared are the most probable diagnosis, the outcome and all
probabilities. The networks have seen some of these photos in training: this measures agreement, not
how good the answers are.
"""

from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np

from skin_app.analysis import Analysis
from skin_app.ensemble import Ensemble
from skin_app.hardware import has_bfloat16
from skin_app.photo.read import read_photo
from skin_app.views import VIEWS

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data" / "ham10000"
PHOTOS, AT_ONCE = 500, 4


@dataclass(frozen=True)
class PrecisionsCompared:
    """How many photos have the same most probable diagnosis and outcome.

    `largest_difference`: of any probability; `mean_difference`: mean over the photos of their largest.
    `margin_of_others`: by how much, at most, the first diagnosis led in float32 where the two name
    different ones; None where they never do.
    """

    views: int
    same_top1: int
    same_outcome: int
    largest_difference: float
    mean_difference: float
    margin_of_others: float | None


@dataclass(frozen=True)
class Precision:
    """The section's numbers. `has_bfloat16`: else both sides are float32, and nothing is compared."""

    photos: int
    has_bfloat16: bool
    compared: list[PrecisionsCompared]


def measure() -> Precision:
    """All numbers of the section. Raises `SystemExit` where the images are not there."""
    files = sorted(REAL.rglob("ISIC_*.jpg"), key=lambda path: path.name)
    if len(files) < PHOTOS:
        raise SystemExit(f"This needs {PHOTOS} images of HAM10000 in {REAL}.")
    files = [files[place * len(files) // PHOTOS] for place in range(PHOTOS)]
    ensemble = Ensemble.load()
    halved = has_bfloat16(ensemble.device)
    compared = [of_views(ensemble, files, views) for views in (1, VIEWS)] if halved else []
    return Precision(photos=PHOTOS, has_bfloat16=halved, compared=compared)


def of_views(ensemble: Ensemble, files: list[Path], views: int) -> PrecisionsCompared:
    """Both precisions, with one number of views."""
    pairs: list[tuple[Analysis, Analysis]] = []
    for start in range(0, len(files), AT_ONCE):
        photos = [read_photo(path) for path in files[start : start + AT_ONCE]]
        halved = ensemble.analyse_all(photos, views, with_maps=False)
        with patch("skin_app.hardware.has_bfloat16", return_value=False):
            whole = ensemble.analyse_all(photos, views, with_maps=False)
        pairs += zip(halved, whole, strict=True)
    return compared(views, pairs)


def compared(views: int, pairs: list[tuple[Analysis, Analysis]]) -> PrecisionsCompared:
    """`pairs`: of each photo, the answers in bfloat16 and in float32."""
    halved, whole = (np.array([own.probabilities for own in side]) for side in zip(*pairs, strict=True))
    differences = np.abs(halved - whole).max(axis=1)
    is_same = halved.argmax(axis=1) == whole.argmax(axis=1)
    second, first = np.sort(whole, axis=1)[:, -2:].T
    return PrecisionsCompared(
        views=views,
        same_top1=int(is_same.sum()),
        same_outcome=sum(one.outcome == other.outcome for one, other in pairs),
        largest_difference=float(differences.max()),
        mean_difference=float(differences.mean()),
        margin_of_others=None if is_same.all() else float((first - second)[~is_same].max()),
    )
