"""Writes result files: never over a file of another program, and whole or not at all."""

import errno
import io
import os
import re
import shutil
import uuid
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from skin_app.photo.file_type import HEAD_BYTES
from skin_app.photo.folders import has_image_suffix
from skin_app.words.language import SpokenError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# the head of a PNG by matplotlib at 100 dots per inch, with or without its name
PICTURE = (
    rb"\x89PNG\r\n\x1a\n\0\0\0\rIHDR.{8}\x08\x06\0\0\0.{4}"
    rb"(....tEXtSoftware\0Matplotlib|\0\0\0\tpHYs\0\0\x0f\x61\0\0\x0f\x61)"
)


class OutputError(SpokenError, ValueError):
    """The output cannot be written there; the message is one sentence that says what to do."""


def check_output(out: Path, ours: bytes, inputs: Iterable[Path] = ()) -> None:
    """Raise `OutputError` unless `out` can be written without loss. Call it before any slow work.

    `ours`: pattern for the beginning of a file from an earlier run of the same command; only such a
    file, or an empty one, may be replaced. `inputs`: files that the command reads.
    """
    if out.is_dir():
        raise OutputError(
            "{out} is a folder: give --out the name of a file, such as one in it.", out=out
        )
    if has_image_suffix(out) and ours != PICTURE:
        raise _named_like_an_image(out)
    if not out.parent.is_dir():
        if out.parent.exists():
            raise OutputError(
                "{out} cannot be used: {folder} is a file, not a folder.", out=out, folder=out.parent
            )
        raise OutputError(
            "{out} cannot be used (No such file or directory): make the folder {folder} first.",
            out=out,
            folder=out.parent,
        )
    if _is_stream(out):
        return
    if out.exists():
        if any(path.exists() and out.samefile(path) for path in inputs):
            raise OutputError("{out} is among the files to read: give --out another name.", out=out)
        if not _is_ours(out, ours):
            raise OutputError(
                "{out} is there already and was not written by this command: move it away, or name "
                "another place to write to.",
                out=out,
            )
    place = _behind_link(out)
    if not all(os.access(path, os.W_OK) for path in (place.parent, place) if path.exists()):
        raise OutputError(
            "{out} cannot be used ({reason}): name a place that you may write to.",
            out=out,
            reason=os.strerror(errno.EACCES),
        )


def _named_like_an_image(out: Path) -> OutputError:
    if not out.exists():
        return OutputError("{out} has the name of an image: give --out another name.", out=out)
    return OutputError(
        "{out} is an image, and --out names the file to write: give it another name (the shell turns "
        "`--out *{suffix}` into the first image, to be written, and the others, to be read).",
        out=out,
        suffix=out.suffix,
    )


def _is_stream(out: Path) -> bool:
    """Whether `out` is a pipe or a device such as /dev/stdout, which no file can replace."""
    return out.is_fifo() or out.is_char_device()


def _is_ours(path: Path, ours: bytes) -> bool:
    """Whether the file `path`, compressed or not, begins with the pattern `ours`, or is empty."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, HEAD_BYTES)
        except zlib.error:
            return False
    return not head or bool(re.match(ours, head.removeprefix(BYTE_ORDER_MARK), re.DOTALL))


def replace_file(out: Path, content: str | bytes) -> None:
    """Write `content` beside `out`, then rename it; if that fails, the earlier file stays."""
    data = content.encode() if isinstance(content, str) else content
    if _is_stream(out):
        out.write_bytes(data)
        return
    with beside(out) as partial:
        partial.write_bytes(data)


@contextmanager
def beside(out: Path) -> Iterator[Path]:
    """A new path beside `out` to write to; renamed to `out` if the block succeeds, else deleted."""
    place = _behind_link(out)
    partial = place.with_name(f"{place.name}.{uuid.uuid4().hex}.partial")
    try:
        yield partial
        _put_in_place(partial, place)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def growing_file(out: Path, ours: bytes) -> Iterator[TextIO]:
    """A text file beside `out`, renamed to `out` if the block succeeds; else it stays where it is.

    It begins with a byte-order mark, without which Excel takes UTF-8 for another encoding. File names
    need not be UTF-8: invalid bytes are written as \\udcff. Raises `OutputError` when writing fails. A
    `KeyboardInterrupt` carries the place of the unfinished file.
    """
    place = _behind_link(out)
    partial, raw = (out, _Written(out, "w", out)) if _is_stream(out) else _fresh(place, out)
    buffer = io.BufferedWriter(raw)
    try:
        with io.TextIOWrapper(buffer, "utf-8-sig", "backslashreplace", newline="") as file:
            yield file
        if partial != out:
            check_output(out, ours)  # another file may have appeared there meanwhile
            with _told_of(out):
                _put_in_place(partial, place)
    except (OSError, OutputError) as error:
        why = error
        if isinstance(error, OSError):  # raised by the work in the block, not by writing `out`
            why = unusable(error)
        raise OutputError(
            "{why} What was written until then is in {partial}.", why=why, partial=partial
        ) from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(partial) from None
    finally:
        if partial != out and partial.exists() and not partial.stat().st_size:
            partial.unlink()


def unfinished(out: Path) -> list[Path]:
    """Files that unfinished runs with the output `out` have left beside it."""
    place = _behind_link(out)
    near = (path for path in place.parent.iterdir() if path.stem == place.name)
    return sorted(path for path in near if re.fullmatch(r"\.partial\d*", path.suffix))


class _Written(io.FileIO):
    """The file at `path` that will become `out`; turns its own errors into `OutputError`."""

    def __init__(self, path: Path, mode: str, out: Path) -> None:
        self.out = out
        super().__init__(path, mode)

    def write(self, data: Any, /) -> int:
        with _told_of(self.out):
            return super().write(data)

    def close(self) -> None:
        with _told_of(self.out):
            super().close()


@contextmanager
def _told_of(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise OutputError("{out} cannot be written ({reason}).", out=out, reason=reason) from error


def unusable(error: OSError, otherwise: Path | None = None) -> OutputError:
    """An error of the system with a file; `otherwise`: the one that is meant where it names none."""
    name, reason = error.filename or otherwise, error.strerror or error
    if name is None:
        return OutputError("A file cannot be used ({reason}).", reason=reason)
    return OutputError("{name} cannot be used ({reason}).", name=name, reason=reason)


def _fresh(place: Path, out: Path) -> tuple[Path, _Written]:
    """A new file beside `place`, never that of another run."""
    number = 1
    while True:
        partial = place.with_name(f"{place.name}.partial{number if number > 1 else ''}")
        try:
            return partial, _Written(partial, "x", out)
        except FileExistsError:
            number += 1


def _behind_link(out: Path) -> Path:
    return Path(os.path.realpath(out)) if out.is_symlink() else out


def _put_in_place(partial: Path, place: Path) -> None:
    """Rename `partial` to `place`, with the permissions of the file that it replaces."""
    if place.exists():
        shutil.copymode(place, partial)
    partial.replace(place)
