"""Pictures drawn in memory: a photo at screen size, and one class's map laid over it."""

import base64
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.io import encode_jpeg

from skin_app.photo.read import Photo
from skin_app.views import square_in

LONG_SIDE = 900
OUTSIDE = 0.45
# Viridis (van der Walt & Smith 2015) without its dark violet, which vanishes on dark lesions. Lightness
# rises evenly, and no step is like skin, as those in the middle of plasma, inferno and cividis are.
STOPS = ((53, 95, 141), (35, 138, 141), (47, 180, 124), (139, 214, 70), (253, 231, 37))
HIDDEN, COVERED = 0.08, 0.3  # below: only the photo; above: the colour at full strength


@dataclass(frozen=True, eq=False)
class DisplayPhoto:
    """A photo at screen size.

    `pixels`: (height, width, 3) uint8, each side at most `LONG_SIDE`; `square`: (left, top, side), in
    these pixels, of the square that the networks saw.
    """

    pixels: np.ndarray
    square: tuple[int, int, int]


def shrunk(pixels: np.ndarray, long_side: int) -> np.ndarray:
    """(height, width, 3) uint8, shrunk if needed until no side is longer than `long_side`."""
    scale = long_side / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = [max(1, round(side * scale)) for side in pixels.shape[:2]]
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None]  # in bytes: ten times as fast as in floats
    smaller = F.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)
    return smaller[0].permute(1, 2, 0).contiguous().numpy()


def for_display(photo: Photo) -> DisplayPhoto:
    """Shrink a photo to screen size; its centre square is what the networks see."""
    pixels = shrunk(photo.pixels, LONG_SIDE)
    return DisplayPhoto(pixels, square_in(*pixels.shape[:2]))


def overlay(photo: DisplayPhoto, class_map: np.ndarray, opacity: float) -> np.ndarray:
    """The activation map of one class over the photo, (height, width, 3) uint8.

    `class_map`: (rows, columns) in [0, 1] over the photo's square; `opacity`: in [0, 1], of the map
    where `cover` is 1; where it is 0, only the photo is visible. Outside the square the photo is
    darkened, because the networks did not see it.
    """
    left, top, side = photo.square
    heat = enlarged(class_map, side)
    drawn = torch.from_numpy(photo.pixels).float() * OUTSIDE
    inside = torch.from_numpy(photo.pixels[top : top + side, left : left + side]).float()
    share = (cover(heat) * opacity)[..., None]
    drawn[top : top + side, left : left + side] = inside * (1 - share) + colours(heat) * share
    return drawn.round().clamp(0, 255).byte().numpy()


def enlarged(class_map: np.ndarray, side: int) -> Tensor:
    """A map (rows, columns) in [0, 1], smoothly enlarged to (side, side) pixels."""
    coarse = torch.from_numpy(np.asarray(class_map, dtype=np.float32))[None, None]
    size = (side, side)
    return F.interpolate(coarse, size, mode="bicubic", align_corners=False)[0, 0].clamp(0, 1)


def cover(heat: Tensor) -> Tensor:
    """Share of the photo that heat hides at full opacity: none up to `HIDDEN`, all from `COVERED` on.

    It rises early and smoothly, because the map of a nearly certain diagnosis is often weak everywhere:
    weak heat shows as blue, strong heat as yellow, and neither is too pale to be seen.
    """
    share = ((heat - HIDDEN) / (COVERED - HIDDEN)).clamp(0, 1)
    return share * share * (3 - 2 * share)


def colours(heat: Tensor) -> Tensor:
    """Colours (..., 3) in [0, 255] of values in [0, 1], interpolated between the `STOPS`."""
    stops = torch.tensor(STOPS, dtype=torch.float32)
    place = heat * (len(STOPS) - 1)
    below = place.floor().long().clamp(max=len(STOPS) - 2)
    share = (place - below)[..., None]
    return stops[below] * (1 - share) + stops[below + 1] * share


def legend_gradient() -> str:
    """The colour scale as a CSS gradient, as opaque as the map is over the photo at full strength."""
    values = torch.linspace(0, 1, 2 * len(STOPS) - 1)
    covers, shades = cover(values).tolist(), colours(values).round().int().tolist()
    steps = [
        f"rgba({red},{green},{blue},{alpha:.2f}) {value:.1%}"
        for (red, green, blue), alpha, value in zip(shades, covers, values.tolist(), strict=True)
    ]
    return f"linear-gradient(to right, {', '.join(steps)})"


def data_url(pixels: np.ndarray, quality: int = 88) -> str:
    """(height, width, 3) uint8 as a JPEG in a `data:` URL; made in memory, without metadata."""
    image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).contiguous()
    encoded = cast(Tensor, encode_jpeg(image, quality=quality)).numpy().tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(encoded).decode()
