"""Damages photos and files on purpose: graded damage to real photos, and faulty bytes in JPEG files.

Photos: as by a hurried photographer, a poor camera or a wrong setting. The grade says how strong a
damage is, from 1 (hardly visible) to 5 (useless). Lengths are shares of the photo's shorter side, so
that a grade means the same at every resolution. Every function is pure: it takes a photo, the strength
of a grade and a seeded generator, and returns a new photo of the same shape. Files: as by faulty
copying and storage, so that they still open.
"""

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from numpy.random import Generator
from scipy import ndimage
from torch.nn import functional as F
from torchvision.io import ImageReadMode, decode_image, encode_jpeg

from skin_app.cielab import LINEAR
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
SECTOR, CLUSTER = 512, 4096  # bytes, on a disk
SCAN, END = b"\xff\xda", b"\xff\xd9"  # markers of a JPEG

Spoil = Callable[[bytes, bytes, Generator], bytes | None]


def damage_photo(photo: Photo, damage: str, grade: int, seed: int) -> Photo:
    """`photo` with one `damage` of `DAMAGE`; the same for the same arguments.

    The random direction or hue depends on `damage` and `seed` only, so the grades of one seed differ in
    strength alone. Raises `ValueError` for a grade outside 1 to 5, `KeyError` for an unknown damage.
    """
    if grade not in GRADES:
        raise ValueError(f"There is no grade {grade}: choose 1 to {GRADES[-1]}.")
    apply, strengths = DAMAGE[damage]
    generator = np.random.default_rng([seed, list(DAMAGE).index(damage)])
    return apply(photo, strengths[grade - 1], generator)


def _gaussian_blur(photo: Photo, deviation: float, _: Generator) -> Photo:
    """Out of focus."""
    sigma = deviation * _shorter(photo)
    return _stored(ndimage.gaussian_filter(photo.pixels.astype(np.float32), (sigma, sigma, 0)))


def _motion_blur(photo: Photo, length: float, generator: Generator) -> Photo:
    """Shaken: the mean along a straight stroke in a random direction."""
    stroke = _stroke(length * _shorter(photo), generator.uniform(0, np.pi))
    pixels = torch.from_numpy(photo.pixels).permute(2, 0, 1).float()[:, None]
    padded = F.pad(pixels, (len(stroke) // 2,) * 4, mode="replicate")
    moved = F.conv2d(padded, torch.from_numpy(stroke).float()[None, None])
    return _stored(moved[:, 0].permute(1, 2, 0).numpy())


def _low_resolution(photo: Photo, side: float, _: Generator) -> Photo:
    """A small copy enlarged, both bilinear."""
    small = _scaled(photo.pixels, min(1.0, side / _shorter(photo)))
    return Photo(_resized(small, photo.height, photo.width))


def _jpeg(photo: Photo, quality: float, _: Generator) -> Photo:
    """Compressed too far: saved as JPEG and read again."""
    pixels = torch.from_numpy(photo.pixels).permute(2, 0, 1).contiguous()
    data = cast(torch.Tensor, encode_jpeg(pixels, quality=int(quality)))
    return Photo(decode_image(data, mode=ImageReadMode.RGB).permute(1, 2, 0).contiguous().numpy())


def _exposure(photo: Photo, stops: float, _: Generator) -> Photo:
    """Too little or too much light: linear light is changed by `stops`, and clipped at white."""
    return _lit(photo, 2.0**stops)


def _uneven_illumination(photo: Photo, stops: float, generator: Generator) -> Photo:
    """Light from one side: linear light falls off evenly in a random direction."""
    y, x = _place(photo)
    angle = generator.uniform(0, 2 * np.pi)
    along = (x * np.cos(angle) + y * np.sin(angle)) / np.sqrt(2)
    return _lit(photo, 2 ** (stops * (along - 1) / 2)[..., None])


def _colour_cast(photo: Photo, length: float, generator: Generator) -> Photo:
    """Wrong white balance: log gains of the stored channels, in a random hue."""
    hue = generator.uniform(0, 2 * np.pi)
    first, second = np.array([2, -1, -1]) / np.sqrt(6), np.array([0, 1, -1]) / np.sqrt(2)
    direction = np.cos(hue) * first + np.sin(hue) * second
    return _stored(photo.pixels * np.exp(length * direction))


def _dark_corners(photo: Photo, radius: float, _: Generator) -> Photo:
    """A dermatoscope's tube: black outside a circle around the centre, with a soft rim."""
    share = np.clip((radius - np.hypot(*_place(photo))) / 0.03 + 0.5, 0, 1)
    return _stored(photo.pixels * share[..., None] + 4 * (1 - share[..., None]))


def _off_centre(photo: Photo, shift: float, generator: Generator) -> Photo:
    """Pointed beside the lesion: all moves in a random direction; mirrored skin fills in."""
    by = shift * _shorter(photo)
    angle = generator.uniform(0, 2 * np.pi)
    down, right = round(by * np.sin(angle)), round(by * np.cos(angle))
    rows, columns = np.arange(photo.height) - down, np.arange(photo.width) - right
    return Photo(_mirrored(photo, rows, columns))


def _too_far(photo: Photo, factor: float, _: Generator) -> Photo:
    """Held too far away: everything `factor` as large, surrounded by more skin."""
    small = _scaled(photo.pixels, factor)
    rows = np.arange(photo.height) - (photo.height - len(small)) // 2
    columns = np.arange(photo.width) - (photo.width - small.shape[1]) // 2
    return Photo(_mirrored(Photo(small), rows, columns))


# name -> the damage, and its strength at each of `GRADES`
DAMAGE: dict[str, tuple[Callable[[Photo, float, Generator], Photo], tuple[float, ...]]] = {
    "gaussian blur": (_gaussian_blur, BLUR),
    "motion blur": (_motion_blur, MOTION),
    "low resolution": (_low_resolution, SHORTER_SIDE),
    "jpeg": (_jpeg, JPEG_QUALITY),
    "under-exposure": (_exposure, DARK_STOPS),
    "over-exposure": (_exposure, BRIGHT_STOPS),
    "uneven illumination": (_uneven_illumination, GRADIENT_STOPS),
    "colour cast": (_colour_cast, CAST),
    "dark corners": (_dark_corners, RADIUS),
    "off centre": (_off_centre, SHIFT),
    "too far away": (_too_far, DISTANCE),
}


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


def _scaled(pixels: np.ndarray, factor: float) -> np.ndarray:
    height, width, _ = pixels.shape
    return _resized(pixels, max(1, round(height * factor)), max(1, round(width * factor)))


def _resized(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    values = torch.from_numpy(pixels).permute(2, 0, 1).float()[None]
    resized = F.interpolate(
        values, (height, width), mode="bilinear", antialias=True, align_corners=False
    )
    return resized[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()


def damage_file(file: bytes, other: bytes, damage: str, seed: int) -> bytes | None:
    """`file`, a JPEG of one scan, after one `damage` of `FILE_DAMAGE`; None if it is too small for it.

    `other`: another JPEG, from which foreign blocks come. Raises `KeyError` for an unknown damage.
    """
    return FILE_DAMAGE[damage](file, other, np.random.default_rng(seed))


def _compressed_data(file: bytes) -> tuple[int, int]:
    """Where the compressed data of a JPEG of one scan begin and end."""
    start = file.index(SCAN) + 2
    return start + int.from_bytes(file[start : start + 2], "big"), file.rindex(END)


def _overwritten(length: int, content: Callable[[bytes, Generator], bytes]) -> Spoil:
    """Overwrite whole sectors within the compressed data, aligned as on a disk."""

    def spoil(file: bytes, other: bytes, generator: Generator) -> bytes | None:
        start, end = _compressed_data(file)
        first, last = -(-start // SECTOR), (end - length) // SECTOR
        if last < first:
            return None
        place = SECTOR * int(generator.integers(first, last + 1))
        return file[:place] + content(other, generator) + file[place + length :]

    return spoil


def _of_another(other: bytes, generator: Generator) -> bytes:
    start, end = _compressed_data(other)
    place = int(generator.integers(start, max(start + 1, end - SECTOR)))
    return other[place : place + SECTOR].ljust(SECTOR, b"\0")


def _cut(share: float | None = None) -> Spoil:
    """Cut the compressed data off after a share of them (None: anywhere), and close the file."""

    def spoil(file: bytes, _: bytes, generator: Generator) -> bytes:
        start, end = _compressed_data(file)
        kept = generator.uniform(0.02, 0.98) if share is None else share
        return file[: start + int(kept * (end - start))] + END

    return spoil


def _zeros_to_the_end(file: bytes, _: bytes, generator: Generator) -> bytes:
    """As after an interrupted copy for which the whole length had been reserved."""
    start, end = _compressed_data(file)
    place = start + int(generator.uniform(0.02, 0.98) * (end - start))
    return file[:place] + bytes(end - place) + file[end:]


def _wrong_byte(file: bytes, _: bytes, generator: Generator) -> bytes:
    place = int(generator.integers(*_compressed_data(file)))
    wrong = file[place] ^ int(generator.integers(1, 256))
    return file[:place] + bytes([wrong]) + file[place + 1 :]


FILE_DAMAGE: dict[str, Spoil] = {
    "a sector of zeros (512 bytes)": _overwritten(SECTOR, lambda *_: bytes(SECTOR)),
    "a cluster of zeros (4,096 bytes)": _overwritten(CLUSTER, lambda *_: bytes(CLUSTER)),
    "a sector of random bytes": _overwritten(SECTOR, lambda _, generator: generator.bytes(SECTOR)),
    "a sector of another photo": _overwritten(SECTOR, _of_another),
    "cut at 60 % and closed again": _cut(0.6),
    "cut at 80 % and closed again": _cut(0.8),
    "cut anywhere and closed again": _cut(),
    "zeros from anywhere to the end": _zeros_to_the_end,
    "one wrong byte": _wrong_byte,
}
