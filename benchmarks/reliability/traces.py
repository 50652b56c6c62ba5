"""Looks for planted marks: on disk, in logs, in open and mapped files, and in a program's memory."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.reliability.planted import METADATA, NAME, PIXELS, Planted, forms

BLOCK, OVERLAP = 1 << 26, 256
# (what it belongs to, bytes)
Needles = tuple[tuple[str, bytes], ...]


def needles(photos: Iterable[Planted], of: str = "") -> Needles:
    """What to look for, in all forms; it belongs to a kind of marks, or to `of`."""
    return tuple(
        (of or kind, form)
        for photo in photos
        for kind, mark in photo.marks
        for form in ([mark] if kind == NAME else forms(mark))
    )


def few_needles(photos: Iterable[Planted], of: str = "") -> Needles:
    """One mark of the metadata and one of the pixels of each photo, as they are: for large places."""
    firsts = (dict(reversed(photo.marks)) for photo in photos)
    return tuple((of or kind, first[kind]) for first in firsts for kind in (METADATA, PIXELS))


def in_bytes(data: bytes, wanted: Needles) -> Counter[str]:
    """How many of the needles occur in `data`, by kind."""
    return Counter(kind for kind, form in wanted if form in data)


def in_files(files: Iterable[Path], wanted: Needles) -> Counter[str]:
    """The same for names and contents of files; those that are gone meanwhile hold nothing."""
    found: Counter[str] = Counter()
    for file in files:
        found += in_bytes(str(file).encode(), wanted)
        with suppress(OSError), file.open("rb") as opened:
            found += in_stream(iter(lambda opened=opened: opened.read(BLOCK), b""), wanted)
    return found


def in_stream(blocks: Iterable[bytes], wanted: Needles) -> Counter[str]:
    """Marks at the border of two blocks are found as well; one in both may count twice."""
    found, before = Counter[str](), b""
    for block in blocks:
        found += in_bytes(before + block, wanted)
        before = block[-OVERLAP:]
    return found


def files_below(folder: Path, without: Sequence[Path] = (), since: float = 0.0) -> Iterator[Path]:
    """Files in `folder` made or renamed at `since` or later; none in the folders `without`."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(parent, name) not in without]
        with suppress(OSError):
            # a folder in which nothing was made holds no new file
            if Path(parent).stat().st_mtime < since:
                continue
        for path in (Path(parent, name) for name in names):
            with suppress(OSError):
                if path.is_file() and not path.is_symlink() and path.stat().st_ctime >= since:
                    yield path


def family(process: int) -> list[int]:
    """A process and all that it started, directly or not."""
    found = [process]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            with suppress(OSError):
                found += [int(child) for child in task.read_text().split()]
    return found


def in_open_files(process: int, wanted: Needles, since: float, log: Sequence[Path]) -> Counter[str]:
    """Regular files that the processes hold open, deleted ones too; not the files of the log."""
    found: Counter[str] = Counter()
    for one in family(process):
        for descriptor in Path(f"/proc/{one}/fd").glob("*"):
            with suppress(OSError):
                target, stat = str(descriptor.readlink()), descriptor.stat()
                is_file = descriptor.is_file()
                if is_file and Path(target) not in log and max(stat.st_mtime, stat.st_ctime) >= since:
                    found += in_bytes(target.encode(), wanted) + in_files([descriptor], wanted)
    return found


def in_mapped_files(process: int, wanted: Needles, since: float) -> Counter[str]:
    """Parts of files that the processes map into memory, deleted and nameless ones too."""
    found: Counter[str] = Counter()
    for one in family(process):
        for begin, end, _, inode, path in _mapped(one):
            with suppress(OSError):
                is_old = (
                    path.startswith("/")
                    and Path(path).exists()
                    and (max(Path(path).stat().st_mtime, Path(path).stat().st_ctime) < since)
                )
                if inode and not is_old:
                    found += in_bytes(path.encode(), wanted)
                    found += in_stream(_memory(one, begin, end), wanted)
    return found


def in_memory(process: int, wanted: Needles) -> Counter[str]:
    """Writable memory that belongs to no file and is in use."""
    found: Counter[str] = Counter()
    for one in family(process):
        for begin, end, rights, inode, _ in _mapped(one, in_use=True):
            if not inode and rights.startswith("rw"):
                with suppress(OSError, OverflowError):
                    found += in_stream(_memory(one, begin, end), wanted)
    return found


def _mapped(process: int, in_use: bool = False) -> Iterator[tuple[int, int, str, int, str]]:
    """Begin, end, rights, inode and path of each mapping; `in_use`: only where some memory is used."""
    text = Path(f"/proc/{process}/{'smaps' if in_use else 'maps'}").read_text()
    for about in re.split(r"\n(?=[0-9a-f]+-)", text.strip()):
        where, rights, _, _, inode, *path = about.splitlines()[0].split(maxsplit=5)
        begin, end = (int(part, 16) for part in where.split("-"))
        if not (in_use and re.search(r"\nRss: +0 kB", about)):
            yield begin, end, rights, int(inode), path[0] if path else ""


def _memory(process: int, begin: int, end: int) -> Iterator[bytes]:
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        memory.seek(begin)
        left = end - begin
        while left:
            block = memory.read(min(BLOCK, left))
            if not block:
                return
            left -= len(block)
            yield block
