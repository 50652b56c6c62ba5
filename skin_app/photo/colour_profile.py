"""Converts pixels of any colour profile to sRGB: LittleCMS through Pillow, relative colorimetric.

Also makes profiles for files that state their colours by numbers: codes, or primaries and a gamma.
Profiles are untrusted input. LittleCMS is fuzz-tested and, as used here, shares no state between
threads. Only complete profiles of cameras, scanners, screens and printers, of limited size, reach it.
"""

import io
import struct
from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageCms

Point = tuple[float, float]  # CIE x, y
Primaries = tuple[Point, Point, Point, Point]  # red, green, blue, white

MAX_PROFILE = 4_000_000  # bytes; profiles of printing presses have about 2 million
CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")
ROWS = 512  # rows per conversion: Pillow needs a third more memory than the pixels
SAME = 2  # largest change of any grid colour by a profile that counts as sRGB
LEVELS = np.arange(0, 256, 17, dtype=np.uint8)
GRID = np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS), axis=-1).reshape(1, -1, 3)

D65: Point = (0.3127, 0.3290)
SRGB: Primaries = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
ADOBE: Primaries = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65)
SMPTE: Primaries = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65)
# ITU-T H.273, as in cICP chunks and nclx boxes; 2 is "unspecified", which is taken for sRGB
CODED: dict[int, Primaries] = {
    1: SRGB,
    2: SRGB,
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65),
    6: SMPTE,
    7: SMPTE,
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65),
}
# 1, 6, 7, 14 and 15 are camera curves; their pictures are displayed with the curve of sRGB
LIKE_SRGB = (1, 2, 6, 7, 13, 14, 15)
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
D50 = np.array([0.96422, 1.0, 0.82521])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
DISPLAY_GAMMA = 2.2
# largest relative difference of gamma from 2.2 that still counts as sRGB; a tenth of it for points
NEAR = 0.02


class ProfileError(ValueError):
    """The profile cannot be read, or does not fit the pixels."""


def to_srgb(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """Convert (height, width, 3) uint8 RGB to sRGB; returns the same array if the profile is sRGB.

    A grey profile fits only pixels that are all grey. Raises `ProfileError`.
    """
    space = _space(profile)
    if space == b"RGB ":
        transform = _transform(profile, "RGB")
        return pixels if _close(_converted(GRID, transform), GRID) else _converted(pixels, transform)
    if space == b"GRAY" and (pixels == pixels[..., :1]).all():
        # a lookup table is exact and keeps greys grey
        table = _converted(np.arange(256, dtype=np.uint8)[None], _transform(profile, "L"))[0]
        return pixels if _close(table[:, 1], np.arange(256)) else table[pixels[..., 0]]
    raise ProfileError("The profile is not one of these pixels.")


def ink_to_srgb(ink: np.ndarray, profile: bytes) -> np.ndarray:
    """Convert CMYK (height, width, 4) uint8, 255 = full ink, to RGB. Raises `ProfileError`."""
    if _space(profile) != b"CMYK":
        raise ProfileError("The profile is not one of inks.")
    return _converted(ink, _transform(profile, "CMYK"))


def _space(profile: bytes) -> bytes:
    """The colour space in the profile's header, which is checked."""
    if not 132 <= len(profile) <= MAX_PROFILE:
        raise ProfileError("The profile is empty, cut off or too large.")
    (length,) = struct.unpack_from(">I", profile)
    if length > len(profile) or profile[36:40] != b"acsp" or profile[12:16] not in CLASSES:
        raise ProfileError("This is no whole profile of a device.")
    return profile[16:20]


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    try:
        read = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        return ImageCms.buildTransform(read, ImageCms.createProfile("sRGB"), mode, "RGB", intent)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise ProfileError("The profile cannot be read.") from error


def _close(values: np.ndarray, others: np.ndarray) -> bool:
    return np.allclose(values, others, rtol=0, atol=SAME)


def _converted(pixels: np.ndarray, transform: ImageCms.ImageCmsTransform) -> np.ndarray:
    changed = np.empty((*pixels.shape[:2], 3), np.uint8)
    for top in range(0, len(pixels), ROWS):
        strip = pixels[top : top + ROWS]
        image = Image.frombytes(transform.input_mode, strip.shape[1::-1], strip.tobytes())
        changed[top : top + ROWS] = np.asarray(ImageCms.applyTransform(image, transform))
    return changed


def coded_profile(primaries: int, transfer: int) -> bytes | None:
    """The profile for ITU-T H.273 codes: None for sRGB, b"" for unknown codes and HDR curves."""
    if primaries not in CODED or transfer not in (*LIKE_SRGB, *GAMMAS):
        return b""
    gamma = GAMMAS.get(transfer)
    return None if CODED[primaries] is SRGB and gamma is None else made_profile(CODED[primaries], gamma)


def measured_profile(primaries: Primaries, gamma: float) -> bytes | None:
    """The profile for primaries and a gamma that a file states: None where they are those of sRGB
    (commonly written as gamma 2.2), b"" where they are impossible."""
    off = np.abs(np.array(primaries) - np.array(SRGB)).max()
    if off < NEAR / 10 and abs(gamma / DISPLAY_GAMMA - 1) < NEAR:
        return None
    try:
        return made_profile(primaries, gamma)
    except (ValueError, struct.error):
        return b""


def made_profile(primaries: Primaries, gamma: float | None) -> bytes:
    """A profile from primaries and a gamma curve; `gamma` None is the curve of sRGB.

    Raises `ValueError` when the points span no gamut, `struct.error` when a number is too large.
    """
    columns = _adapted(primaries)
    form, values = (3, SRGB_CURVE) if gamma is None else (0, (gamma,))
    curve = b"para\0\0\0\0" + struct.pack(">HH", form, 0) + _fixed(values)
    text = b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", 2, 28) + b"\0s"
    tags = [
        (b"desc", text),
        (b"cprt", text),
        *zip((b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ"), map(_xyz, (D50, *columns.T)), strict=True),
        *((name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")),
    ]
    start, table, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags:
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    device = struct.pack(">4sI4s4s4s", bytes(4), 0x04200000, b"mntr", b"RGB ", b"XYZ ")
    head = struct.pack(">I", start + len(body)) + device + struct.pack(">6H", 2024, 1, 1, 0, 0, 0)
    head += b"acsp" + bytes(28) + _fixed(D50)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _adapted(primaries: Primaries) -> np.ndarray:
    """(3, 3): one primary per column, as X, Y, Z adapted to D50 (Bradford)."""
    points = np.array(primaries)
    if not np.isfinite(points).all() or (points[:, 1] <= 0).any():
        raise ValueError("A point of colour lies outside the plane.")
    x, y = points.T
    places = np.array([x / y, np.ones(4), (1 - x - y) / y])
    scaled = places[:, :3] * np.linalg.solve(places[:, :3], places[:, 3])
    change = np.diag((BRADFORD @ D50) / (BRADFORD @ places[:, 3]))
    return np.linalg.solve(BRADFORD, change @ BRADFORD @ scaled)


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _fixed(values: Iterable[float]) -> bytes:
    """ICC's fixed-point numbers, 16 bits before the point and 16 behind it."""
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


ADOBE_RGB = made_profile(ADOBE, 563 / 256)
