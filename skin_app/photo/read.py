"""Turns untrusted bytes or a path into a `Photo`. Image files are decoded nowhere else.

A file's content decides its type (`file_type`); the type's module in `formats` reads it. JPEG and
WebP are decoded by `torchvision.io` from bytes, because Pillow before 13 has a critical flaw in its
JPEG reader (CVE-2026-112403) and gradio still pins an older one; HEIC by libheif; PNG, AVIF, TIFF and
BMP each by Pillow's one reader for it. Colours are converted to sRGB with the file's own
profile, the orientation is applied, and all other metadata (camera, date, GPS) are dropped.
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
from skin_app.photo.formats import bmp, heif, jpeg, png, tiff, webp
from skin_app.photo.formats.opened import Decoded, Opened, PhotoError, damaged
from skin_app.words.photo import REFUSED, UNKNOWN

MAX_BYTES = 40_000_000
MAX_PIXELS = 60_000_000
MIN_SIDE = 64
READ_SUFFIXES = (  # suffixes of image files named by an id; the content decides the type
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif", ".hif", ".avif"),
    *(".tif", ".tiff", ".bmp"),
)
FORMATS: dict[str, Callable[[bytes], Opened]] = {
    "JPEG": jpeg.opened,
    "PNG": png.opened,
    "WebP": webp.opened,
    "HEIC": heif.opened_heic,
    "AVIF": heif.opened_avif,
    "TIFF": tiff.opened,
    "BMP": bmp.opened,
}
FAULTS = (
    *(RuntimeError, OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError),
    *(OverflowError, struct.error, zlib.error),
)  # errors that decoders raise on damaged files


@dataclass(frozen=True)
class Photo:
    """A decoded photo: `pixels` is (height, width, 3) sRGB uint8 in [0, 255].

    Of the file, only its faults are recorded. `unknown_profile`: the colours are as stored, because the
    file's colour profile cannot be read. `damaged`: some pixels are not as the camera recorded them.
    Damage is checked in JPEGs, and in HEIC, AVIF and WebP by zeroed stretches only.
    """

    pixels: np.ndarray
    unknown_profile: bool = False
    damaged: bool = False

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        return self.pixels.shape[0]


def read_photo(source: bytes | str | Path) -> Photo:
    """Decode a photo from its bytes or its path: JPEG, PNG, WebP, HEIC, AVIF, TIFF or BMP.

    Raises `PhotoError` for anything but a complete, single-frame image within the limits
    (`MAX_BYTES`, `MAX_PIXELS`, `MIN_SIDE`).
    """
    data = source if isinstance(source, bytes) else _read_bytes(Path(source))
    _check_length(len(data))
    opened = _opened(data)
    width, height = opened.width, opened.height
    if width * height > MAX_PIXELS:
        raise PhotoError(
            "The image is {width} x {height} pixels, more than {limit} million: "
            "save a smaller copy (2,000 pixels a side is plenty) and try that.",
            width=width,
            height=height,
            limit=MAX_PIXELS // 1_000_000,
        )
    if min(width, height) < MIN_SIDE:
        raise PhotoError(
            "The image is only {width} x {height} pixels: use one of at least {least} a side.",
            width=width,
            height=height,
            least=MIN_SIDE,
        )
    return _as_srgb(_decoded(opened))


def _read_bytes(path: Path) -> bytes:
    try:
        _check_length(path.stat().st_size)
        return path.read_bytes()
    except FileNotFoundError:
        raise PhotoError("There is no such file: check the path.") from None
    except OSError as error:
        reason = error.strerror or "unknown error"
        raise PhotoError(
            "The file cannot be read ({reason}): check its permissions.", reason=reason
        ) from error


def _check_length(length: int) -> None:
    if length == 0:
        raise PhotoError("The file is empty (0 bytes): copy or export the photo again.")
    if length > MAX_BYTES:
        raise PhotoError(
            "The file has {megabytes} MB, more than the limit of {limit} MB: "
            "save a smaller copy and try that.",
            megabytes=round(length / 1e6),
            limit=MAX_BYTES // 1_000_000,
        )


def _opened(data: bytes) -> Opened:
    """The file's header, before any pixel is decoded."""
    found = type_of(data[:HEAD_BYTES])
    if found is None:
        raise PhotoError(UNKNOWN)
    if found in REFUSED:
        raise PhotoError(REFUSED[found], name=found)
    try:
        return FORMATS[found](data)
    except PhotoError:
        raise
    except FAULTS:
        raise damaged() from None


def _decoded(opened: Opened) -> Decoded:
    try:
        return opened.decode()
    except PhotoError:
        raise
    except FAULTS:
        raise damaged() from None


def _as_srgb(decoded: Decoded) -> Photo:
    """Convert colours to sRGB, then put transparent parts on white."""
    colours, unknown = decoded.pixels[..., :3], False
    if decoded.profile is not None:
        try:
            colours = to_srgb(colours, decoded.profile)
        except ProfileError:
            unknown = True
    if decoded.pixels.shape[2] == 3:
        return Photo(colours, unknown, decoded.damaged)
    return Photo(_on_white(colours, decoded.pixels[..., 3:]), unknown, decoded.damaged)


def _on_white(colours: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    image = Image.fromarray(np.concatenate([colours, opacity], axis=2))
    white = Image.new("RGBA", image.size, "white")
    return np.array(Image.alpha_composite(white, image).convert("RGB"))
