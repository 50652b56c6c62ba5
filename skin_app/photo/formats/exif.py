"""Two things that EXIF says of pixels: which side is up, and that the colours are Adobe RGB."""

import struct
from contextlib import suppress

from PIL import ExifTags, Image

from skin_app.photo.made_profile import ADOBE_RGB

UNREADABLE = (SyntaxError, struct.error, ValueError, OSError, TypeError, KeyError)
UNCALIBRATED, ADOBE = 65535, 2  # values of ColorSpace; the second is of no standard, but written


def read_exif(data: bytes) -> Image.Exif:
    """Of an EXIF block, which begins with "Exif" or not; an empty one where it cannot be read."""
    stated = Image.Exif()
    with suppress(*UNREADABLE):
        stated.load(data)
    return stated


def orientation(stated: Image.Exif) -> int:
    """1 (upright) to 8; 1 where it says nothing that can be read."""
    with suppress(*UNREADABLE):
        value = stated.get(ExifTags.Base.Orientation, 1)
        return value if isinstance(value, int) else 1
    return 1


def profile_of(stated: Image.Exif) -> bytes | None:
    """Adobe RGB where cameras say so without a profile: not sRGB, and "R03" (DCF, 2.0); else None."""
    with suppress(*UNREADABLE):
        space = stated.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        index = str(stated.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex, ""))
        if space == ADOBE or (space == UNCALIBRATED and index.startswith("R03")):
            return ADOBE_RGB
    return None
