"""What a file is goes by its content: names and suffixes are not even asked."""

import struct

import pytest
from PIL import Image

from skin_app.photo.file_type import HEAD_BYTES, PICTURES, type_of
from skin_app.photo.read import FORMATS, PhotoError, read_photo
from skin_app.words.photo import REFUSED
from tests.made_files import saved

IMAGE = Image.new("RGB", (80, 70), "tan")


def boxes(*brands: bytes) -> bytes:
    names = brands[0] + bytes(4) + b"".join(brands[1:])
    return struct.pack(">I4s", 8 + len(names), b"ftyp") + names + b"\0\0\0\x10meta" + bytes(8)


def tiff(*tags: tuple[int, int]) -> bytes:
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (saved(IMAGE, "JPEG"), "JPEG"),
        (saved(IMAGE, "PNG"), "PNG"),
        (saved(IMAGE, "WEBP"), "WebP"),
        (saved(IMAGE, "TIFF"), "TIFF"),
        (saved(IMAGE, "BMP"), "BMP"),
        (saved(IMAGE, "GIF"), "GIF"),
        (saved(IMAGE, "JPEG2000"), "JPEG 2000"),
        (saved(IMAGE, "JPEG2000", no_jp2=True), "JPEG 2000"),
        (saved(IMAGE, "AVIF"), "AVIF"),
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
        (b"\xff\x0a" + bytes(90), "JPEG XL"),
        (b"%PDF-1.7\n", "PDF"),
        (b"8BPS\0\1", "layers"),
        (b"PK\x03\x04\x14\0", "archive"),
        (b'<?xml version="1.0"?>\n<svg width="9">', "SVG"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><html><svg>", "HTML"),
        (b"\0\5\x16\7" + bytes(90), "AppleDouble"),
    ],
)
def test_a_file_is_known_by_its_first_bytes_and_read_or_refused_by_name(data: bytes, kind: str) -> None:
    assert type_of(data[:HEAD_BYTES]) == kind
    assert (kind in FORMATS) != (kind in REFUSED)
    if kind in REFUSED:
        with pytest.raises(PhotoError) as caught:
            read_photo(data)
        assert caught.value.sentence == REFUSED[kind]
        assert ": " in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [b"", b"B", b"BMW drives on", b"not a photo\n", bytes(400), b"RIFF\0\1\0\0WAVE", b"II", b"<3"],
)
def test_what_is_not_known_has_no_kind(data: bytes) -> None:
    assert type_of(data) is None


def test_every_kind_of_picture_is_read_or_refused_by_name() -> None:
    assert FORMATS.keys() < PICTURES
    assert PICTURES - FORMATS.keys() <= REFUSED.keys()
    assert not {"PDF", "video", "HTML", "archive", "AppleDouble"} & PICTURES
