"""PNG, decoded by Pillow's PNG reader alone.

torchvision's reader (0.29) crashes the process with a segmentation fault on a PNG with one wrong byte.
Pillow's open flaw is only in its JPEG reader.
"""

import io
import struct
import zlib
from functools import partial

from PIL import Image

from skin_app.photo.colour_profile import MAX_PROFILE, SRGB, coded_profile, measured_profile
from skin_app.photo.formats import Decoded, Opened, PhotoError, damage_error, eight_bit
from skin_app.photo.formats.exif import profile_of, upright

UNIT = 100_000  # cHRM and gAMA store whole numbers, 1 / `UNIT` each
Chunks = dict[bytes, tuple[int, int]]  # name -> where its content begins and ends


def open_png(data: bytes) -> Opened:
    """Of 1 to 16 bits, with or without a palette; not animated."""
    width, height = struct.unpack_from(">II", data, 16)
    chunks = _chunks(data)
    if b"acTL" in chunks:
        raise PhotoError("This PNG is animated: save the one frame that you mean on its own.")
    return Opened(width, height, partial(_decoded, data, chunks, (width, height)))


def _chunks(data: bytes) -> Chunks:
    """The first chunk of each name, up to the first pixel data."""
    position, found = 8, {}
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if name == b"IDAT":
            break
        found.setdefault(name, (position + 8, min(position + 8 + length, len(data))))
        position += 12 + length
    return found


def _decoded(data: bytes, chunks: Chunks, size: tuple[int, int]) -> Decoded:
    without = data
    if b"iCCP" in chunks:  # Pillow refuses the whole photo when this is large or broken
        start, end = chunks[b"iCCP"]
        without = data[: start - 8] + data[end + 4 :]
    with Image.open(io.BytesIO(without), formats=["PNG"]) as image:
        if image.size != size:  # a second header may be larger than the one that was checked
            raise damage_error()
        image.load()
        stated, pixels = image.getexif(), eight_bit(image)
    profile = _profile({name: data[start:end] for name, (start, end) in chunks.items()})
    return Decoded(upright(pixels, stated), profile_of(stated) if profile is None else profile)


def _profile(chunks: dict[bytes, bytes]) -> bytes | None:
    """The profile from the first of cICP, iCCP, sRGB, and cHRM with gAMA, the standard's order."""
    if len(coded := chunks.get(b"cICP", b"")) == 4:
        profile = coded_profile(coded[0], coded[1])
        if profile != b"" or b"iCCP" not in chunks:
            return profile
    if b"iCCP" in chunks:
        return _inflated(chunks[b"iCCP"])
    if b"sRGB" in chunks or not {b"cHRM", b"gAMA"} & set(chunks):
        return None
    return _measured(chunks.get(b"cHRM"), chunks.get(b"gAMA"))


def _inflated(chunk: bytes) -> bytes:
    """Decompress an iCCP chunk: name, zero byte, method 0, compressed profile; b"" if broken."""
    packed = chunk[chunk.find(b"\0") + 2 :]
    try:
        return zlib.decompressobj().decompress(packed, MAX_PROFILE + 1)
    except zlib.error:
        return b""


def _measured(points: bytes | None, gamma: bytes | None) -> bytes | None:
    try:
        exponent = UNIT / struct.unpack(">I", gamma)[0] if gamma else 2.2
        if points is None:
            return measured_profile(SRGB, exponent)
        white, red, green, blue = struct.iter_unpack(">II", points)
    except (struct.error, ValueError, ZeroDivisionError):
        return b""
    scaled = [(x / UNIT, y / UNIT) for x, y in (red, green, blue, white)]
    return measured_profile((scaled[0], scaled[1], scaled[2], scaled[3]), exponent)
