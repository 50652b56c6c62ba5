"""Where the marks of the Evidence tab's figures lie, in the units of their SVG templates.

`templates/evidence_figures.html` draws curves in a square of `SIDE` units, `lesion_map.html` the map in
a frame of `MAP_SIZE` units. Both take the page's own colours, so they follow light and dark.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skin_app.diagnoses import CODES, DIAGNOSES, Diagnosis
from skin_app.gallery.lesion_map import LesionMap, Place
from skin_app.weights.evaluation import Reliability

SIDE, BARS = 200, 26  # the square of a curve; the height of the highest bar under it
MAP_SIZE = (800, 600)
# Each diagnosis has its own sign and line, because not every reader can tell the colours apart.
SIGNS = {  # SVG paths in [-0.75, 0.75]
    "akiec": "M-.6-.6h1.2v1.2h-1.2z",
    "bcc": "M0-.75.65 0 0 .75-.65 0z",
    "bkl": "M0-.75.7.6-.7.6z",
    "df": "M-.25-.7h.5v.45h.45v.5h-.45v.45h-.5v-.45h-.45v-.5h.45z",
    "mel": "M-.65-.3-.3-.65 0-.35.3-.65.65-.3.35 0 .65.3.3.65 0 .35-.3.65-.65.3-.35 0z",
    "nv": "M-.6 0a.6.6 0 1 0 1.2 0a.6.6 0 1 0-1.2 0z",
    "vasc": "M0 .75-.7-.6h1.4z",
}
DASHES = dict(zip(CODES, ("", "7 3", "8 3 2 3", "2 3", "12 3", "4 2", "10 3 2 3 2 3"), strict=True))
Curve = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class BinMark:
    """One bin of the reliability figure: a dot at `x`, `y`, its interval from `low` to `high` (all from
    the top left of the square), and a bar of `height` from `left`, `width` wide."""

    x: float
    y: float
    low: float
    high: float
    left: float
    width: float
    height: float


@dataclass(frozen=True)
class MapGroup:
    """The images of one diagnosis on the map, each list parted by blanks. `points`: SVG coordinates;
    `images`: ids; `confirmed`: places in `ways_to_confirm`."""

    diagnosis: Diagnosis
    points: str
    images: str
    confirmed: str
    count: int


def curve(values: Curve) -> str:
    """The SVG path of a curve through shares in [0, 1], in steps that can be seen (half a unit)."""
    across, up = (np.round(2 * SIDE * values[0]) / 2, np.round(2 * SIDE * (1 - values[1])) / 2)
    kept = np.flatnonzero(np.r_[True, (np.diff(across) != 0) | (np.diff(up) != 0)])
    return "M" + " ".join(f"{across[i]:g},{up[i]:g}" for i in kept)


def bin_marks(reliability: Reliability) -> list[BinMark]:
    """The bins that hold images, lowest probability first."""
    images, width = reliability.images, SIDE / len(reliability.images)
    found = []
    for i in np.flatnonzero(images):
        right = float(reliability.right[i])
        low, high = wilson(right, int(images[i]))
        found.append(
            BinMark(
                x=SIDE * float(reliability.probability[i]),
                y=SIDE * (1 - right),
                low=SIDE * (1 - low),
                high=SIDE * (1 - high),
                left=float(i * width),
                width=0.9 * width,
                height=BARS * float(images[i] / images.max()),
            )
        )
    return found


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count` (Wilson 1927): never empty, however few there are."""
    z = 1.96
    middle = share + z**2 / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return (middle - half) / (1 + z**2 / count), (middle + half) / (1 + z**2 / count)


def map_groups(lesions: LesionMap) -> list[MapGroup]:
    """The map's images by diagnosis; the frequent ones come first, because later ones lie above."""
    (left, top), scale = _frame(lesions)
    places = np.round((lesions.points * (1, -1) - (left, top)) * scale, 1)
    order, counts = ways_to_confirm(lesions), Counter(lesions.diagnoses.tolist())
    found = []
    for diagnosis in sorted(DIAGNOSES, key=lambda own: -counts[own.code]):
        rows = np.flatnonzero(lesions.diagnoses == diagnosis.code)
        points = " ".join(f"{x:g},{y:g}" for x, y in places[rows])
        confirmed = " ".join(str(order.index(how)) for how in lesions.confirmed[rows])
        images = " ".join(lesions.images[rows])
        found.append(MapGroup(diagnosis, points, images, confirmed, len(rows)))
    return found


def ways_to_confirm(lesions: LesionMap) -> Sequence[str]:
    """How the diagnoses of the map were confirmed, each way once, in HAM10000's words."""
    return sorted(set(lesions.confirmed.tolist()))


def on_map(lesions: LesionMap, place: Place) -> tuple[float, float]:
    """Where a place lies on the map, in units from its top left."""
    (left, top), scale = _frame(lesions)
    return (place.x - left) * scale, (-place.y - top) * scale


def _frame(lesions: LesionMap) -> tuple[np.ndarray, float]:
    """Left and top (of -y) of the map's frame, with a margin around all points, and units per step of
    the map; both axes have the same scale."""
    size, turned = np.array(MAP_SIZE), lesions.points * (1, -1)
    low, high = turned.min(axis=0), turned.max(axis=0)
    step = max(float(((high - low) / size).max()), 1e-6) * 1.04
    return (low + high) / 2 - step * size / 2, 1 / step
