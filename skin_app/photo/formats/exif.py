"""Reads two things from EXIF: the orientation, and whether the colours are Adobe RGB."""

import struct
from contextlib import suppress

from PIL import ExifTags, Image

from skin_app.photo.made_profile import ADOBE_RGB

UNREADABLE = (SyntaxError, struct.error, ValueError, OSError, TypeError, KeyError)
UNCALIBRATED, ADOBE = 65535, 2  # values of ColorSpace; cameras write the non-standard second


def read_exif(data: bytes) -> Image.Exif:
    """Parse an EXIF block, with or without the prefix "Exif"; empty if it is unreadable."""
    stated = Image.Exif()
    with suppress(*UNREADABLE):
        stated.load(data)
    return stated


def orientation(stated: Image.Exif) -> int:
    """The orientation, 1 (upright) to 8; 1 where none can be read."""
    with suppress(*UNREADABLE):
        value = stated.get(ExifTags.Base.Orientation, 1)
        return value if isinstance(value, int) else 1
    return 1


def profile_of(stated: Image.Exif) -> bytes | None:
    """Adobe RGB where EXIF states it without a profile: not sRGB, and "R03" (DCF, 2.0); else None."""
    with suppress(*UNREADABLE):
        space = stated.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        index = str(stated.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex, ""))
        if space == ADOBE or (space == UNCALIBRATED and index.startswith("R03")):
            return ADOBE_RGB
    return None
