"""One command at a time writes to a place, and what killed ones left half-written there is removed.

The lock is the kernel's, on a hidden file beside the place: it ends with the process that holds it. A
disk or a system without such locks (Windows) does without.
"""

import errno
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from glob import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from skin_app.result_files import OutputError
from skin_app.words import command_line as words

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
HALF = re.compile(r"(.+)\.[0-9a-f]{32}\.(partial|before)")  # what is written beside its place


@contextmanager
def only_command(place: Path, wait: bool = False, named: str | None = None) -> Iterator[None]:
    """Keep the file or folder `place`, which need not be there, to this process while the block runs.

    Not to be nested for one place. While another process has it: waits, or raises `OutputError`, which
    says who has it. `named`: what the sentence calls the place, in place of its path.
    """
    is_stream = place.exists() and not (place.is_file() or place.is_dir())  # a pipe or a device
    if is_stream or find_spec("fcntl") is None:
        yield
        return
    place = Path(os.path.realpath(place))
    made = [folder for folder in place.parents if not folder.exists()]
    place.parent.mkdir(parents=True, exist_ok=True)
    note = _note(place)
    with _locked(note, named or str(place), wait) as file:
        try:
            began = datetime.now().astimezone().isoformat(" ", "minutes")
            file.truncate(0)
            file.write(f"{os.getpid()}\n{socket.gethostname()}\n{began}")
            file.flush()
            _mend(place)
            yield
        finally:
            note.unlink()
            with suppress(OSError):  # what the command wrote to stays
                for folder in made:
                    folder.rmdir()


def _note(place: Path) -> Path:
    return place.with_name(f".{place.name}.lock")


@contextmanager
def _locked(note: Path, place: str, wait: bool) -> Iterator[TextIO]:
    """The open file `note` under a lock; a process that ends meanwhile may delete it, so look again."""
    while True:
        with note.open("a+", encoding="utf-8") as file:
            if not _lock(file):
                holder = _holder(file)
                if not wait:
                    raise OutputError(words.PLACE_IN_USE, place=place, **holder)
                told = "waiting for {place}, written by process {process} on {host}"
                tqdm.write(told.format(place=place, **holder), file=sys.stderr)
                _lock(file, wait=True)
            if _is_at(file, note):
                yield file
                return


def _lock(file: TextIO, wait: bool = False) -> bool:
    """Lock an open file; False if another process has it."""
    import fcntl  # not on Windows

    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    return True


def _holder(file: TextIO) -> dict[str, str]:
    file.seek(0)
    return dict(
        zip(
            ("process", "host", "began"), [*filter(None, file.read().split("\n")), *"???"], strict=False
        )
    )


def _is_at(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _mend(place: Path) -> None:
    """Remove half-written files beside and in `place`; put back a folder that was to be replaced."""
    inside = place.rglob("*") if place.is_dir() else ()
    for path in [*place.parent.glob(f"{escape(place.name)}.*"), *inside]:
        half = HALF.fullmatch(path.name)
        if half is None or not path.exists():  # it was in a folder that was just removed
            continue
        whole = path.with_name(half[1])
        if whole != place and _note(whole).exists():  # kept by another command, which will mend it
            continue
        if half[2] == "before" and not whole.exists():
            path.replace(whole)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
