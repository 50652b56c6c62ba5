"""Repeated headers of EXIF, for which Pillow before 13 needs hours: found by a time-out."""

import numpy as np
import pytest
from PIL import Image

from skin_app.photo.read import read_photo
from tests.made_files import png_with, saved
from tests.tiny import picture

PIXELS = picture(0)
IMAGE = Image.fromarray(PIXELS)
TURNED = Image.Exif()
TURNED[0x0112] = 6
EXIF = b"Exif\0\0" * 500_000 + TURNED.tobytes()
TEXT = b"Raw profile type exif\0\nexif\n%8d\n%b" % (len(EXIF), EXIF.hex().encode())
FILES = {
    "PNG": lambda: png_with(saved(IMAGE, "PNG"), b"eXIf", EXIF),
    "PNG, as text": lambda: png_with(saved(IMAGE, "PNG"), b"tEXt", TEXT),
    "WebP": lambda: saved(IMAGE, "WEBP", exif=EXIF),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", FILES)
def test_half_a_million_headers_are_passed_over(kind: str) -> None:
    assert read_photo(FILES[kind]()).pixels.shape == np.rot90(PIXELS).shape  # what follows is read
