"""Reads the boxes of an AVIF or HEIC file (ISO/IEC 14496-12, 23008-12) that no decoder reports."""

import struct
from collections.abc import Iterator

MOST = 10_000  # most boxes to read at one level


def has_movie(data: bytes) -> bool:
    """Whether the file holds a track of several pictures."""
    return any(name == b"moov" for name, _, _ in inside(data, 0, len(data)))


def colour_codes(data: bytes) -> tuple[int, int] | None:
    """Primaries and transfer of the main picture by ITU-T H.273, None where none are stated."""
    try:
        return _colour_codes(data)
    except (struct.error, IndexError, StopIteration):
        return None


def _colour_codes(data: bytes) -> tuple[int, int] | None:
    start, end = found(data, b"meta", 0, len(data))
    main = main_item(data, start, end)
    start, end = found(data, b"iprp", start + 4, end)
    properties = list(inside(data, *found(data, b"ipco", start, end)))
    for number in _associated(data, found(data, b"ipma", start, end)[0], main):
        if number == 0:  # no property
            continue
        name, at, _ = properties[number - 1]
        if name == b"colr" and data[at : at + 4] == b"nclx":
            return struct.unpack_from(">HH", data, at + 4)
    return None


def _associated(data: bytes, at: int, item: int) -> Iterator[int]:
    """Numbers, from 1, of an item's properties, from the "ipma" box whose content is at `at`."""
    version, wide = data[at], data[at + 3] & 1
    (entries,) = struct.unpack_from(">I", data, at + 4)
    at += 8
    for _ in range(min(entries, MOST)):
        (number,) = struct.unpack_from(">I" if version else ">H", data, at)
        at += 4 if version else 2
        count, at = data[at], at + 1
        numbers = struct.unpack_from(f">{count}{'H' if wide else 'B'}", data, at)
        at += count * (2 if wide else 1)
        if number == item:
            yield from (value & (0x7FFF if wide else 0x7F) for value in numbers)
            return


def main_item(data: bytes, start: int, end: int) -> int:
    """Item number of the main picture, from the content of the "meta" box. Raises as `found`."""
    at, _ = found(data, b"pitm", start + 4, end)
    return struct.unpack_from(">I" if data[at] else ">H", data, at + 4)[0]


def found(data: bytes, name: bytes, start: int, end: int) -> tuple[int, int]:
    """Start and end of the content of the first box `name`; raises `StopIteration` if there is none."""
    return next((begin, stop) for own, begin, stop in inside(data, start, end) if own == name)


def inside(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
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
