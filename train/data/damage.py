"""Graded damage to real photos, as by a hurried photographer, a poor camera or a wrong setting.

Grades run from 1 (hardly visible) to 5 (useless). Lengths are shares of the photo's shorter side, so
that a grade means the same at every resolution. Every function is pure: it takes a photo, a grade and a
seeded generator, and returns a new photo of the same shape.
"""

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F
from torchvision.io import ImageReadMode, decode_image, encode_jpeg

from skin_app.colour import LINEAR
from skin_app.photo.read import Photo

GRADES = (1, 2, 3, 4, 5)
BLUR = (0.003, 0.006, 0.010, 0.016, 0.025)  # standard deviation, of the shorter side
MOTION = (0.010, 0.020, 0.035, 0.060, 0.100)  # length of the stroke, of the shorter side
DARK_STOPS = (-0.5, -1.0, -1.5, -2.25, -3.0)  # in linear light; one stop is a factor of two
BRIGHT_STOPS = (0.33, 0.67, 1.0, 1.5, 2.0)
CAST = (0.06, 0.12, 0.20, 0.30, 0.45)  # length of the channels' log gains, in a random hue
RADIUS = (1.30, 1.15, 1.00, 0.85, 0.70)  # of the circle, of half the shorter side
SHIFT = (0.10, 0.20, 0.30, 0.40, 0.50)  # of the shorter side, in a random direction
DISTANCE = (0.70, 0.50, 0.35, 0.25, 0.15)  # size of everything relative to the original
SHORTER_SIDE = (128, 96, 64, 48, 32)  # pixels left of the shorter side before it is enlarged again
JPEG_QUALITY = (40, 25, 15, 8, 4)
GRADIENT_STOPS = (0.5, 1.0, 1.5, 2.0, 3.0)  # between two opposite corners of the centre square
MIRRORED = 0.08  # width of the border strip that is mirrored outwards, of the shorter side

Damage = Callable[[Photo, int, np.random.Generator], Photo]


def gaussian_blur(photo: Photo, grade: int, _: np.random.Generator) -> Photo:
    """Out of focus: Gaussian blur with the standard deviation of `BLUR`."""
    sigma = BLUR[_index(grade)] * _shorter(photo)
    return _stored(ndimage.gaussian_filter(photo.pixels.astype(np.float32), (sigma, sigma, 0)))


def motion_blur(photo: Photo, grade: int, generator: np.random.Generator) -> Photo:
    """Shaken: the mean along a straight stroke of the length of `MOTION`, in a random direction."""
    stroke = _stroke(MOTION[_index(grade)] * _shorter(photo), generator.uniform(0, np.pi))
    pixels = torch.from_numpy(photo.pixels).permute(2, 0, 1).float()[:, None]
    half = len(stroke) // 2
    padded = F.pad(pixels, (half, half, half, half), mode="replicate")
    moved = F.conv2d(padded, torch.from_numpy(stroke).float()[None, None])
    return _stored(moved[:, 0].permute(1, 2, 0).numpy())


def under_exposure(photo: Photo, grade: int, _: np.random.Generator) -> Photo:
    """Too little light: linear light lowered by `DARK_STOPS`."""
    return _lit(photo, 2.0 ** DARK_STOPS[_index(grade)])


def over_exposure(photo: Photo, grade: int, _: np.random.Generator) -> Photo:
    """Too much light: linear light raised by `BRIGHT_STOPS`; values above white are clipped."""
    return _lit(photo, 2.0 ** BRIGHT_STOPS[_index(grade)])


def colour_cast(photo: Photo, grade: int, generator: np.random.Generator) -> Photo:
    """Wrong white balance: log gains of the stored channels of length `CAST`, in a random hue."""
    hue = generator.uniform(0, 2 * np.pi)
    first, second = np.array([2, -1, -1]) / np.sqrt(6), np.array([0, 1, -1]) / np.sqrt(2)
    direction = np.cos(hue) * first + np.sin(hue) * second
    return _stored(photo.pixels * np.exp(CAST[_index(grade)] * direction))


def dark_corners(photo: Photo, grade: int, _: np.random.Generator) -> Photo:
    """A dermatoscope's tube: black outside a circle of `RADIUS` around the centre, with a soft rim."""
    distance = np.hypot(*_place(photo))
    share = np.clip((RADIUS[_index(grade)] - distance) / 0.03 + 0.5, 0, 1)
    return _stored(photo.pixels * share[..., None] + 4 * (1 - share[..., None]))


def uneven_illumination(photo: Photo, grade: int, generator: np.random.Generator) -> Photo:
    """Light from one side: linear light falls off evenly in a random direction by `GRADIENT_STOPS`."""
    y, x = _place(photo)
    angle = generator.uniform(0, 2 * np.pi)
    along = (x * np.cos(angle) + y * np.sin(angle)) / np.sqrt(2)
    return _lit(photo, 2 ** (GRADIENT_STOPS[_index(grade)] * (along - 1) / 2)[..., None])


def off_centre(photo: Photo, grade: int, generator: np.random.Generator) -> Photo:
    """Pointed beside the lesion: all moves by `SHIFT` in a random direction; mirrored skin fills in."""
    by = SHIFT[_index(grade)] * _shorter(photo)
    angle = generator.uniform(0, 2 * np.pi)
    down, right = round(by * np.sin(angle)), round(by * np.cos(angle))
    rows, columns = np.arange(photo.height) - down, np.arange(photo.width) - right
    return Photo(_mirrored(photo, rows, columns))


def too_far(photo: Photo, grade: int, _: np.random.Generator) -> Photo:
    """Held too far away: everything `DISTANCE` as large, surrounded by more skin."""
    factor = DISTANCE[_index(grade)]
    small = _resized(photo.pixels, round(photo.height * factor), round(photo.width * factor))
    rows = np.arange(photo.height) - (photo.height - len(small)) // 2
    columns = np.arange(photo.width) - (photo.width - small.shape[1]) // 2
    return Photo(_mirrored(Photo(small), rows, columns))


def low_resolution(photo: Photo, grade: int, _: np.random.Generator) -> Photo:
    """A small copy enlarged: down to `SHORTER_SIDE` pixels and up again, both bilinear."""
    factor = min(1.0, SHORTER_SIDE[_index(grade)] / _shorter(photo))
    small = _resized(photo.pixels, round(photo.height * factor), round(photo.width * factor))
    return Photo(_resized(small, photo.height, photo.width))


def jpeg(photo: Photo, grade: int, _: np.random.Generator) -> Photo:
    """Compressed too far: saved as JPEG of `JPEG_QUALITY` and read again."""
    pixels = torch.from_numpy(photo.pixels).permute(2, 0, 1).contiguous()
    data = cast(torch.Tensor, encode_jpeg(pixels, quality=JPEG_QUALITY[_index(grade)]))
    return Photo(decode_image(data, mode=ImageReadMode.RGB).permute(1, 2, 0).contiguous().numpy())


DAMAGE: dict[str, Damage] = {
    "gaussian blur": gaussian_blur,
    "motion blur": motion_blur,
    "low resolution": low_resolution,
    "jpeg": jpeg,
    "under-exposure": under_exposure,
    "over-exposure": over_exposure,
    "uneven illumination": uneven_illumination,
    "colour cast": colour_cast,
    "dark corners": dark_corners,
    "off centre": off_centre,
    "too far away": too_far,
}


def damaged(photo: Photo, kind: str, grade: int, seed: int) -> Photo:
    """`photo` with one kind of `DAMAGE`; the same for the same arguments.

    The random direction or hue depends on `kind` and `seed` only, so the grades of one seed differ in
    strength alone. Raises `ValueError` for a grade outside 1 to 5, `KeyError` for an unknown kind.
    """
    return DAMAGE[kind](photo, grade, np.random.default_rng([seed, list(DAMAGE).index(kind)]))


def _index(grade: int) -> int:
    if grade not in GRADES:
        raise ValueError(f"There is no grade {grade}: choose 1 to {GRADES[-1]}.")
    return grade - 1


def _shorter(photo: Photo) -> int:
    return min(photo.height, photo.width)


def _stroke(length: float, angle: float) -> np.ndarray:
    """A straight stroke of `length` pixels as an odd, square kernel with the sum 1."""
    half = max(1, int(np.ceil(length / 2)))
    along = np.linspace(-length / 2, length / 2, max(3, 4 * round(length) + 1))
    kernel = np.zeros((2 * half + 3, 2 * half + 3))
    rows, columns = along * np.sin(angle) + half + 1, along * np.cos(angle) + half + 1
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):  # shared among the four pixels around
        row, column = np.floor(rows).astype(int) + down, np.floor(columns).astype(int) + right
        np.add.at(kernel, (row, column), (1 - np.abs(rows - row)) * (1 - np.abs(columns - column)))
    return kernel / kernel.sum()


def _place(photo: Photo) -> tuple[np.ndarray, np.ndarray]:
    """y and x from the centre, 1 at the end of the shorter side, both (height, width)."""
    half = _shorter(photo) / 2
    y, x = np.indices((photo.height, photo.width), dtype=np.float64)
    return (y - (photo.height - 1) / 2) / half, (x - (photo.width - 1) / 2) / half


def _stored(values: np.ndarray) -> Photo:
    return Photo(np.clip(np.round(values), 0, 255).astype(np.uint8))


def _lit(photo: Photo, gain: np.ndarray | float) -> Photo:
    """Linear light times `gain`, stored as sRGB again (IEC 61966-2-1)."""
    light = np.clip(LINEAR[photo.pixels] * gain, 0, 1)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return _stored(255 * curve)


def _mirrored(photo: Photo, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Pixels at these rows and columns; beyond the photo its border strip is mirrored."""
    strip = max(2, round(MIRRORED * _shorter(photo)))
    inside_rows = _folded(rows, photo.height, strip)
    return photo.pixels[inside_rows[:, None], _folded(columns, photo.width, strip)]


def _folded(places: np.ndarray, length: int, strip: int) -> np.ndarray:
    """Places mapped into [0, `length`): those beyond are reflected to and fro in the end strip."""
    beyond = np.where(places < 0, -places - 1, places - length)
    wave = beyond % (2 * strip)
    depth = np.where(wave < strip, wave, 2 * strip - 1 - wave)
    folded = np.where(places < 0, depth, length - 1 - depth)
    return np.where((places >= 0) & (places < length), places, folded)


def _resized(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    values = torch.from_numpy(pixels).permute(2, 0, 1).float()[None]
    size = (max(1, height), max(1, width))
    resized = F.interpolate(values, size, mode="bilinear", antialias=True, align_corners=False)
    return resized[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()
