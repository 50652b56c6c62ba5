"""BMP as Windows and microscopes write it, decoded by Pillow's BMP reader alone."""

import io
import struct
from functools import partial

import numpy as np
from PIL import Image

from skin_app.photo.colour_profile import D65, measured_profile
from skin_app.photo.formats import Decoded, Opened, PhotoError, damage_error, eight_bit

OS2 = (12, 16, 64)  # header lengths of the OS/2 family
PLAIN, MASKS, JPEG, PNG = 0, 3, 4, 5
CALIBRATED, EMBEDDED, LINKED = 0, 0x4D424544, 0x4C494E4B  # else sRGB, or what the screen has
V4, V5 = 108, 124


def open_bmp(data: bytes) -> Opened:
    """With a header of Windows or OS/2, uncompressed."""
    (header,) = struct.unpack_from("<I", data, 14)
    if header == 12:
        width, height = struct.unpack_from("<HH", data, 18)
        compression = PLAIN
    else:
        width, height = struct.unpack_from("<ii", data, 18)
        (compression,) = struct.unpack_from("<I", data, 30)
    if header not in OS2 and compression in (JPEG, PNG):
        raise PhotoError("This BMP holds a JPEG or PNG: export the photo as one of these.")
    if header == 16 or compression not in ((PLAIN,) if header in OS2 else (PLAIN, MASKS)):
        raise PhotoError("This BMP is stored in a way that is not read here: save it as PNG.")
    if width <= 0 or height == 0:
        raise damage_error()
    return Opened(width, abs(height), partial(_decoded, data, (width, abs(height)), header))


def _decoded(data: bytes, size: tuple[int, int], header: int) -> Decoded:
    with Image.open(io.BytesIO(data), formats=["BMP"]) as image:
        if image.size != size:
            raise damage_error()
        image.load()
        pixels = eight_bit(image)
    if pixels.shape[2] == 4 and not pixels[..., 3].any():  # the alpha channel was never filled in
        pixels = np.ascontiguousarray(pixels[..., :3])
    return Decoded(pixels, _profile(data, header) if header in (V4, V5) else None)


def _profile(data: bytes, header: int) -> bytes | None:
    (space,) = struct.unpack_from("<I", data, 14 + 56)
    if space == EMBEDDED and header == V5:
        start, length = struct.unpack_from("<II", data, 14 + 112)
        return data[14 + start : 14 + start + length]
    if space == LINKED:
        return b""
    return _calibrated(struct.unpack_from("<9i3I", data, 14 + 60)) if space == CALIBRATED else None


def _calibrated(numbers: tuple[int, ...]) -> bytes | None:
    """The profile from x, y, z of the primaries and their gammas; many programs leave all at zero."""
    ends = numbers[0:3], numbers[3:6], numbers[6:9]
    if not any(map(any, ends)):
        return None
    if any(sum(end) <= 0 for end in ends):
        return b""
    red, green, blue = ((x / (x + y + z), y / (x + y + z)) for x, y, z in ends)
    gamma = (numbers[10] / 65536) or 2.2
    gamma = gamma if gamma >= 1 else 1 / gamma  # some programs write the encoding exponent
    return measured_profile((red, green, blue, D65), gamma)
