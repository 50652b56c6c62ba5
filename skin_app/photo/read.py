"""Turns untrusted bytes or a path into a `Photo`. Image files are decoded nowhere else.

A file's content decides its type (`file_type`); the type's module in `formats` reads it. JPEG and
WebP are decoded by `torchvision.io` from bytes, because Pillow before 13 has a critical flaw in its
JPEG reader (CVE-2026-112403) and gradio still pins an older one; HEIC by libheif; PNG, AVIF, TIFF and
BMP each by Pillow's one reader for it; docs/reliability.md tells what broken files do to them. Colours
are converted to sRGB with the file's own profile, the orientation is applied, and all other metadata
(camera, date, GPS) are dropped.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from skin_app.photo.colour_profile import ProfileError, to_srgb
from skin_app.photo.file_type import HEAD_BYTES, type_of
from skin_app.photo.formats import (
    ROWS,
    Decoded,
    Opened,
    PhotoError,
    damage_error,
)
from skin_app.photo.formats.bmp import open_bmp
from skin_app.photo.formats.heif import open_avif, open_heic
from skin_app.photo.formats.jpeg import open_jpeg
from skin_app.photo.formats.png import open_png
from skin_app.photo.formats.tiff import open_tiff
from skin_app.photo.formats.webp import open_webp
from skin_app.photo.limits import check_bytes, check_size
from skin_app.photo.memory import is_out_of_memory, told_when_full
from skin_app.words.photo import NO_SUCH_FILE, REFUSED, UNKNOWN, UNREADABLE

READ_SUFFIXES = (  # suffixes of image files named by an id; the content decides the type
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif", ".hif", ".avif"),
    *(".tif", ".tiff", ".bmp"),
)
FORMATS: dict[str, Callable[[bytes], Opened]] = {
    "JPEG": open_jpeg,
    "PNG": open_png,
    "WebP": open_webp,
    "HEIC": open_heic,
    "AVIF": open_avif,
    "TIFF": open_tiff,
    "BMP": open_bmp,
}
FAULTS = (
    *(RuntimeError, OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError),
    *(OverflowError, struct.error, zlib.error),
)  # errors that decoders raise on damaged files


@dataclass(frozen=True)
class Photo:
    """A decoded photo: `pixels` is (height, width, 3) sRGB uint8 in [0, 255], else `ValueError`.

    Of the file, only its faults are recorded. `unknown_profile`: the colours are as stored, because the
    file's colour profile cannot be read. `damaged`: some pixels are not as the camera recorded them.
    Damage is checked in JPEGs, and in HEIC, AVIF and WebP by zeroed stretches only.
    """

    pixels: np.ndarray
    unknown_profile: bool = False
    damaged: bool = False

    def __post_init__(self) -> None:
        shape, dtype = np.shape(self.pixels), getattr(self.pixels, "dtype", type(self.pixels).__name__)
        if dtype != np.uint8 or len(shape) != 3 or shape[2] != 3:
            raise ValueError(
                f"A photo is (height, width, 3) uint8, not {shape} {dtype}: convert the array, or give "
                "the file to read_photo."
            )

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        return self.pixels.shape[0]


@told_when_full
def read_photo(source: bytes | str | Path) -> Photo:
    """Decode a photo from its bytes or its path: JPEG, PNG, WebP, HEIC, AVIF, TIFF or BMP.

    Raises `PhotoError` for anything but a complete, single-frame image within `limits`.
    """
    data = source if isinstance(source, bytes) else _bytes_of(Path(source))
    check_bytes(len(data))
    found = type_of(data[:HEAD_BYTES])
    if found is None:
        raise PhotoError(UNKNOWN)
    if found in REFUSED:
        raise PhotoError(REFUSED[found], name=found)
    try:
        opened = FORMATS[found](data)  # the header, before any pixel is decoded
        check_size(opened.width, opened.height)
        decoded = opened.decode()
    except PhotoError:
        raise
    except FAULTS as error:
        if is_out_of_memory(error):
            raise
        raise damage_error() from None
    return _as_srgb(decoded)


def _bytes_of(path: Path) -> bytes:
    try:
        check_bytes(path.stat().st_size)
        return path.read_bytes()
    except FileNotFoundError:
        raise PhotoError(NO_SUCH_FILE) from None
    except OSError as error:
        reason = error.strerror or "unknown error"
        raise PhotoError(UNREADABLE, reason=reason) from error


def _as_srgb(decoded: Decoded) -> Photo:
    """Convert colours to sRGB, then put transparent parts on white."""
    colours, unknown = decoded.pixels[..., :3], False
    if decoded.profile is not None:
        try:
            colours = to_srgb(colours, decoded.profile)
        except ProfileError:
            unknown = True
    if decoded.pixels.shape[2] == 4:
        opacity, colours = decoded.pixels[..., 3:], np.array(colours)
        for top in range(0, len(colours), ROWS):
            strip = colours[top : top + ROWS]
            image = Image.fromarray(np.concatenate([strip, opacity[top : top + ROWS]], axis=2))
            white = Image.new("RGBA", image.size, "white")
            strip[:] = np.asarray(Image.alpha_composite(white, image).convert("RGB"))
    return Photo(colours, unknown, decoded.damaged)
