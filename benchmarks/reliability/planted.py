"""Photos with planted content: whatever of them is found elsewhere came from them.

Each photo carries random bytes in every place that a camera writes to, coordinates as numbers and as
text, a name that occurs nowhere else, and pixels whose compressed bytes are its own.
"""

import os
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from random import Random
from struct import pack

import numpy as np
import pillow_heif
from PIL import Image, PngImagePlugin

WIDTH, HEIGHT, STRIP = 640, 480, 48
MARK = 32  # bytes
GPS, MAKER_NOTE, EXIF = 34853, 37500, 34665
# kinds of marks
NAME, METADATA, PLACE, PIXELS = "file name", "metadata", "coordinates", "compressed pixels"


@dataclass(frozen=True)
class Planted:
    """A photo and what to look for: (kind, bytes)."""

    name: str
    data: bytes
    marks: tuple[tuple[str, bytes], ...]


def planted(ending: str, seed: int | None = None) -> Planted:
    """A fresh photo. `ending`: "jpg", "png" or "heic"."""
    random = Random(int.from_bytes(os.urandom(16), "big") if seed is None else seed)
    # no zero byte and no 0xFF: nothing that a format would escape or end at
    comment, note, text = (bytes(random.choices(range(1, 255), k=MARK)) for _ in range(3))
    word = random.randbytes(MARK // 2).hex()
    name = f"patient-{random.randbytes(8).hex()}.{ending}"
    north, east = random.randrange(10**12), random.randrange(10**12)
    said = f"{53 + north / 10**12:.11f}, {9 + east / 10**12:.11f}"
    exif, numbers = _exif(note, north, east, said)
    image = _image(random)
    file = BytesIO()
    marks = [(NAME, name.partition(".")[0].encode()), (METADATA, note), (PLACE, said.encode())]
    if ending == "jpg":
        image.save(file, "JPEG", quality=92, exif=exif, comment=comment)
        marks += [(METADATA, comment)]
    elif ending == "png":
        told = PngImagePlugin.PngInfo()
        told.add_text("Comment", word)
        told.add_itxt("Description", text.decode("latin-1"))
        image.save(file, "PNG", exif=exif, pnginfo=told)
        marks += [(METADATA, word.encode()), (METADATA, text.decode("latin-1").encode())]
    else:
        pillow_heif.from_pillow(image).save(file, exif=exif.tobytes(), quality=90)
    data = file.getvalue()
    middle = len(data) * (3 if ending == "jpg" else 2) // 4
    marks += [(PLACE, own) for own in numbers if own in data]
    marks += [(PIXELS, data[middle : middle + MARK])]
    missing = [kind for kind, mark in marks if kind != NAME and mark not in data]
    if missing:
        raise RuntimeError(f"not planted in {ending}: {', '.join(missing)}")
    return Planted(name, data, tuple(marks))


def _image(random: Random) -> Image.Image:
    """A brown spot on skin; below it a strip of noise, which compresses to bytes of its own."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    inside = np.hypot((x - WIDTH / 2) / 150, (y - HEIGHT / 2) / 110) < 1
    pixels = np.where(inside[..., None], (120, 70, 50), (220, 180, 160)).astype(np.uint8)
    noise = np.frombuffer(random.randbytes(STRIP * WIDTH * 3), np.uint8)
    pixels[-STRIP:] = noise.reshape(STRIP, WIDTH, 3)
    return Image.fromarray(pixels)


def _exif(note: bytes, north: int, east: int, said: str) -> tuple[Image.Exif, tuple[bytes, ...]]:
    """EXIF with a maker note and coordinates, and how the numbers can be stored."""
    seconds = [Fraction(number % 59_999_999, 1_000_003) for number in (north, east)]
    exif = Image.Exif()
    exif[0x010E] = f"taken at {said}"
    exif.get_ifd(EXIF)[MAKER_NOTE] = note
    exif.get_ifd(GPS).update(
        {1: "N", 2: (53, 33, float(seconds[0])), 3: "E", 4: (9, 59, float(seconds[1]))}
    )
    again = Image.Exif()
    again.load(exif.tobytes())
    stored = [again.get_ifd(GPS)[tag] for tag in (2, 4)]
    return exif, tuple(
        b"".join(pack(f"{order}II", one.numerator, one.denominator) for one in three)
        for three in stored
        for order in "<>"
    )


def forms(mark: bytes) -> Iterator[bytes]:
    """The bytes as they are, in hexadecimal, and within base64 at each of its three alignments."""
    yield mark
    yield mark.hex().encode()
    for before in range(3):
        coded = b64encode(bytes(before) + mark + bytes(3))
        # the first and the last letters depend on what stands beside the mark
        yield coded[-(-8 * before // 6) : 8 * (before + len(mark)) // 6]
