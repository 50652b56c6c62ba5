"""Detects zeroed stretches in the pixel data of an AVIF or HEIC file (ISO/IEC 14496-12, 23008-12).

A lost disk sector, or an interrupted download into reserved space, leaves zeros, which decoders
silently turn into wrong pixels.
"""

import io
import struct
from collections.abc import Iterator

MOST = 10_000  # most boxes to read at one level, and most stored parts
# HEVC forbids 3 zeros in a row, a length field can add a 4th; AV1 reached 49 (sparse white dots).
ZEROS = {b"hvc1": 8, b"av01": 400}
DERIVED = (b"grid", b"iden", b"iovl")  # made of other items, which their "dimg" reference names
Box = tuple[int, int]  # start and end of its content


def has_zeroed_pixels(data: bytes) -> bool:
    """Whether the main picture's coded data have a longer run of zeros than intact data can have.

    Hidden pictures, other codings, and files with unreadable boxes are not judged: they give False.
    """
    try:
        stretches = _coded(data)
    except (struct.error, IndexError, KeyError):
        return False
    if sum(end - start for _, start, end in stretches) > len(data):  # they overlap
        return False
    return any(data.find(bytes(ZEROS[name]), start, end) >= 0 for name, start, end in stretches)


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, and start and end of the content, of each box between `start` and `end`."""
    for _ in range(MOST):
        if start + 8 > end:
            return
        length, name = struct.unpack_from(">I4s", data, start)
        head = 8
        if length == 1 and start + 16 <= end:
            (length,), head = struct.unpack_from(">Q", data, start + 8), 16
        stop = end if length == 0 else start + length
        if stop < start + head or stop > end:
            return
        yield name, start + head, stop
        start = stop


def _first_boxes(data: bytes, start: int, end: int) -> dict[bytes, Box]:
    found: dict[bytes, Box] = {}
    for name, begin, stop in boxes(data, start, end):
        found.setdefault(name, (begin, stop))
    return found


def _coded(data: bytes) -> list[tuple[bytes, int, int]]:
    """Type, start and end of each stored part of the main picture and of its tiles."""
    start, end = _first_boxes(data, 0, len(data))[b"meta"]
    meta = _first_boxes(data, start + 4, end)
    types = _item_types(data, meta[b"iinf"])
    tiles = _tiles(data, meta[b"iref"]) if b"iref" in meta else {}
    at, _ = meta[b"pitm"]
    wanted, items = [struct.unpack_from(">I" if data[at] else ">H", data, at + 4)[0]], set[int]()
    while wanted:
        item = wanted.pop()
        if item not in items and types.get(item) in DERIVED:
            wanted += tiles.get(item, ())
        items.add(item)
    return [
        (types[item], begin, stop)
        for item, begin, stop in _extents(data, meta[b"iloc"], meta.get(b"idat", (0, 0)))
        if item in items and types.get(item) in ZEROS
    ]


def _item_types(data: bytes, iinf: Box) -> dict[int, bytes]:
    start, end = iinf
    types = {}
    for _, at, _ in boxes(data, start + (8 if data[start] else 6), end):
        number, _, name = struct.unpack_from(">HH4s" if data[at] < 3 else ">IH4s", data, at + 4)
        types[number] = name
    return types


def _tiles(data: bytes, iref: Box) -> dict[int, tuple[int, ...]]:
    """The items from which each item is derived."""
    start, end = iref
    letter, wide = ("I", 4) if data[start] else ("H", 2)
    tiles = {}
    for name, at, _ in boxes(data, start + 4, end):
        if name == b"dimg":
            number, count = struct.unpack_from(f">{letter}H", data, at)
            tiles[number] = struct.unpack_from(f">{count}{letter}", data, at + wide + 2)
    return tiles


def _extents(data: bytes, iloc: Box, idat: Box) -> list[tuple[int, int, int]]:
    """Item, start and end of all data stored in this file."""
    box = io.BytesIO(data[slice(*iloc)])
    version, _, sizes = _number(box, 1), _number(box, 3), _number(box, 2)
    extents = []
    for _ in range(min(_number(box, 4 if version == 2 else 2), MOST)):
        item = _number(box, 4 if version == 2 else 2)
        method = _number(box, 2) & 15 if version else 0
        elsewhere = _number(box, 2)
        base = _number(box, sizes >> 4 & 15)
        begin, stop = idat if method == 1 else (0, len(data))
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
