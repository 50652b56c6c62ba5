"""One module per format: opens a file (size, from its header), then decodes pixels and colour profile.

Here stands what each of them returns and raises; `photo/read.py` lists the formats.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image

from skin_app.words.language import SpokenError

ROWS = 512  # converted at once: Pillow needs several times the memory of the pixels


class PhotoError(SpokenError, ValueError):
    """The file cannot be used as a photo; the message is one sentence that says what to do."""


class Decoded(NamedTuple):
    """A file's pixels as stored, and its colour profile.

    `pixels`: (height, width, 3 or 4) uint8, upright, RGB and optional alpha, not premultiplied;
    `profile`: ICC bytes, None for sRGB and where nothing is stated, b"" for unknown colours; `damaged`:
    as in `Photo`.
    """

    pixels: np.ndarray
    profile: bytes | None
    damaged: bool = False


class Opened(NamedTuple):
    """A file whose header was read: size in pixels; `decode` reads the pixels.

    Opening and decoding raise `PhotoError`, or one of `read.FAULTS` for a file that is cut off.
    """

    width: int
    height: int
    decode: Callable[[], Decoded]


def damage_error() -> PhotoError:
    """The error to raise for a file whose bytes contradict each other or end too early."""
    return PhotoError("The image is damaged or cut off: copy or export the photo again.")


def eight_bit(image: Image.Image) -> np.ndarray:
    """(height, width, 3 or 4) uint8 of an integer image; of 16-bit values, the upper 8 bits."""
    transparent = "A" in image.mode or "a" in image.mode or "transparency" in image.info
    pixels = np.empty((image.height, image.width, 4 if transparent else 3), np.uint8)
    for top in range(0, image.height, ROWS):
        strip = image.crop((0, top, image.width, min(top + ROWS, image.height)))
        if image.mode.startswith("I"):
            pixels[top : top + ROWS] = (np.asarray(strip).astype(np.uint32) >> 8)[..., None]
        else:
            strip = strip.convert("RGBA" if transparent else "RGB")
            pixels[top : top + ROWS] = np.asarray(strip)
    return pixels
