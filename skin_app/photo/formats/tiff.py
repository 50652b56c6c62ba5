"""TIFF as scanners, microscopes and photo programs write it, decoded by Pillow's TIFF reader alone.

Files with unusual tags are refused before decoding. Compressed data go on to libtiff, but only as
LZW, Deflate and PackBits: JPEG data in a TIFF would reach the decoder that is not to be trusted.
"""

import io
import struct
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from skin_app.photo.colour_profile import MAX_PROFILE
from skin_app.photo.formats import Decoded, Opened, PhotoError, damage_error, eight_bit
from skin_app.photo.formats.exif import profile_of

SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 255, 256, 257, 258, 259, 262
FILL_ORDER, ORIENTATION, SAMPLES, PLANES, TILE_WIDTH, TILE_HEIGHT = 266, 274, 277, 284, 322, 323
SAMPLE_FORMAT, PROFILE = 339, 34675
SIZES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), start=1))  # bytes by type
SHORT, LONG = 3, 4
NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS = 1, 5, 8, 32946, 32773
JPEGS = (6, 7, 34892)
WHITE_IS_ZERO, RGB, PALETTE = 0, 2, 3
SHAPING = (
    *range(SUBFILE, FILL_ORDER + 1),
    *(SAMPLES, PLANES, TILE_WIDTH, TILE_HEIGHT, SAMPLE_FORMAT),
)
PREVIEW, MASK = 1, 4  # bits of SUBFILE
MOST_PAGES = 64
MOST_TILE = 16_777_216  # pixels


class Directory(NamedTuple):
    """A page's tags. `numbers`: values of integer tags; `places`: offset and bytes of all tags."""

    numbers: dict[int, tuple[int, ...]]
    places: dict[int, tuple[int, int]]
    following: int

    def first(self, tag: int, otherwise: int) -> int:
        return (self.numbers.get(tag) or (otherwise,))[0]

    def is_page(self) -> bool:
        """Whether this is neither a preview nor a mask of another page."""
        return not self.first(SUBFILE, 0) & (PREVIEW | MASK) and self.first(OLD_SUBFILE, 1) != 2


def open_tiff(data: bytes) -> Opened:
    """One page of plain greys, RGB or a palette; previews and masks beside it are ignored."""
    order = "<" if data[:2] == b"II" else ">"
    if struct.unpack_from(order + "H", data, 2)[0] != 42:
        raise PhotoError(
            "This is a BigTIFF, which is not read here: save it as an ordinary TIFF or PNG."
        )
    pages = _pages(data, order)
    if sum(page.is_page() for page in pages) > 1:
        raise PhotoError("This TIFF has several pages: save the one that you mean on its own.")
    page = pages[0]
    _check_compression(page)
    if not (page.is_page() and _is_plain(page)):
        raise _unusual()
    size = (page.first(WIDTH, 0), page.first(HEIGHT, 0))
    profile = None
    if PROFILE in page.places:
        start, length = page.places[PROFILE]
        profile = data[start : start + min(length, MAX_PROFILE + 1)]
    turned = (size[1], size[0]) if page.first(ORIENTATION, 1) in (5, 6, 7, 8) else size
    inverted = page.first(PHOTOMETRIC, 0) == WHITE_IS_ZERO
    return Opened(*size, partial(_decoded, data, turned, inverted, profile))


def _unusual() -> PhotoError:
    return PhotoError(
        "The colours of this TIFF are stored in a way that is not read here: save it as PNG."
    )


def _check_compression(page: Directory) -> None:
    compression = page.first(COMPRESSION, NONE)
    if compression in JPEGS:
        raise PhotoError("This TIFF holds JPEG data, which is not read here: export it as JPEG or PNG.")
    if compression not in (NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS):
        raise PhotoError("This TIFF is compressed in a way that is not read here: save it as PNG.")


def _is_plain(page: Directory) -> bool:
    """Integers of 1, 4, 8 or 16 bits, as greys, RGB or a palette, in tiles of a reasonable size."""
    bits, samples = page.numbers.get(BITS, (1,)), page.first(SAMPLES, 1)
    photometric = page.first(PHOTOMETRIC, WHITE_IS_ZERO)
    planes = page.first(PLANES, 1)
    least, most = (3, 4) if photometric == RGB else (1, 2)
    return (
        # Pillow would read it as another type, this module would not
        all(tag in page.numbers for tag in SHAPING if tag in page.places)
        and photometric <= PALETTE
        and least <= samples <= most
        and set(page.numbers.get(SAMPLE_FORMAT, (1,))) == {1}
        and len({*bits}) == 1
        and bits[0] in ((8, 16) if samples > 1 else (1, 4, 8, 16))
        and (planes == 1 or (planes == 2 and bits[0] == 8 and samples == 3))
        and page.first(FILL_ORDER, 1) == 1
        and page.first(TILE_WIDTH, 1) * page.first(TILE_HEIGHT, 1) <= MOST_TILE
    )


def _pages(data: bytes, order: str) -> list[Directory]:
    pages: list[Directory] = []
    (start,), seen = struct.unpack_from(order + "I", data, 4), set()
    while start and start not in seen and len(pages) < MOST_PAGES:
        seen.add(start)
        pages.append(_directory(data, order, start))
        start = pages[-1].following
    if not pages:
        raise damage_error()
    return pages


def _directory(data: bytes, order: str, start: int) -> Directory:
    read: Callable[..., tuple[int, ...]] = struct.unpack_from
    (count,) = read(order + "H", data, start)
    numbers, places = {}, {}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, form, values, offset = read(order + "HHII", data, at)
        length = SIZES.get(form, 0) * values
        place = at + 8 if length <= 4 else offset
        if tag in places or place + length > len(data):
            raise damage_error()  # the same tag twice: Pillow and libtiff could differ
        places[tag] = (place, length)
        if form in (SHORT, LONG) and values <= 16:
            numbers[tag] = read(f"{order}{values}{'H' if form == SHORT else 'I'}", data, place)
    (following,) = read(order + "I", data, start + 2 + 12 * count)
    return Directory(numbers, places, following)


def _decoded(data: bytes, size: tuple[int, int], inverted: bool, profile: bytes | None) -> Decoded:
    try:
        image = Image.open(io.BytesIO(data), formats=["TIFF"])
    except UnidentifiedImageError:  # a combination of tags that Pillow does not know
        raise _unusual() from None
    with image:
        if image.size != size:
            raise damage_error()
        if profile is None:
            profile = profile_of(image.getexif())
        image.load()  # this turns it upright
        pixels = eight_bit(image)
        if inverted and image.mode.startswith("I"):  # Pillow does it for 8 bits only
            pixels = np.bitwise_not(pixels)
        return Decoded(pixels, profile)
