"""Finds the lesion roughly: the region that differs in colour from the skin around it.

It uses no network and nothing learnt: a colour distance, Otsu's threshold (1979), and the region
nearest the centre. This is good enough to tell whether heat or skin lies inside or outside the lesion,
but not to measure a lesion. Its accuracy is known for drawings only, see `docs/trust.md`.
"""

from functools import reduce
from typing import NamedTuple, cast

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torch.nn import functional as F

from skin_app.cielab import lightness, to_lab
from skin_app.photo.read import Photo
from skin_app.views import centre_square, square_in

SIDE = 256
WORK = 128  # working side in pixels: so small, hair and noise vanish and the search is fast
BLACK = 18.0  # L*: darker pixels that are connected to a corner are the surround
RIM = 10  # working pixels: width of the band along the view's edge that is taken for skin
CONTRAST = 6.0  # least difference (CIE76) between the lesion and the skin around it
LEAST_VIEW = 0.2  # share of the square that must not be black surround
ROUND = np.ones((3, 3), bool)  # removes narrower bridges and specks
SMALLEST, LARGEST = 0.0015, 0.92  # shares of the field of view: other regions are rejected
_AWAY = np.arange(WORK) - (WORK - 1) / 2
NEAR_CENTRE = np.exp(-((_AWAY[:, None] ** 2 + _AWAY**2) / (0.35 * WORK) ** 2))  # weight of each pixel


class Seen(NamedTuple):
    """The centre square, (side, side, 3) RGB uint8; field of view and lesion, (side, side) bool."""

    square: np.ndarray
    view: np.ndarray
    mask: np.ndarray


def see(photo: Photo) -> Seen:
    """The photo's standard square, with its field of view and its lesion."""
    square = standard_square(photo)
    small = _resized(square, WORK)
    view = _field_of_view(small)
    return Seen(square, _enlarged(view, len(square)), _enlarged(_lesion(small, view), len(square)))


def standard_square(photo: Photo, side: int = SIDE) -> np.ndarray:
    """The centre square that the networks see, (side, side, 3) RGB uint8."""
    tensor = torch.from_numpy(_shrunk(photo, side).pixels).permute(2, 0, 1)
    square = centre_square(tensor, side).permute(1, 2, 0)
    return square.mul(255).round().to(torch.uint8).numpy()


def field_of_view(square: np.ndarray) -> np.ndarray:
    """(side, side) bool: False on the black surround of a dermatoscope, found from the corners.

    `square`: (side, side, 3) RGB uint8. All True where no corner is black.
    """
    return _enlarged(_field_of_view(_resized(square, WORK)), len(square))


def lesion_mask(square: np.ndarray) -> np.ndarray:
    """(side, side) bool: True on the lesion; all False when nothing stands out from the skin.

    `square`: (side, side, 3) RGB uint8, the centre square. The surround of a dermatoscope is never
    part of the mask; thin hairs are removed first.
    """
    small = _resized(square, WORK)
    return _enlarged(_lesion(small, _field_of_view(small)), len(square))


def otsu(values: np.ndarray, bins: int = 128) -> float:
    """The threshold that separates `values` best into two groups (Otsu 1979)."""
    counts, edges = np.histogram(values, bins=bins)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    summed = np.cumsum(counts * middles)
    above = below[-1] - below
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = summed / below - (summed[-1] - summed) / above
        between = np.where((below > 0) & (above > 0), below * above * gap**2, 0)
    return float(edges[1:][between.argmax()])


def _shrunk(photo: Photo, side: int) -> Photo:
    """The centre square of a large photo, for speed averaged in blocks to at least twice `side`."""
    left, top, length = square_in(photo.height, photo.width)
    factor = length // (2 * side)
    if factor < 2:
        return photo
    every = max(1, factor // 3)  # a subset of a very large photo's pixels is enough
    square = photo.pixels[top : top + length : every, left : left + length : every]
    return Photo(np.array(Image.fromarray(square).reduce(factor // every)))


def _resized(square: np.ndarray, side: int) -> np.ndarray:
    tensor = torch.from_numpy(square).permute(2, 0, 1).float()[None]
    small = F.interpolate(tensor, (side, side), mode="bilinear", antialias=True, align_corners=False)
    return small[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()


def _enlarged(mask: np.ndarray, side: int) -> np.ndarray:
    tensor = torch.from_numpy(mask).float()[None, None]
    return (
        F.interpolate(tensor, (side, side), mode="bilinear", align_corners=False)[0, 0].numpy() >= 0.5
    )


def pixels_at(square: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The (n, 3) uint8 pixels of `square` at which `where`, (side, side) bool, is True."""
    # one channel at a time: three times as fast
    channels = [np.ascontiguousarray(square[..., k])[where] for k in range(3)]
    return np.stack(channels, axis=-1)


def _labelled(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Connected parts, numbered from 1, and their count."""
    return cast(tuple[np.ndarray, int], ndimage.label(mask))


def eroded(mask: np.ndarray, steps: int = 1, beyond: bool = False) -> np.ndarray:
    """`mask` without pixels within `steps` (city-block distance) of a False pixel.

    `mask`: (rows, columns) bool; `beyond`: what lies outside it. Four times as fast as scipy's.
    """
    kept = np.pad(mask, 1, constant_values=beyond)
    spare = kept.copy()
    for _ in range(steps):
        inner = spare[1:-1, 1:-1]
        np.logical_and(kept[1:-1, 1:-1], kept[:-2, 1:-1], out=inner)
        for neighbour in (kept[2:, 1:-1], kept[1:-1, :-2], kept[1:-1, 2:]):
            inner &= neighbour
        kept, spare = spare, kept
    return kept[1:-1, 1:-1]


def _without_hair(small: np.ndarray) -> np.ndarray:
    """Grey closing of (rows, columns, 3) uint8 with a square of 5 pixels: thin dark lines vanish."""
    for extreme in (np.maximum, np.minimum):
        for axis in (0, 1):
            width = [(2, 2) if own == axis else (0, 0) for own in range(3)]
            rows = np.moveaxis(np.pad(small, width, mode="edge"), axis, 0)
            shifted = [rows[start : start + small.shape[axis]] for start in range(5)]
            small = np.moveaxis(reduce(extreme, shifted), 0, axis)
    return small


def _lesion(small: np.ndarray, view: np.ndarray) -> np.ndarray:
    if view.mean() < LEAST_VIEW:
        return np.zeros_like(view)
    return _region(_distance_from_skin(small, view), view)


def _field_of_view(small: np.ndarray) -> np.ndarray:
    dark, _ = _labelled(lightness(small) < BLACK)
    corners = np.unique(dark[[0, 0, -1, -1], [0, -1, 0, -1]])
    surround = np.isin(dark, corners[corners > 0])
    return eroded(~surround, 4, beyond=True) if surround.any() else ~surround  # not its soft rim


def _without_holes(region: np.ndarray) -> np.ndarray:
    """`region` and all that it encloses."""
    labels, count = _labelled(~region)
    edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    outside = np.zeros(count + 1, bool)
    outside[edges] = True
    outside[0] = False
    return ~outside[labels]


def _distance_from_skin(small: np.ndarray, view: np.ndarray) -> np.ndarray:
    """CIE76 distance of each smoothed pixel from the skin at the rim; half for lighter pixels."""
    smooth = ndimage.gaussian_filter(_without_hair(small).astype(np.float32), (1.5, 1.5, 0))
    lab = to_lab(np.clip(np.round(smooth), 0, 255).astype(np.uint8))
    rim = view & ~eroded(view, RIM)
    away = lab - np.median(lab[rim], axis=0)
    away[..., 0] = np.where(away[..., 0] > 0, 0.5 * away[..., 0], away[..., 0])
    return np.sqrt((away**2).sum(axis=-1))


def _region(distance: np.ndarray, view: np.ndarray) -> np.ndarray:
    """The large region above Otsu's threshold that is near the centre, with its holes filled."""
    nothing = np.zeros_like(view)
    region = view & (distance > otsu(distance[view]))
    region = ndimage.binary_opening(region, ROUND)
    labels, count = _labelled(region)
    if not count:
        return nothing
    weight = np.bincount(labels.ravel(), NEAR_CENTRE.ravel())[1:]
    kept = 1 + np.flatnonzero(weight >= 0.3 * weight.max())
    region = _without_holes(np.isin(labels, kept)) & view
    outside = view & ~region
    share = region.sum() / view.sum()
    if not SMALLEST <= share <= LARGEST or not outside.any():
        return nothing
    contrast = np.median(distance[region]) - np.median(distance[outside])
    return region if contrast >= CONTRAST else nothing
