"""What a file is goes by its content: names and suffixes are not even asked."""

import io
import struct

import pytest
from PIL import Image

from skin_app.photo.file_type import HEAD_BYTES, PICTURES, READ, type_of
from skin_app.photo.read import FORMATS
from skin_app.words.photo import REFUSED

IMAGE = Image.new("RGB", (80, 70), "tan")


def saved(kind: str) -> bytes:
    file = io.BytesIO()
    IMAGE.save(file, kind)
    return file.getvalue()


def boxes(*brands: bytes) -> bytes:
    names = brands[0] + bytes(4) + b"".join(brands[1:])
    return struct.pack(">I4s", 8 + len(names), b"ftyp") + names + b"\0\0\0\x10meta" + bytes(8)


def tiff(*tags: tuple[int, int]) -> bytes:
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (saved("JPEG"), "JPEG"),
        (saved("PNG"), "PNG"),
        (saved("WEBP"), "WebP"),
        (saved("TIFF"), "TIFF"),
        (saved("BMP"), "BMP"),
        (saved("GIF"), "GIF"),
        (saved("JPEG2000"), "JPEG 2000"),
        (saved("AVIF"), "AVIF"),
        (boxes(b"heic", b"mif1"), "HEIC"),
        (boxes(b"mif1", b"heic", b"miaf"), "HEIC"),
        (boxes(b"mif1", b"avif", b"miaf"), "AVIF"),
        (boxes(b"crx ", b"isom"), "raw"),
        (boxes(b"qt  "), "video"),
        (boxes(b"isom", b"avc1"), "video"),
        (b"RIFF\0\1\0\0AVI LIST", "video"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0", "video"),
        (tiff((50706, 0x401)), "raw"),
        (tiff((254, 1), (330, 90)), "raw"),
        (tiff((256, 80), (257, 70), (259, 1)), "TIFF"),
        (b"II*\0\x10\0\0\0CR\2\0", "raw"),
        (bytes(128) + b"DICM\2\0\0\0UL\4\0", "DICOM"),
        (b"\x08\0\x05\0CS\x0a\0ISO_IR 100", "DICOM"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"%PDF-1.7\n", "PDF"),
        (b"8BPS\0\1", "layers"),
        (b"PK\x03\x04\x14\0", "archive"),
        (b'<?xml version="1.0"?>\n<svg width="9">', "SVG"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><html><svg>", "HTML"),
        (b"\0\5\x16\7" + bytes(90), "AppleDouble"),
    ],
)
def test_a_file_is_known_by_its_first_bytes(data: bytes, kind: str) -> None:
    assert type_of(data[:HEAD_BYTES]) == kind


@pytest.mark.parametrize(
    "data",
    [b"", b"B", b"BMW drives on", b"not a photo\n", bytes(400), b"RIFF\0\1\0\0WAVE", b"II", b"<3"],
)
def test_what_is_not_known_has_no_kind(data: bytes) -> None:
    assert type_of(data) is None


def test_every_kind_of_picture_is_read_or_refused_by_name() -> None:
    assert set(READ) == FORMATS.keys()
    assert PICTURES - FORMATS.keys() <= REFUSED.keys()


def test_pictures_are_told_from_other_files() -> None:
    assert {"JPEG", "DICOM", "raw", "GIF"} <= PICTURES
    assert not {"PDF", "video", "HTML", "archive", "AppleDouble"} & PICTURES
