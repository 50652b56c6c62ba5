"""Damages JPEG files as faulty copying and storage do, so that they still open."""

from collections.abc import Callable

import numpy as np

SECTOR, CLUSTER = 512, 4096
SCAN, END = b"\xff\xda", b"\xff\xd9"
Spoil = Callable[[bytes, bytes, np.random.Generator], bytes | None]


def spoilt(file: bytes, other: bytes, damage: str, seed: int) -> bytes | None:
    """`file` after one kind of `FILE_DAMAGE`; None if the file is too small for it.

    `other`: another JPEG, from which foreign blocks come. Raises `KeyError` for an unknown damage.
    """
    return FILE_DAMAGE[damage](file, other, np.random.default_rng(seed))


def _data(file: bytes) -> tuple[int, int]:
    """Where the compressed data of a JPEG of one scan begin and end."""
    start = file.index(SCAN) + 2
    return start + int.from_bytes(file[start : start + 2], "big"), file.rindex(END)


def _overwritten(length: int, content: Callable[[bytes, np.random.Generator], bytes]) -> Spoil:
    """Overwrite whole sectors within the compressed data, aligned as on a disk."""

    def spoil(file: bytes, other: bytes, generator: np.random.Generator) -> bytes | None:
        start, end = _data(file)
        first, last = -(-start // SECTOR), (end - length) // SECTOR
        if last < first:
            return None
        place = SECTOR * int(generator.integers(first, last + 1))
        return file[:place] + content(other, generator) + file[place + length :]

    return spoil


def _of_another(other: bytes, generator: np.random.Generator) -> bytes:
    start, end = _data(other)
    place = int(generator.integers(start, max(start + 1, end - SECTOR)))
    return other[place : place + SECTOR].ljust(SECTOR, b"\0")


def _cut(share: float) -> Spoil:
    def spoil(file: bytes, _: bytes, __: np.random.Generator) -> bytes:
        start, end = _data(file)
        return file[: start + int(share * (end - start))] + END

    return spoil


def _cut_anywhere(file: bytes, other: bytes, generator: np.random.Generator) -> bytes | None:
    return _cut(float(generator.uniform(0.02, 0.98)))(file, other, generator)


def _zeros_to_the_end(file: bytes, _: bytes, generator: np.random.Generator) -> bytes:
    """As after an interrupted copy for which the whole length had been reserved."""
    start, end = _data(file)
    place = start + int(generator.uniform(0.02, 0.98) * (end - start))
    return file[:place] + bytes(end - place) + file[end:]


def _wrong_byte(file: bytes, _: bytes, generator: np.random.Generator) -> bytes:
    place = int(generator.integers(*_data(file)))
    wrong = file[place] ^ int(generator.integers(1, 256))
    return file[:place] + bytes([wrong]) + file[place + 1 :]


FILE_DAMAGE: dict[str, Spoil] = {
    "a sector of zeros (512 bytes)": _overwritten(SECTOR, lambda *_: bytes(SECTOR)),
    "a cluster of zeros (4,096 bytes)": _overwritten(CLUSTER, lambda *_: bytes(CLUSTER)),
    "a sector of random bytes": _overwritten(SECTOR, lambda _, generator: generator.bytes(SECTOR)),
    "a sector of another photo": _overwritten(SECTOR, _of_another),
    "cut at 60 % and closed again": _cut(0.6),
    "cut at 80 % and closed again": _cut(0.8),
    "cut anywhere and closed again": _cut_anywhere,
    "zeros from anywhere to the end": _zeros_to_the_end,
    "one wrong byte": _wrong_byte,
}
