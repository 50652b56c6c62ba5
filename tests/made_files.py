"""Image files that Pillow does not write, made byte by byte for tests."""

import io
import struct
import zlib
from typing import Literal

import numpy as np
import pillow_heif
from PIL import Image

NUMBERS = {1: "B", 3: "H", 4: "I"}


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """`kind`: Pillow's name of a format, or "HEIC"."""
    file = io.BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(image).save(file, **options)
    else:
        image.save(file, kind, **options)
    return file.getvalue()


def tiff(
    samples: np.ndarray,
    photometric: int,
    order: Literal["<", ">"] = "<",
    tile: int = 0,
    **tags: tuple[int, ...],
) -> bytes:
    """(height, width, samples) as one strip, one plane a sample (`planes=(2,)`), or square tiles.

    `tags`: `compression` (1 or 8), `extra`, `planes`, `orientation`.
    """
    height, width, count = samples.shape
    kind = samples.dtype.newbyteorder(order)
    planes = np.moveaxis(samples, 2, 0)[..., None] if tags.get("planes") == (2,) else samples[None]
    parts = [part for plane in planes for part in _tiles(plane, tile)]
    data = [np.ascontiguousarray(part.astype(kind)).tobytes() for part in parts]
    compressed = tags.get("compression") == (8,)
    data = [zlib.compress(part) for part in data] if compressed else data
    named = {"compression": 259, "orientation": 274, "planes": 284, "extra": 338}
    entries = {
        256: (4, (width,)), 257: (4, (height,)), 258: (3, (samples.itemsize * 8,) * count),
        259: (3, (1,)), 262: (3, (photometric,)), 277: (3, (count,)),
        **{named[name]: (3, values) for name, values in tags.items()},
    }  # fmt: skip
    offsets = tuple(8 + sum(map(len, data[:number])) for number in range(len(data)))
    lengths = tuple(map(len, data))
    if tile:
        entries |= {322: (4, (tile,)), 323: (4, (tile,)), 324: (4, offsets), 325: (4, lengths)}
    else:
        entries |= {273: (4, offsets), 278: (4, (height,)), 279: (4, lengths)}
    body = b"".join(data)
    return _header(order, 8 + len(body)) + body + _directory(entries, order, 8 + len(body))


def tiff_followed(data: bytes, subfile: int) -> bytes:
    """A little-endian TIFF with the directory of one more page behind it."""
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    at = start + 2 + 12 * count
    page = _directory({254: (4, (subfile,)), 256: (4, (9,)), 257: (4, (9,))}, "<", len(data))
    return data[:at] + struct.pack("<I", len(data)) + data[at + 4 :] + page


def _tiles(plane: np.ndarray, tile: int) -> list[np.ndarray]:
    if not tile:
        return [plane]
    height, width, _ = plane.shape
    padded = np.pad(plane, ((0, -height % tile), (0, -width % tile), (0, 0)))
    rows = [padded[top : top + tile] for top in range(0, height, tile)]
    return [row[:, left : left + tile] for row in rows for left in range(0, width, tile)]


def _header(order: str, start: int) -> bytes:
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, start)


def _directory(entries: dict[int, tuple[int, tuple[int, ...]]], order: str, start: int) -> bytes:
    table, rest = struct.pack(order + "H", len(entries)), b""
    end = start + 6 + 12 * len(entries)
    for tag, (kind, values) in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}{NUMBERS[kind]}", *values)
        if len(packed) > 4:
            place = struct.pack(order + "I", end + len(rest))
            rest += packed
        else:
            place = packed.ljust(4, b"\0")
        table += struct.pack(order + "HHI", tag, kind, len(values)) + place
    return table + bytes(4) + rest


def bmp(
    pixels: np.ndarray, kind: int, rest: bytes = b"", profile: bytes = b"", bits: int = 24
) -> bytes:
    """With a header of version 5 that states a colour space `kind`; `rest`: end points and gammas."""
    height, width, _ = pixels.shape
    stored = pixels[::-1, :, [2, 1, 0, *range(3, pixels.shape[2])]]
    rows = [row.tobytes() + bytes(-len(row.tobytes()) % 4) for row in stored]
    data = b"".join(rows)
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000) if bits == 32 else (0, 0, 0, 0)
    compression = 3 if bits == 32 else 0
    head = struct.pack("<IiiHHIIiiII", 124, width, height, 1, bits, compression, len(data), 0, 0, 0, 0)
    head += struct.pack("<4II", *masks, kind) + rest.ljust(48, b"\0")
    head += struct.pack("<IIII", 4, 124 + len(data), len(profile), 0)
    start = 14 + len(head)
    size = start + len(data) + len(profile)
    return struct.pack("<2sIHHI", b"BM", size, 0, 0, start) + head + data + profile


def png_with(data: bytes, kind: bytes, content: bytes) -> bytes:
    """A PNG with one more chunk behind its header."""
    chunk = struct.pack(">I", len(content)) + kind + content
    return data[:33] + chunk + struct.pack(">I", zlib.crc32(kind + content)) + data[33:]


def jpeg_with(data: bytes, *segments: tuple[int, bytes]) -> bytes:
    """A JPEG with more segments behind its start: marker and content of each."""
    more = [
        struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content for marker, content in segments
    ]
    return data[:2] + b"".join(more) + data[2:]
