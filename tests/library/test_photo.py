"""What may come in as a photo, and what each kind of bad file is told."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from skin_app.photo.read import MAX_BYTES, PhotoError, read_photo
from tests.tiny import picture

PIXELS = picture(3, 200, 150)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def plain(mode: str = "RGB") -> Image.Image:
    return Image.fromarray(PIXELS).convert(mode)


def sixteen_bit() -> Image.Image:
    return Image.fromarray(np.asarray(plain("L")).astype(np.uint16) * 257)


def half_transparent() -> Image.Image:
    image = plain("RGBA")
    image.putalpha(128)
    return image


@pytest.mark.parametrize(
    ("data", "expected", "tolerance"),
    [
        (encoded(plain(), "JPEG", quality=95), PIXELS, 3),
        (encoded(plain(), "JPEG", quality=95, progressive=True), PIXELS, 3),
        (encoded(plain("L"), "JPEG", quality=95), plain("L").convert("RGB"), 2),
        (encoded(plain("CMYK"), "JPEG", quality=95), PIXELS, 4),
        (encoded(plain(), "PNG"), PIXELS, 0),
        (encoded(plain("P"), "PNG"), plain("P").convert("RGB"), 0),
        (encoded(plain("1"), "PNG"), plain("1").convert("RGB"), 0),
        (encoded(sixteen_bit(), "PNG"), plain("L").convert("RGB"), 0),
        (encoded(half_transparent(), "PNG"), PIXELS // 2 + 127, 1),
        (encoded(plain(), "WEBP", lossless=True), PIXELS, 0),
        (encoded(half_transparent(), "WEBP", lossless=True), PIXELS // 2 + 127, 1),
    ],
    ids=[
        "jpeg", "progressive", "grey jpeg", "cmyk", "png", "palette", "one bit", "16 bit",
        "transparent png", "webp", "transparent webp",
    ],
)  # fmt: skip
def test_every_usual_encoding_gives_the_same_rgb(
    data: bytes, expected: Image.Image | np.ndarray, tolerance: float
) -> None:
    photo = read_photo(data)
    difference = photo.pixels.astype(int) - np.asarray(expected).astype(int)
    assert photo.pixels.dtype == np.uint8
    assert (photo.width, photo.height) == (200, 150)
    assert np.abs(difference).mean() <= tolerance


def test_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    photo = read_photo(encoded(plain(), "JPEG", quality=95, exif=exif))
    turned = np.rot90(PIXELS, -1)
    assert photo.pixels.shape == turned.shape
    assert np.abs(photo.pixels.astype(int) - turned.astype(int)).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_a_webp_is_applied_as_pillow_does(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(plain(), "WEBP", lossless=True, exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        assert (read_photo(data).pixels == np.asarray(ImageOps.exif_transpose(image))).all()


def test_a_webp_with_damaged_exif_is_taken_as_stored() -> None:
    data = encoded(plain(), "WEBP", lossless=True, exif=b"Exif\0\0no such thing")
    assert (read_photo(data).pixels == PIXELS).all()


def test_a_second_png_header_does_not_pass_for_the_first() -> None:
    small = encoded(plain(), "PNG")
    header = b"IHDR" + struct.pack(">IIBBBBB", 13_000, 13_000, 8, 2, 0, 0, 0)
    second = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    with pytest.raises(PhotoError, match="damaged"):
        read_photo(small[:33] + second + small[33:])


JPEG, PNG = encoded(plain(), "JPEG"), encoded(plain(), "PNG")


def changed(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"dear doctor, this is a text file" * 9, "not a JPEG, PNG, WebP"),
        (JPEG[: len(JPEG) // 2], "damaged or cut off"),
        (JPEG[:60], "damaged or cut off"),
        (PNG[: len(PNG) // 2], "damaged or cut off"),
        (changed(PNG, len(PNG) // 2), "damaged or cut off"),
        (encoded(Image.new("1", (20_000, 20_000)), "PNG"), "20000 x 20000"),
        (encoded(plain().resize((20, 20)), "PNG"), "at least 64"),
        (encoded(plain(), "GIF", save_all=True, append_images=[plain("L")]), "GIF"),
        (encoded(plain(), "PNG", save_all=True, append_images=[plain().rotate(9)]), "animated"),
        (encoded(plain(), "WEBP", save_all=True, append_images=[plain().rotate(9)]), "animated"),
        (bytes(MAX_BYTES + 1), "MB"),
    ],
    ids=[
        "empty", "text", "cut jpeg", "jpeg header", "cut png", "changed png", "huge", "tiny", "gif",
        "animated png", "animated webp", "too many bytes",
    ],
)  # fmt: skip
def test_bad_files_get_one_sentence(data: bytes, words: str) -> None:
    with pytest.raises(PhotoError, match=words) as caught:
        read_photo(data)
    assert "\n" not in str(caught.value)


def test_no_random_damage_to_a_png_crashes_or_escapes() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        position = int(random.integers(8, len(PNG)))
        try:
            read_photo(changed(PNG, position))
        except PhotoError:
            continue


def test_a_missing_file_and_a_folder_are_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no such file"):
        read_photo(tmp_path / "nothing.jpg")
    with pytest.raises(PhotoError, match="cannot be read"):
        read_photo(tmp_path)
