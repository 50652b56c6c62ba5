"""HEIC by pillow-heif (libheif), AVIF by Pillow's AVIF reader alone (libavif): photos of phones.

Both decoders rotate the photo as the file's boxes say; the EXIF orientation only repeats that.
"""

import io
from collections.abc import Mapping
from functools import partial
from typing import Any

import pillow_heif
from PIL import Image, features

from skin_app.photo.colour_profile import coded_profile
from skin_app.photo.formats import Decoded, Opened, PhotoError, damage_error, eight_bit
from skin_app.photo.formats.exif import profile_of, read_exif, upright
from skin_app.photo.formats.heif_damage import boxes, has_zeroed_pixels

UNREADABLE = (ValueError, EOFError, SyntaxError, RuntimeError, OSError, IndexError)  # by libheif
UNKNOWN = {"color_primaries": 0, "transfer_characteristics": 0}  # codes that stand for nothing


def open_heic(data: bytes) -> Opened:
    """Depth, gain maps and thumbnails are ignored."""
    _refuse_movie(data)
    pictures = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    if len(pictures) == 0:
        raise damage_error()
    if len(pictures) > 1:
        raise PhotoError(
            "This file holds {count} pictures: save the one that you mean on its own.",
            count=len(pictures),
        )
    return Opened(*pictures.size, partial(_decoded_heic, data, pictures[0]))


def open_avif(data: bytes) -> Opened:
    """The header alone is also read by libheif: Pillow does not report the codes of the colours."""
    if not features.check("avif"):
        raise PhotoError("AVIF cannot be read by this installation: export the photo as JPEG or PNG.")
    _refuse_movie(data)
    image = Image.open(io.BytesIO(data), formats=["AVIF"])
    return Opened(*image.size, partial(_decoded_avif, data, image))


def _refuse_movie(data: bytes) -> None:
    if any(name == b"moov" for name, _, _ in boxes(data, 0, len(data))):
        raise PhotoError("This file holds a series of pictures: save the one that you mean on its own.")


def _decoded_heic(data: bytes, picture: pillow_heif.HeifImage) -> Decoded:
    profile = _profile(picture.info, picture.info.get("nclx_profile"))
    return Decoded(eight_bit(picture.to_pillow()), profile, has_zeroed_pixels(data))


def _decoded_avif(data: bytes, image: Image.Image) -> Decoded:
    image.load()
    try:
        codes = pillow_heif.open_heif(data).info.get("nclx_profile")
    except UNREADABLE:
        codes = UNKNOWN
    pixels, stated = eight_bit(image), image.getexif()
    image.close()
    return Decoded(upright(pixels, stated), _profile(image.info, codes), has_zeroed_pixels(data))


def _profile(info: Mapping[Any, Any], codes: Mapping[str, int] | None) -> bytes | None:
    """The profile from the first of an ICC profile, codes, and EXIF."""
    profile = info.get("icc_profile")
    if profile is None and codes:
        profile = coded_profile(codes["color_primaries"], codes["transfer_characteristics"])
    return profile_of(read_exif(info.get("exif") or b"")) if profile is None else profile
