"""The sound files that fuzzing starts from: each accepted format in its variants, and other types.

Made at run time from a drawing of a lesion; no photo of a patient is among them.
"""

import io
import struct
import tarfile
import zipfile
from functools import cache

import numpy as np
import pillow_heif
import simplejpeg
from PIL import Image, ImageCms

from skin_app.photo.colour_profile import ADOBE_RGB
from skin_app.words.photo import REFUSED
from tests.made_files import bmp, jpeg_with, png_with, saved, tiff, tiff_followed
from train.data.drawings import draw_lesion

SIDES = (72, 96)  # height, width: small, so that many are decoded


@cache
def photo_seeds() -> dict[str, tuple[bytes, ...]]:
    """Format, as in `read.FORMATS` -> sound files, each of which `read_photo` accepts."""
    pixels = draw_lesion(3, "network", *SIDES)
    colour = Image.fromarray(pixels)
    opaque = Image.fromarray(np.dstack([pixels, np.full(SIDES, 128, np.uint8)]))
    grey, inks = colour.convert("L"), colour.convert("CMYK")
    palette = colour.convert("P", palette=Image.Palette.ADAPTIVE)
    samples, wide = np.asarray(grey)[..., None], pixels.astype(np.uint16) * 257
    exif = _exif()
    stated = {"exif": exif, "icc_profile": ADOBE_RGB}
    ink_profile = _ink_profile()
    progressive = saved(colour, "JPEG", progressive=True, **stated)
    png, webp = saved(colour, "PNG"), saved(colour, "WEBP", **stated)
    return {
        "JPEG": (
            saved(colour, "JPEG", quality=90),
            progressive,
            saved(colour, "JPEG", restart_marker_rows=1, subsampling=0),
            saved(grey, "JPEG", progressive=True),
            jpeg_with(saved(inks, "JPEG"), (0xE2, b"ICC_PROFILE\0\1\1" + ink_profile)),
            saved(inks, "JPEG"),
            saved(colour, "JPEG", keep_rgb=True, exif=exif),
            simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), colorsubsampling="411"),
            jpeg_with(saved(colour, "JPEG"), (0xE1, exif)) + progressive,
        ),
        "PNG": (
            *(saved(image, "PNG") for image in (colour, opaque, grey, palette, colour.convert("1"))),
            saved(colour, "PNG", **stated),
            saved(Image.fromarray(wide[..., 0]), "PNG"),
            saved(palette, "PNG", transparency=3),
            png_with(
                png_with(png, b"cHRM", struct.pack(">8I", *(31270, 32900, 64000, 33000) * 2)),
                *(b"gAMA", struct.pack(">I", 45455)),
            ),
            png_with(png, b"cICP", bytes((12, 13, 0, 1))),
        ),
        "WebP": (
            *(
                saved(image, "WEBP", lossless=lossless)
                for image in (colour, opaque)
                for lossless in (0, 1)
            ),
            webp,
            saved(opaque, "WEBP", quality=50, **stated),
            saved(colour, "WEBP", lossless=True, **stated),
        ),
        "HEIC": (
            *(saved(image, "HEIC", quality=60) for image in (colour, opaque, grey)),
            saved(colour, "HEIC", tile_size=64),
            saved(colour, "HEIC", **stated),
            _ten_bits(wide),
        ),
        "AVIF": (
            *(saved(image, "AVIF", quality=60, speed=9) for image in (colour, opaque, grey)),
            saved(colour, "AVIF", speed=9, **stated),
            saved(colour, "AVIF", speed=9, subsampling="4:4:4", range="limited"),
        ),
        "TIFF": (
            *(saved(colour, "TIFF", compression=name) for name in ("raw", "tiff_lzw", "packbits")),
            saved(colour, "TIFF", compression="tiff_adobe_deflate", tiffinfo={317: 2}),
            saved(colour, "TIFF", icc_profile=ADOBE_RGB),
            *(saved(image, "TIFF") for image in (palette, opaque, colour.convert("1"))),
            tiff(wide, 2, ">", compression=(8,)),
            tiff(pixels, 2, planes=(2,), compression=(8,)),
            tiff(pixels, 2, tile=32, compression=(8,)),
            tiff(pixels, 2, tile=32, orientation=(6,)),
            tiff(255 - samples, 0),
            tiff_followed(tiff(pixels, 2), subfile=1),
        ),
        "BMP": (
            *(saved(image, "BMP") for image in (colour, grey, palette, colour.convert("1"))),
            bmp(np.dstack([pixels, np.full(SIDES, 128, np.uint8)]), 0, bits=32),
            bmp(pixels, 0x4D424544, profile=ADOBE_RGB),
            bmp(pixels, 0, struct.pack("<9i3I", *(640, 330, 30, 300, 600, 100, 150, 60, 790), 0, 0, 0)),
        ),
    }


@cache
def other_seeds() -> tuple[bytes, ...]:
    """Files of types that are refused, each by its own sentence, and of unknown types."""
    colour = Image.fromarray(draw_lesion(3, "network", *SIDES))
    packed, tape = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("photo.jpg", saved(colour, "JPEG"))
    with tarfile.open(fileobj=tape, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("photo.jpg"))
    body = saved(colour, "JPEG")
    return (
        saved(colour, "GIF"),
        saved(colour, "GIF", save_all=True, append_images=[colour.rotate(90)]),
        saved(colour, "PDF"),
        saved(colour, "JPEG2000"),
        b"\0\0\0\x0cJXL \r\n\x87\n" + body,
        b"II\xbc\x01" + body,
        b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="96" height="72"/>',
        b"<!doctype html><html><body><svg></svg></body></html>",
        b"8BPS\0\1" + struct.pack(">6xHIIHH", 3, *SIDES, 8, 3) + body,
        b"gimp xcf v011\0" + body,
        bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, 200) + body,
        struct.pack("<HH2sHI", 8, 5, b"CS", 10, 0) + body,
        packed.getvalue(),
        tape.getvalue(),
        b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41\0\0\0\x08free\0\0\0\x08mdat" + body,
        b"FUJIFILMCCD-RAW 0201" + body,
        b"\0\x05\x16\x07\0\2\0\0Mac OS X        " + body,
        b"RIFF\x24\0\0\0WAVEfmt " + bytes(28),
        b"not a photo, called .jpg\n" * 40,
        b"\xef\xbb\xbf<svg onload='x'>",
        b"\x7fELF\2\1\1" + bytes(60),
        saved(colour, "PPM"),
        saved(colour, "ICO"),
        saved(colour, "TGA"),
        saved(colour, "PNG", save_all=True, append_images=[colour.rotate(90)]),
        saved(colour, "WEBP", save_all=True, append_images=[colour.rotate(90)]),
        saved(colour, "TIFF", compression="jpeg"),
        saved(colour, "TIFF", save_all=True, append_images=[colour]),
        *(text.encode() for text in REFUSED.values()),
    )


@cache
def exif_seeds() -> tuple[bytes, ...]:
    """EXIF blocks, with and without their prefix."""
    return _exif(), _exif()[6:], _exif(big=True), _exif(65535, "R03"), _exif(65535, "R03")[6:]


@cache
def profile_seeds() -> tuple[bytes, ...]:
    """ICC profiles: matrices, curves, tables, grey and inks."""
    made = (ImageCms.createProfile(kind) for kind in ("sRGB", "LAB", "XYZ"))
    profiles = [ImageCms.ImageCmsProfile(profile).tobytes() for profile in made]
    return (ADOBE_RGB, *profiles, _ink_profile(), _grey_profile())


def _exif(space: int = 2, index: str = "R98", big: bool = False) -> bytes:
    stated = Image.Exif()
    stated.endian = ">" if big else "<"
    stated[0x0112] = 6
    stated[0x010F] = "a camera with a long name"
    stated[0x8769] = {0xA001: space, 0x9003: "2026:11:01 10:00:00", 0xA005: {1: index}}
    stated[0x8825] = {1: "N", 2: (51.0, 30.0, 0.0)}
    return stated.tobytes()


def _ink_profile() -> bytes:
    """A small CMYK profile with one table: 2 points an axis, as ICC.1:2022, 10.10."""
    table = bytes((255, 128, 128)) + bytes((128, 128, 128)) * 14 + bytes((0, 128, 128))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + struct.pack(">9i", *(65536, 0, 0, 0) * 2, 65536)
    lut += bytes(range(256)) * 4 + table + bytes(range(256)) * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", [(b"A2B0", lut), (b"A2B1", lut)])


def _grey_profile() -> bytes:
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, 0x0233, 0)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    return _profile(b"mntr", b"GRAY", b"XYZ ", [(b"wtpt", white), (b"kTRC", curve)])


def _profile(device: bytes, space: bytes, between: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    start, table, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags:
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data
    head = struct.pack(
        ">I4sI4s4s4s12x4s", start + len(body), b"", 0x02400000, device, space, between, b"acsp"
    )
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _ten_bits(wide: np.ndarray) -> bytes:
    file = io.BytesIO()
    height, width, _ = wide.shape
    pillow_heif.from_bytes(mode="RGB;16", size=(width, height), data=wide.tobytes()).save(
        file, quality=60
    )
    return file.getvalue()
