"""WebP, decoded by torchvision."""

import re
import struct
from collections.abc import Iterator
from functools import partial

import torch
from torchvision.io import ImageReadMode, decode_image

from skin_app.photo.formats import Decoded, Opened, PhotoError
from skin_app.photo.formats.exif import profile_of, read_exif, upright

ANIMATED = 0x02
PIXELS = (b"VP8 ", b"VP8L")
SECTOR = 512
# Length alone does not prove damage: intact pictures with flat parts had up to 114,182 zeros.
ZEROS = re.compile(rb"\0{%d,}" % SECTOR)


def open_webp(data: bytes) -> Opened:
    """Lossy or lossless, with or without opacity; not animated."""
    return Opened(*_size(data), partial(_decoded, data))


def _size(data: bytes) -> tuple[int, int]:
    name = data[12:16]
    if name == b"VP8X":
        if data[20] & ANIMATED:
            raise PhotoError("This WebP is animated: save the one frame that you mean on its own.")
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if name == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _decoded(data: bytes) -> Decoded:
    buffer = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    pixels = decode_image(buffer, mode=ImageReadMode.UNCHANGED).permute(1, 2, 0).contiguous().numpy()
    chunks: dict[bytes, tuple[int, int]] = {}
    for name, start, end in _chunks(data):
        chunks.setdefault(name, (start, end))
    stated = read_exif(data[slice(*chunks.get(b"EXIF", (0, 0)))])
    profile = data[slice(*chunks[b"ICCP"])] if b"ICCP" in chunks else profile_of(stated)
    lost = any(_lacks_sectors(data, *chunks[name]) for name in PIXELS if name in chunks)
    return Decoded(upright(pixels, stated), profile, lost)


def _lacks_sectors(data: bytes, start: int, end: int) -> bool:
    """Whether a run of zeros in the pixel data covers exactly whole disk sectors."""
    stretches = (found.span() for found in ZEROS.finditer(data, start, end))
    return any(first % SECTOR == 0 and last % SECTOR == 0 for first, last in stretches)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, and start and end of the content, of each chunk."""
    position = 12
    while position + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, position)
        yield name, position + 8, position + 8 + length
        position += 8 + length + length % 2
