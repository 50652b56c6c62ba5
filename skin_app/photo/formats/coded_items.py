"""Detects zeroed stretches in the pixel data of an AVIF or HEIC file (ISO/IEC 14496-12, 23008-12).

A lost disk sector, or an interrupted download into reserved space, leaves zeros, which decoders
silently turn into wrong pixels.
"""

import io
import struct

from skin_app.photo.formats.boxes import MOST, found, inside, main_item

# HEVC forbids 3 zeros in a row, a length field can add a 4th; AV1 reached 49 (sparse white dots).
ZEROS = {b"hvc1": 8, b"av01": 400}
DERIVED = (b"grid", b"iden", b"iovl")  # made of other items, which their "dimg" reference names
Box = tuple[int, int]


def has_zeroed_pixels(data: bytes) -> bool:
    """Whether the main picture's coded data have a longer run of zeros than intact data can have.

    Hidden pictures, other codings, and files with unreadable boxes are not judged: they give False.
    """
    try:
        stretches = _coded(data)
    except (struct.error, IndexError, StopIteration):
        return False
    if sum(end - start for _, start, end in stretches) > len(data):  # they overlap
        return False
    return any(data.find(bytes(ZEROS[name]), start, end) >= 0 for name, start, end in stretches)


def _coded(data: bytes) -> list[tuple[bytes, int, int]]:
    """Type, start and end of each stored part of the main picture and of its tiles."""
    start, end = found(data, b"meta", 0, len(data))
    within = {name: (begin, stop) for name, begin, stop in inside(data, start + 4, end)}
    types = _item_types(data, within.get(b"iinf", (0, 0)))
    parts = _parts(data, within.get(b"iref", (0, 0)))
    wanted, items = [main_item(data, start, end)], set[int]()
    while wanted:
        item = wanted.pop()
        if item not in items and types.get(item) in DERIVED:
            wanted += parts.get(item, [])
        items.add(item)
    return [
        (types[item], begin, stop)
        for item, begin, stop in _extents(data, within)
        if item in items and types.get(item) in ZEROS
    ]


def _item_types(data: bytes, box: Box) -> dict[int, bytes]:
    """Type of each item, from the content of "iinf"."""
    start, end = box
    types = {}
    for _, at, _ in inside(data, start + (8 if data[start] else 6), end):
        number, _, name = struct.unpack_from(">HH4s" if data[at] < 3 else ">IH4s", data, at + 4)
        types[number] = name
    return types


def _parts(data: bytes, box: Box) -> dict[int, tuple[int, ...]]:
    """The items from which each item is derived, from the content of "iref"."""
    start, end = box
    letter, wide = ("I", 4) if data[start] else ("H", 2)
    parts = {}
    for name, at, _ in inside(data, start + 4, end):
        if name == b"dimg":
            number, count = struct.unpack_from(f">{letter}H", data, at)
            parts[number] = struct.unpack_from(f">{count}{letter}", data, at + wide + 2)
    return parts


def _extents(data: bytes, within: dict[bytes, Box]) -> list[tuple[int, int, int]]:
    """Item, start and end of all data stored in this file, from the content of "iloc"."""
    begin, stop = within.get(b"iloc", (0, 0))
    box = io.BytesIO(data[begin:stop])
    version, _, sizes = _number(box, 1), _number(box, 3), _number(box, 2)
    wide = 4 if version == 2 else 2
    extents = []
    for _ in range(min(_number(box, wide), MOST)):
        item = _number(box, wide)
        method = _number(box, 2) & 15 if version else 0
        elsewhere = _number(box, 2)
        base = _number(box, sizes >> 4 & 15)
        begin, stop = within.get(b"idat", (0, 0)) if method == 1 else (0, len(data))
        for _ in range(_number(box, 2)):
            _number(box, sizes & 15 if version else 0)
            start = begin + base + _number(box, sizes >> 12)
            length = _number(box, sizes >> 8 & 15)
            if not elsewhere and method < 2 and version < 3:
                extents.append((item, start, min(start + length, stop) if length else stop))
            if len(extents) > MOST:
                raise IndexError
    return extents


def _number(file: io.BytesIO, size: int) -> int:
    read = file.read(size)
    if len(read) < size:
        raise IndexError
    return int.from_bytes(read, "big")
