"""HEIC by pillow-heif (libheif), AVIF by Pillow's AVIF reader alone (libavif): photos of phones.

Both decoders rotate the photo as the file's boxes say; the EXIF orientation only repeats that.
"""

import io
from functools import partial

import pillow_heif
from PIL import Image, ImageOps, features

from skin_app.photo.formats import boxes, exif
from skin_app.photo.formats.coded_items import has_zeroed_pixels
from skin_app.photo.formats.opened import Decoded, Opened, PhotoError, damaged, eight_bit
from skin_app.photo.made_profile import coded_profile


def opened_heic(data: bytes) -> Opened:
    """Size in pixels from the header, without decoding; depth, gain maps and thumbnails are ignored.

    Raises `PhotoError`, or one of `read.FAULTS` for a file that is cut off.
    """
    if boxes.has_movie(data):
        raise PhotoError("This file holds a series of pictures: save the one that you mean on its own.")
    pictures = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    _single(len(pictures))
    return Opened(*pictures.size, partial(_decoded_heic, data, pictures[0]))


def opened_avif(data: bytes) -> Opened:
    """Size in pixels from the header, without decoding.

    Raises `PhotoError`, or one of `read.FAULTS` for a file that is cut off.
    """
    if not features.check("avif"):
        raise PhotoError("AVIF cannot be read by this installation: export the photo as JPEG or PNG.")
    if boxes.has_movie(data):
        raise PhotoError("This file holds a series of pictures: save the one that you mean on its own.")
    image = Image.open(io.BytesIO(data), formats=["AVIF"])
    return Opened(*image.size, partial(_decoded_avif, data, image))


def _single(count: int) -> None:
    if count == 0:
        raise damaged()
    if count > 1:
        raise PhotoError(
            "This file holds {count} pictures: save the one that you mean on its own.", count=count
        )


def _decoded_heic(data: bytes, picture: pillow_heif.HeifImage) -> Decoded:
    image = picture.to_pillow()
    profile, coded = picture.info.get("icc_profile"), picture.info.get("nclx_profile")
    if profile is None and coded:
        profile = coded_profile(coded["color_primaries"], coded["transfer_characteristics"])
    if profile is None:
        profile = exif.profile_of(exif.read_exif(picture.info.get("exif") or b""))
    return Decoded(eight_bit(image), profile, has_zeroed_pixels(data))


def _decoded_avif(data: bytes, image: Image.Image) -> Decoded:
    image.load()
    profile = image.info.get("icc_profile")
    if profile is None and (codes := boxes.colour_codes(data)):
        profile = coded_profile(*codes)
    if profile is None:
        profile = exif.profile_of(image.getexif())
    upright = ImageOps.exif_transpose(image)
    return Decoded(eight_bit(upright), profile, has_zeroed_pixels(data))
