"""Photos straight from phones, microscopes and scanners; and what each other kind of file is told."""

import io
import struct
from pathlib import Path
from typing import Literal

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from skin_app.photo import limits
from skin_app.photo.colour_profile import ADOBE_RGB
from skin_app.photo.formats import Opened
from skin_app.photo.limits import MAX_BYTES
from skin_app.photo.read import FORMATS, PhotoError, read_photo
from tests.made_files import bmp, jpeg_with, png_with, saved, tiff, tiff_followed
from tests.tiny import picture

PIXELS = picture(3, 120, 90)
IMAGE = Image.fromarray(PIXELS)
GREY = np.asarray(IMAGE.convert("L"))[..., None]
WIDE = PIXELS.astype(np.uint16) * 257
WIDE_GREY = GREY.astype(np.uint16) * 257
OPACITY = np.full((90, 120, 1), 128, np.uint8)
HALF = np.concatenate([PIXELS, OPACITY], axis=2)
SEEN_THROUGH = Image.fromarray(HALF)
PREMULTIPLIED = np.concatenate([PIXELS // 2, OPACITY], axis=2)
ON_WHITE = PIXELS // 2 + 127
THREE = GREY.repeat(3, axis=2)
ORDERS: tuple[Literal["<", ">"], ...] = ("<", ">")
PALETTED = IMAGE.convert("P", palette=Image.Palette.ADAPTIVE)
ONE_BIT = IMAGE.convert("1")
DEFLATE = (8,)


def ten_bits() -> bytes:
    file = io.BytesIO()
    wide = pillow_heif.from_bytes(mode="RGB;16", size=IMAGE.size, data=WIDE.tobytes())
    wide.save(file, quality=90)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "expected", "tolerance"),
    [
        *((saved(IMAGE, "JPEG", quality=95, progressive=p), PIXELS, 3) for p in (False, True)),
        (saved(IMAGE.convert("L"), "JPEG", quality=95), THREE, 2),
        (saved(IMAGE, "PNG"), PIXELS, 0),
        (saved(PALETTED, "PNG"), PALETTED.convert("RGB"), 0),
        (saved(ONE_BIT, "PNG"), ONE_BIT.convert("RGB"), 0),
        (saved(Image.fromarray(WIDE_GREY[..., 0]), "PNG"), THREE, 0),
        (saved(SEEN_THROUGH, "PNG"), ON_WHITE, 1),
        (saved(IMAGE, "WEBP", lossless=True), PIXELS, 0),
        (saved(IMAGE, "WEBP", lossless=True, exif=b"Exif\0\0no such thing"), PIXELS, 0),
        (saved(SEEN_THROUGH, "WEBP", lossless=True), ON_WHITE, 1),
        (saved(IMAGE, "HEIC", quality=90), PIXELS, 4),
        (saved(IMAGE, "HEIC", quality=90, tile_size=64), PIXELS, 4),
        (saved(SEEN_THROUGH, "HEIC", quality=90), ON_WHITE, 3),
        (saved(IMAGE.convert("L"), "HEIC", quality=90), THREE, 3),
        (ten_bits(), PIXELS, 4),
        (saved(IMAGE, "AVIF", quality=90), PIXELS, 3),
        (saved(SEEN_THROUGH, "AVIF", quality=90), ON_WHITE, 3),
        (saved(IMAGE, "BMP"), PIXELS, 0),
        (saved(PALETTED, "BMP"), PALETTED.convert("RGB"), 0),
        (saved(IMAGE.convert("L"), "BMP"), THREE, 0),
        (bmp(HALF, 0, bits=32), ON_WHITE, 1),
        (bmp(np.concatenate([PIXELS, 0 * OPACITY], axis=2), 0, bits=32), PIXELS, 0),
        *((saved(IMAGE, "TIFF", compression=c), PIXELS, 0) for c in ("raw", "tiff_lzw", "packbits")),
        (saved(IMAGE, "TIFF", compression="tiff_lzw", tiffinfo={317: 2}), PIXELS, 0),
        (saved(PALETTED, "TIFF"), PALETTED.convert("RGB"), 0),
        (saved(ONE_BIT, "TIFF"), ONE_BIT.convert("RGB"), 0),
        (saved(SEEN_THROUGH, "TIFF"), ON_WHITE, 1),
        *((tiff(PIXELS, 2, order), PIXELS, 0) for order in ORDERS),
        *((tiff(WIDE, 2, order), PIXELS, 0) for order in ORDERS),
        *((tiff(WIDE_GREY, 1, order), THREE, 0) for order in ORDERS),
        *((tiff(WIDE, 2, order, compression=DEFLATE), PIXELS, 0) for order in ORDERS),
        *((tiff(WIDE_GREY, 1, order, compression=DEFLATE), THREE, 0) for order in ORDERS),
        (tiff(255 - GREY, 0), THREE, 0),
        (tiff(65535 - WIDE_GREY, 0), THREE, 0),
        (tiff(65535 - WIDE_GREY, 0, compression=DEFLATE), THREE, 0),
        (tiff(PIXELS, 2, planes=(2,)), PIXELS, 0),
        (tiff(PIXELS, 2, planes=(2,), compression=DEFLATE), PIXELS, 0),
        (tiff(PIXELS, 2, tile=32), PIXELS, 0),
        (tiff(PIXELS, 2, tile=32, compression=DEFLATE), PIXELS, 0),
        (tiff(GREY, 1, tile=48), THREE, 0),
        (tiff(WIDE, 2, tile=32), PIXELS, 0),
        (tiff(WIDE_GREY, 1, ">", tile=32), THREE, 0),
        (tiff(HALF, 2, extra=(2,)), ON_WHITE, 1),
        (tiff(HALF, 2, extra=(0,)), PIXELS, 0),
        (tiff(PREMULTIPLIED, 2, extra=(1,)), ON_WHITE, 2),
        (tiff_followed(tiff(PIXELS, 2), subfile=1), PIXELS, 0),  # a preview
    ],
)
def test_every_way_to_store_a_photo_gives_the_same_pixels(
    data: bytes, expected: np.ndarray | Image.Image, tolerance: float
) -> None:
    photo = read_photo(data)
    assert (photo.width, photo.height) == (120, 90)
    assert photo.pixels.dtype == np.uint8
    assert not photo.unknown_profile
    assert np.abs(photo.pixels.astype(int) - np.asarray(expected).astype(int)).mean() <= tolerance


def test_inks_without_a_profile_are_read_and_their_colours_called_unknown() -> None:
    photo = read_photo(saved(IMAGE.convert("CMYK"), "JPEG", quality=95))
    assert photo.unknown_profile
    assert np.abs(photo.pixels.astype(int) - PIXELS.astype(int)).mean() <= 4


TURNS = {
    1: PIXELS, 2: PIXELS[:, ::-1], 3: PIXELS[::-1, ::-1], 4: PIXELS[::-1], 5: PIXELS.swapaxes(0, 1),
    6: np.rot90(PIXELS, -1), 7: PIXELS[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(PIXELS),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIC", "AVIF", "TIFF", "TIFF Deflate"])
@pytest.mark.parametrize("orientation", TURNS)
def test_a_photo_is_turned_once(kind: str, orientation: int) -> None:
    """Phones state the turn twice in a HEIC or AVIF: in a box of the file, and again in EXIF."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind.startswith("TIFF"):
        compression = DEFLATE if kind != "TIFF" else (1,)
        data = tiff(PIXELS, 2, orientation=(orientation,), compression=compression)
    else:
        data = saved(IMAGE, kind, exif=exif.tobytes(), quality=90)
    pixels, expected = read_photo(data).pixels, TURNS[orientation]
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected.astype(int)).mean() < 4


def patched(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new, 1)


def several(kind: str) -> bytes:
    return saved(IMAGE, kind, save_all=True, append_images=[IMAGE.rotate(9), IMAGE.rotate(18)])


def burst() -> bytes:
    file = io.BytesIO()
    pictures = pillow_heif.from_pillow(IMAGE)
    pictures.add_from_pillow(IMAGE.rotate(9))
    pictures.save(file)
    return file.getvalue()


JPEG, PNG, BMP = (saved(IMAGE, kind) for kind in ("JPEG", "PNG", "BMP"))
SECOND_HEADER = struct.pack(">IIBBBBB", 13_000, 13_000, 8, 2, 0, 0, 0)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (bytes(MAX_BYTES + 1), "MB"),
        (saved(Image.new("1", (20_000, 20_000)), "PNG"), "20000 x 20000"),
        (b"dear doctor, this is a text file" * 9, "not a JPEG, PNG, WebP"),
        (JPEG[: len(JPEG) // 2], "damaged or cut off"),
        (JPEG[:60], "damaged or cut off"),
        (jpeg_with(JPEG, *10_000 * [(0xE1, b"")]), "damaged or cut off"),
        (PNG[: len(PNG) // 2], "damaged or cut off"),
        (PNG[:-99] + bytes(9) + PNG[-90:], "damaged or cut off"),
        (png_with(PNG, b"IHDR", SECOND_HEADER), "damaged or cut off"),
        (saved(IMAGE, "PNG", icc_profile=ADOBE_RGB)[:-900], "damaged or cut off"),
        (several("PNG"), "PNG is animated"),
        (several("WEBP"), "WebP is animated"),
        (several("TIFF"), "several pages"),
        (tiff_followed(tiff(PIXELS, 2), subfile=0), "several pages"),
        (burst(), "holds 2 pictures"),
        (several("AVIF"), "series of pictures"),
        (saved(IMAGE, "TIFF", compression="jpeg"), "holds JPEG data"),
        (saved(ONE_BIT, "TIFF", compression="group4"), "compressed in a way"),
        (saved(IMAGE, "TIFF", big_tiff=True), "BigTIFF"),
        *(
            (saved(IMAGE.convert(mode), "TIFF"), "stored in a way")
            for mode in ("CMYK", "LAB", "YCbCr", "F")
        ),
        (tiff(WIDE, 2, planes=(2,)), "stored in a way"),
        (BMP[:30] + b"\x04\0\0\0" + BMP[34:], "holds a JPEG or PNG"),
        (BMP[:30] + b"\x01\0\0\0" + BMP[34:], "BMP is stored in a way"),
        (patched(JPEG, b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c"), "12 bits"),
        (patched(JPEG, b"\xff\xc0", b"\xff\xc3"), "lossless or rare"),
        (patched(JPEG, b"\xff\xc0", b"\xff\xf7"), "lossless or rare"),
    ],
)
def test_what_is_not_read_is_named_with_what_to_do(data: bytes, words: str) -> None:
    with pytest.raises(PhotoError, match=words) as caught:
        read_photo(data)
    assert ": " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no such file"):
        read_photo(tmp_path / "nothing.jpg")
    with pytest.raises(PhotoError, match="cannot be read"):
        read_photo(tmp_path)


def test_avif_without_its_reader_is_not_called_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.features.check", lambda feature: feature != "avif")
    with pytest.raises(PhotoError, match="cannot be read by this installation"):
        read_photo(saved(IMAGE, "AVIF"))


@pytest.fixture
def opened_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails where pixels are decoded."""

    def opened(data: bytes, kind: str) -> Opened:
        return formats[kind](data)._replace(decode=lambda: pytest.fail("decoded"))

    formats = dict(FORMATS)
    for kind in formats:
        monkeypatch.setitem(FORMATS, kind, lambda data, kind=kind: opened(data, kind))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIC", "AVIF", "TIFF", "BMP"])
@pytest.mark.usefixtures("opened_only")
def test_limits_hold_before_pixels_are_decoded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PhotoError, match="only 70 x 60 pixels: use one of at least 64 a side"):
        read_photo(saved(IMAGE.resize((70, 60)), kind))
    monkeypatch.setattr(limits, "MAX_PIXELS", 10_000)
    with pytest.raises(PhotoError, match="is 120 x 90 pixels, more than"):
        read_photo(saved(IMAGE, kind))


SCANS = {
    "of one component": b"\xff\xda\0\x08\x01\x01\0\x3f\x10\x7f",
    "of four": b"\xff\xda\0\x0e\x04\x01\0\x02\0\x03\0\x04\0\0\0\x10\x7f",
    "after bytes that no segment begins with": b"\xff\0junk\xff\xff\xda\0\x08\x01\x01\0\x3f\x10\x7f",
}


@pytest.mark.parametrize("scan", SCANS.values(), ids=SCANS)
@pytest.mark.usefixtures("opened_only")
def test_a_jpeg_of_countless_scans_is_refused_before_any_is_decoded(scan: bytes) -> None:
    """Each of a few bytes, and each is decoded over the whole picture."""
    with pytest.raises(PhotoError, match="stored in an unusual way"):
        read_photo(JPEG[:-2] + 100 * scan + JPEG[-2:])


def test_the_first_picture_of_a_jpeg_of_several_is_read() -> None:
    """As phones store a gain map, a second view or a film behind the photo."""
    behind = saved(IMAGE.rotate(180).resize((60, 45)), "JPEG")
    film = np.random.default_rng(0).bytes(1000) + b"\xff\xda" * 300
    for following in (behind + bytes(99), 30 * behind, film):
        assert (read_photo(JPEG + following).pixels == read_photo(JPEG).pixels).all()


SMALL = Image.fromarray(picture(4, 80, 70))
EXIF = Image.Exif()
EXIF[0x0112] = 6
ACCEPTED = {
    "jpeg": saved(SMALL, "JPEG", icc_profile=ADOBE_RGB, exif=EXIF),
    "cmyk jpeg": saved(SMALL.convert("CMYK"), "JPEG"),
    "png": saved(SMALL, "PNG", icc_profile=ADOBE_RGB),
    "webp": saved(SMALL, "WEBP", icc_profile=ADOBE_RGB, exif=EXIF),
    "heic": saved(SMALL, "HEIC", icc_profile=ADOBE_RGB, exif=EXIF.tobytes(), quality=50),
    "avif": saved(SMALL, "AVIF", icc_profile=ADOBE_RGB, exif=EXIF.tobytes()),
    "bmp": saved(SMALL, "BMP"),
    "tiff": saved(SMALL, "TIFF", icc_profile=ADOBE_RGB, exif=EXIF),
    "tiff lzw": saved(SMALL, "TIFF", compression="tiff_lzw", icc_profile=ADOBE_RGB),
    "tiff deflate": saved(SMALL, "TIFF", compression="tiff_adobe_deflate"),
}


@pytest.mark.parametrize("name", ACCEPTED)
@pytest.mark.filterwarnings("ignore")
def test_one_wrong_byte_gives_a_photo_or_a_sentence(name: str) -> None:
    """More often in the first 1,200 bytes, where headers, tags and profiles are."""
    whole, random = ACCEPTED[name], np.random.default_rng(17)
    for _ in range(200):
        end = min(len(whole), 1200) if random.random() < 0.6 else len(whole)
        position, flipped = int(random.integers(end)), int(random.integers(1, 256))
        damaged = whole[:position] + bytes([whole[position] ^ flipped]) + whole[position + 1 :]
        try:
            assert read_photo(damaged).pixels.shape[2] == 3
        except PhotoError:
            continue
