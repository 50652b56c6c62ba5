"""WebP, decoded by torchvision."""

import re
import struct
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from PIL import Image
from torchvision.io import ImageReadMode, decode_image

from skin_app.photo.formats import exif
from skin_app.photo.formats.opened import Decoded, Opened, PhotoError

ANIMATED = 0x02
PIXELS = (b"VP8 ", b"VP8L")
SECTOR = 512
# Length alone does not prove damage: intact pictures with flat parts had up to 114,182 zeros.
ZEROS = re.compile(rb"\0{%d,}" % SECTOR)
UPRIGHT = {  # EXIF orientation -> the operation that turns the pixels upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def opened(data: bytes) -> Opened:
    """Size in pixels from the header, without decoding.

    Raises `PhotoError`, or one of `read.FAULTS` for a file that is cut off.
    """
    return Opened(*_size(data), partial(_decoded, data))


def _size(data: bytes) -> tuple[int, int]:
    name = data[12:16]
    if name == b"VP8X":
        if data[20] & ANIMATED:
            raise PhotoError("This WebP is animated: save the one frame that you mean on its own.")
        return (
            1 + int.from_bytes(data[24:27], "little"),
            1 + int.from_bytes(data[27:30], "little"),
        )
    if name == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _decoded(data: bytes) -> Decoded:
    buffer = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    pixels = decode_image(buffer, mode=ImageReadMode.UNCHANGED).permute(1, 2, 0).contiguous().numpy()
    chunks = _chunks(data)
    stated = exif.read_exif(chunks.get(b"EXIF", b""))
    turn = UPRIGHT.get(exif.orientation(stated))
    upright = pixels if turn is None else np.array(Image.fromarray(pixels).transpose(turn))
    profile = chunks[b"ICCP"] if b"ICCP" in chunks else exif.profile_of(stated)
    return Decoded(upright, profile, _lacks_sectors(data))


def _lacks_sectors(data: bytes) -> bool:
    """Whether the pixel data have a run of zeros that covers exactly whole disk sectors."""
    for name, start, end in _inside(data):
        if name in PIXELS:
            stretches = (found.span() for found in ZEROS.finditer(data, start, end))
            return any(first % SECTOR == 0 and last % SECTOR == 0 for first, last in stretches)
    return False


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """The first chunk of each name, pixel data excepted, as far as the file reaches."""
    found = {}
    for name, start, end in _inside(data):
        if name in (b"EXIF", b"ICCP"):
            found.setdefault(name, data[start:end])
    return found


def _inside(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, and start and end of the content, of each chunk."""
    position = 12
    while position + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, position)
        yield name, position + 8, position + 8 + length
        position += 8 + length + length % 2
