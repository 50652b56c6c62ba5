"""Files whose names end in a checksum, so that a damaged one is found before it is read.

Neither PyTorch nor NumPy notices a changed byte in what it reads. A checksum in the name needs no
second file beside it, which a killed process could leave unwritten.
"""

import hashlib
import sys
from collections.abc import Callable
from glob import escape
from pathlib import Path

from tqdm import tqdm

from skin_app.one_command import only_command
from skin_app.result_files import beside

DIGITS = 16  # the first of the SHA-256
BLOCK = 1 << 20


def kept_file(path: Path, make: Callable[[Path], None]) -> Path:
    """The undamaged file that keeps what `make` writes to the path it is given.

    `path`: the file's name but for the checksum; it states all that the content depends on. `make` is
    called where there is no such file. One that is damaged, holds something else or has no checksum is
    removed, and stderr says so. While another process makes the file, waits for it.
    """
    with only_command(path, wait=True):
        if path.exists():  # of an older version, or not finished
            _remove(path, "has no checksum in its name")
        for whole in whole_files(path.parent, f"{escape(path.stem)}-{'?' * DIGITS}{path.suffix}"):
            return whole
        with beside(path) as partial:
            make(partial)
        return sealed(path)


def whole_files(folder: Path, pattern: str) -> list[Path]:
    """The files in `folder` that fit `pattern` and their checksums, by name; removes the others."""
    whole = []
    for path in sorted(folder.glob(pattern)):
        stem, _, stated = path.stem.rpartition("-")
        try:
            fits = stated == _checksum(path, stem)
        except FileNotFoundError:  # another process of the same command removed it
            continue
        if fits:
            whole.append(path)
        else:
            _remove(path, "does not fit the checksum in its name")
    return whole


def sealed(path: Path) -> Path:
    """Put the checksum of a finished file into its name; returns the new path."""
    named = path.with_stem(f"{path.stem}-{_checksum(path, path.stem)}")
    return path.replace(named)


def _checksum(path: Path, stem: str) -> str:
    """Of name and content, so that the content of another name does not pass."""
    digest = hashlib.sha256(f"{stem}{path.suffix}\n".encode())
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()[:DIGITS]


def _remove(path: Path, why: str) -> None:
    tqdm.write(f"warning: {path} {why}: it is removed and made anew", file=sys.stderr)
    path.unlink(missing_ok=True)
