"""Changes files as a broken disk, a bad program or an attacker would: blindly, and by their structure.

`mutated` knows where the parts of JPEG, PNG, RIFF, ISO, TIFF and safetensors files begin and where
their lengths stand: so lengths lie, parts are lost, doubled and moved, and checksums of PNG still
match.
"""

import struct
import zlib
from collections.abc import Callable
from random import Random
from typing import NamedTuple

BYTES = (0, 1, 2, 3, 0x3F, 0x40, 0x7F, 0x80, 0xD9, 0xFE, 0xFF)
NUMBERS = (0, 1, 2, 3, 63, 64, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63)
WIDTHS = (1, 2, 4, 8)
HEAD = 1024  # half of all places lie here, where most formats keep what decides
CHANGES_AT_ONCE = (1, 1, 1, 1, 2, 2, 3, 5)  # many changes are mostly refused at the header
MOST_BLOCK = 4096
MOST_PARTS = 4000
CONTAINERS = (b"meta", b"iprp", b"ipco", b"iinf", b"iref", b"moov", b"trak")


class Part(NamedTuple):
    """A chunk, segment, box or entry from `start` to `end`; its length stands at `field`."""

    start: int
    end: int
    field: int
    width: int
    little: bool = False


def mutated(data: bytes, other: bytes, random: Random) -> bytes:
    """`data` with one change or a few; parts of `other` may be put in."""
    for _ in range(random.choice(CHANGES_AT_ONCE)):
        change: Change = random.choice(CHANGES)
        data = bytes(change(bytearray(data), other, random))
    return with_checksums(data) if random.random() < 0.75 else data


def parts_of(data: bytes) -> list[Part]:
    """The parts of a file, as far as it can be followed; none for an unknown kind."""
    try:
        if data[:2] == b"\xff\xd8":
            return _segments(data)
        if data[:4] == b"\x89PNG":
            return _chunks(data, 8, ">I4s", 4)
        if data[:4] == b"RIFF":
            return _chunks(data, 12, "<4sI", 0)
        if data[4:8] == b"ftyp":
            return _boxes(data, 0, len(data))
        if data[:4] in (b"II*\0", b"MM\0*"):
            return _entries(data)
        if data[:6] == b"Exif\0\0":
            return [Part(p.start + 6, p.end + 6, p.field + 6, *p[3:]) for p in _entries(data[6:])]
        if data[36:40] == b"acsp":
            (count,) = struct.unpack_from(">I", data, 128)
            ends = range(132, 132 + 12 * min(count, 100), 12)
            return [Part(at, at + 12, at + 4 * (at % 8 // 4 + 1), 4) for at in ends]
        if data[:2] == b"BM":
            return [Part(at, at + 4, at, 4, True) for at in range(2, 54, 4)]
        if len(data) > 8 and data[8:9] == b"{":
            return [Part(0, 8, 0, 8, True)]
    except (struct.error, IndexError):
        pass
    return []


def with_checksums(data: bytes) -> bytes:
    """A PNG with the right checksum for each chunk, so that its content is read; else `data`."""
    if data[:4] != b"\x89PNG":
        return data
    mended = bytearray(data)
    for part in parts_of(data):
        if part.end <= len(data):
            crc = zlib.crc32(data[part.start + 4 : part.end - 4])
            mended[part.end - 4 : part.end] = struct.pack(">I", crc)
    return bytes(mended)


def _segments(data: bytes) -> list[Part]:
    found, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and len(found) < MOST_PARTS:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 2 + length
        if data[at + 1] == 0xDA:  # the scan belongs to it
            following = data.find(b"\xff\xc4", end), data.find(b"\xff\xda", end), len(data) - 2
            found.append(Part(at, min(place for place in following if place > 0), at + 2, 2))
            at = found[-1].end
        else:
            found.append(Part(at, end, at + 2, 2))
            at = end
    return found


def _chunks(data: bytes, at: int, form: str, tail: int) -> list[Part]:
    found = []
    while at + 8 <= len(data) and len(found) < MOST_PARTS:
        values = struct.unpack_from(form, data, at)
        little = form[0] == "<"
        length = values[1] if little else values[0]
        end = at + 8 + length + (length % 2 if little else 0) + tail
        found.append(Part(at, end, at + 4 if little else at, 4, little))
        at = end
    return found


def _boxes(data: bytes, at: int, stop: int) -> list[Part]:
    found: list[Part] = []
    while at + 8 <= stop and len(found) < MOST_PARTS:
        length, name = struct.unpack_from(">I4s", data, at)
        end = min(at + max(length, 8), stop)
        found.append(Part(at, end, at, 4))
        if name in CONTAINERS:
            inside = at + {b"meta": 12, b"iref": 12, b"iinf": 14}.get(name, 8)
            found += _boxes(data, inside, end)
        at = end
    return found


def _entries(data: bytes) -> list[Part]:
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    ends = range(start + 2, start + 2 + 12 * min(count, 200), 12)
    return [Part(at, at + 12, at + 4, 4, order == "<") for at in ends if at + 12 <= len(data)]


Change = Callable[[bytearray, bytes, Random], bytearray]


def _place(data: bytearray, random: Random) -> int:
    return random.randrange(max(1, min(len(data), HEAD) if random.random() < 0.5 else len(data)))


def _block(data: bytearray, random: Random) -> tuple[int, int]:
    at = _place(data, random)
    return at, at + random.randint(1, max(1, min(MOST_BLOCK, len(data) // random.choice((1, 8, 64)))))


def _flip_bits(data: bytearray, _: bytes, random: Random) -> bytearray:
    for _time in range(random.choice((1, 1, 1, 4, 32))):
        if data:
            data[_place(data, random)] ^= 1 << random.randrange(8)
    return data


def _set_bytes(data: bytearray, _: bytes, random: Random) -> bytearray:
    for _time in range(random.choice((1, 1, 2, 8))):
        if data:
            byte = random.choice(BYTES) if random.random() < 0.5 else random.randrange(256)
            data[_place(data, random)] = byte
    return data


def _number(value: int, width: int, little: bool) -> bytes:
    return (value % 256**width).to_bytes(width, "little" if little else "big")


def _set_number(data: bytearray, _: bytes, random: Random) -> bytearray:
    at, width = _place(data, random), random.choice(WIDTHS)
    value = random.choice(NUMBERS) + random.choice((-1, 0, 0, 1))
    data[at : at + width] = _number(value, width, random.random() < 0.5)
    return data


def _cut(data: bytearray, _: bytes, random: Random) -> bytearray:
    return data[: random.randrange(len(data) + 1)]


def _zero(data: bytearray, _: bytes, random: Random) -> bytearray:
    start, end = _block(data, random)
    data[start:end] = bytes(len(data[start:end]))
    return data


def _remove(data: bytearray, _: bytes, random: Random) -> bytearray:
    start, end = _block(data, random)
    del data[start:end]
    return data


def _move(data: bytearray, _: bytes, random: Random) -> bytearray:
    start, end = _block(data, random)
    block = data[start:end]
    if random.random() < 0.5:
        del data[start:end]
    at = _place(data, random)
    if random.random() < 0.5:
        data[at : at + len(block)] = block
    else:
        data[at:at] = block
    return data


def _insert(data: bytearray, _: bytes, random: Random) -> bytearray:
    at = _place(data, random)
    data[at:at] = random.randbytes(random.choice((1, 2, 4, 16, 300)))
    return data


def _splice(data: bytearray, other: bytes, random: Random) -> bytearray:
    if random.random() < 0.5:
        return data[: _place(data, random)] + other[_place(bytearray(other), random) :]
    start, end = _block(bytearray(other), random)
    at = _place(data, random)
    data[at : at + end - start] = other[start:end]
    return data


def _lie_about_length(data: bytearray, _: bytes, random: Random) -> bytearray:
    parts = parts_of(bytes(data))
    if parts:
        part = random.choice(parts)
        old = int.from_bytes(
            data[part.field : part.field + part.width], "little" if part.little else "big"
        )
        new = random.choice(
            (0, 1, old - 1, old + 1, old - 4, old + 4, old * 2, old // 2, random.choice(NUMBERS))
        )
        data[part.field : part.field + part.width] = _number(new, part.width, part.little)
    return data


def _shuffle_parts(data: bytearray, other: bytes, random: Random) -> bytearray:
    """Removes, doubles or moves a part, or takes one from the other file."""
    own = parts_of(bytes(data))
    if not own:
        return data
    part, place = random.choice(own), random.choice(own).start
    content = data[part.start : part.end]
    kind = random.randrange(4)
    if kind == 0:
        del data[part.start : part.end]
    elif kind == 1:
        data[place:place] = content * random.choice((1, 1, 2, 50))
    elif kind == 2:
        del data[part.start : part.end]
        data[place:place] = content
    elif theirs := parts_of(other):
        taken = random.choice(theirs)
        data[place:place] = other[taken.start : taken.end]
    return data


def _change_a_part(data: bytearray, _: bytes, random: Random) -> bytearray:
    """Changes the beginning of one part, where its fields stand."""
    if parts := parts_of(bytes(data)):
        part = random.choice(parts)
        at = part.start + random.randrange(max(1, min(part.end - part.start, 48)))
        value = random.choice(NUMBERS) if random.random() < 0.5 else random.randrange(2**32)
        width = random.choice(WIDTHS)
        data[at : at + width] = _number(value, width, part.little)
    return data


CHANGES: tuple[Change, ...] = (
    *(_flip_bits, _set_bytes, _set_number, _zero, _remove, _move, _insert, _splice, _cut),
    *(_lie_about_length, _shuffle_parts, _change_a_part) * 2,
)
