"""Reads two things from EXIF: the orientation, and whether the colours are Adobe RGB.

Importing this module also mends Pillow's own reader, until gradio allows Pillow 13.
"""

import struct
from contextlib import suppress

import numpy as np
from PIL import ExifTags, Image

from skin_app.photo.colour_profile import ADOBE_RGB

UNREADABLE = (SyntaxError, struct.error, ValueError, OSError, TypeError, KeyError)
UNCALIBRATED, ADOBE = 65535, 2  # values of ColorSpace; cameras write the non-standard second
MIRRORED = (2, 4, 5, 7)  # orientations of mirrored pixels: first mirror them, then turn
QUARTERS = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}  # orientation -> turns to the left by 90 degrees


def read_exif(data: bytes) -> Image.Exif:
    """Parse an EXIF block, with or without the prefix "Exif"; empty if it is unreadable."""
    stated = Image.Exif()
    with suppress(*UNREADABLE):
        stated.load(data)
    return stated


def upright(pixels: np.ndarray, stated: Image.Exif) -> np.ndarray:
    """Turn `pixels` as the orientation says; as they are where none can be read."""
    orientation = 1
    with suppress(*UNREADABLE):
        orientation = int(stated.get(ExifTags.Base.Orientation, 1))
    turned = pixels[:, ::-1] if orientation in MIRRORED else pixels
    return np.ascontiguousarray(np.rot90(turned, QUARTERS.get(orientation, 0)))


def profile_of(stated: Image.Exif) -> bytes | None:
    """Adobe RGB where EXIF states it without a profile: not sRGB, and "R03" (DCF, 2.0); else None."""
    with suppress(*UNREADABLE):
        space = stated.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        index = str(stated.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex, ""))
        if space == ADOBE or (space == UNCALIBRATED and index.startswith("R03")):
            return ADOBE_RGB
    return None


_PREFIX = b"Exif\0\0"
_load = Image.Exif.load


def _load_without_prefixes(self: Image.Exif, data: bytes) -> None:
    """Pillow before 13 copies all the rest for each repeated prefix, for hours (CVE-2026-96643)."""
    start = 0
    while data.startswith(_PREFIX, start):
        start += len(_PREFIX)
    _load(self, data[start:])


Image.Exif.load = _load_without_prefixes
