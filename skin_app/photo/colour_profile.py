"""Converts pixels of any colour profile to sRGB: LittleCMS through Pillow, relative colorimetric.

Profiles are untrusted input. LittleCMS is fuzz-tested and, as used here, shares no state between
threads. Only complete profiles of cameras, scanners, screens and printers, of limited size, reach it.
"""

import io
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms

MAX_PROFILE = 4_000_000  # bytes; profiles of printing presses have about 2 million
CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")
ROWS = 512  # rows per conversion: Pillow needs a third more memory than the pixels
SAME = 2  # largest change of any grid colour by a profile that counts as sRGB
INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC


class ProfileError(ValueError):
    """The profile cannot be read, or does not fit the pixels."""


def to_srgb(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """Convert (height, width, 3) uint8 RGB to sRGB; returns the same array if the profile is sRGB.

    A grey profile fits only pixels that are all grey. Raises `ProfileError`.
    """
    space = _space(profile)
    if space == b"RGB ":
        change = _transform(profile, "RGB")
        return pixels if _is_srgb(change) else _changed(pixels, change)
    if space == b"GRAY" and all((pixels[..., 0] == pixels[..., c]).all() for c in (1, 2)):
        change = _transform(profile, "L")
        # a lookup table is exact and keeps greys grey
        table = _changed(np.arange(256, dtype=np.uint8)[None], change)[0]
        return pixels if _close(table[:, 1], np.arange(256)) else table[pixels[..., 0]]
    raise ProfileError("The profile is not one of these pixels.")


def ink_to_srgb(ink: np.ndarray, profile: bytes) -> np.ndarray:
    """Convert CMYK (height, width, 4) uint8, 255 = full ink, to RGB. Raises `ProfileError`."""
    if _space(profile) != b"CMYK":
        raise ProfileError("The profile is not one of inks.")
    return _changed(ink, _transform(profile, "CMYK"))


def _space(profile: bytes) -> bytes:
    """The colour space in the profile's header; checks the header."""
    if not 132 <= len(profile) <= MAX_PROFILE:
        raise ProfileError("The profile is empty, cut off or too large.")
    (length,) = struct.unpack_from(">I", profile)
    if length > len(profile) or profile[36:40] != b"acsp" or profile[12:16] not in CLASSES:
        raise ProfileError("This is no whole profile of a device.")
    return profile[16:20]


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    try:
        read = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.buildTransform(read, ImageCms.createProfile("sRGB"), mode, "RGB", INTENT)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise ProfileError("The profile cannot be read.") from error


def _is_srgb(change: ImageCms.ImageCmsTransform) -> bool:
    levels = np.arange(0, 256, 17, dtype=np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    return _close(_changed(grid, change), grid)


def _close(values: np.ndarray, others: np.ndarray) -> bool:
    return int(np.abs(values.astype(int) - others.astype(int)).max()) <= SAME


def _changed(pixels: np.ndarray, change: ImageCms.ImageCmsTransform) -> np.ndarray:
    return np.concatenate(list(_strips(pixels, change)))


def _strips(pixels: np.ndarray, change: ImageCms.ImageCmsTransform) -> Iterator[np.ndarray]:
    for top in range(0, len(pixels), ROWS):
        strip = pixels[top : top + ROWS]
        size = (strip.shape[1], strip.shape[0])
        changed = ImageCms.applyTransform(
            Image.frombytes(change.input_mode, size, strip.tobytes()), change
        )
        assert changed is not None  # it is None only for changes in place
        yield np.asarray(changed)
