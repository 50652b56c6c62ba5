"""Analyses many photos, a few at a time, and reports progress; plain functions without gradio.

Of each photo, memory holds its `Analysis`, a JPEG copy of at most 600 pixels and a thumbnail. An upload
is deleted as soon as it is read; all remaining uploads are deleted when the run ends, even after an
error.
"""

import secrets
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor
from torchvision.io import decode_jpeg, encode_jpeg

from skin_app.analysis import Analysis
from skin_app.display import for_display, shrunk
from skin_app.ensemble import Ensemble
from skin_app.page.one_photo.handlers import Shown
from skin_app.page.sessions import delete, keep, read
from skin_app.photo.read import Photo, PhotoError, read_photo

MOST = 200
LONG_SIDE, THUMBNAIL = 600, 96
QUALITY = 85
WAIT = 30.0  # seconds after which uploads that wait for their turn are kept for longer
# Batches of several visitors take turns, a few photos each, so that none waits for all of another's.
TURNS = threading.Lock()

End = Literal["", "done", "stopped", "fault"]


@dataclass(frozen=True)
class Upload:
    """A chosen file: its path in the folder of uploads, and the name that the visitor gave it."""

    path: str
    file: str


@dataclass(frozen=True, eq=False)
class Row:
    """One photo's result. `photo`, `thumbnail`: JPEGs made here; `error`: why there is no analysis."""

    file: str
    analysis: Analysis | None = None
    photo: bytes = field(default=b"", repr=False)
    thumbnail: bytes = field(default=b"", repr=False)
    error: PhotoError | None = None


@dataclass(frozen=True, eq=False)
class Progress:
    """How far a run is.

    `rows`: what is done, in the order chosen; `seconds_left`: None while not known; `end`: "" while
    running.
    """

    rows: tuple[Row, ...]
    total: int
    seconds_left: float | None = None
    end: End = ""

    @property
    def failed(self) -> int:
        """How many photos could not be used."""
        return sum(row.analysis is None for row in self.rows)


def uploads_of(chosen: Sequence[dict[str, Any]] | None) -> tuple[Upload, ...]:
    """What gradio's file field holds; equal names are told apart by a number, "lesion.jpg (2)"."""
    found: list[Upload] = []
    counts: dict[str, int] = {}
    for entry in chosen or ():
        path = str(entry["path"])
        name = str(entry.get("orig_name") or Path(path).name)
        counts[name] = counts.get(name, 0) + 1
        found.append(Upload(path, name if counts[name] == 1 else f"{name} ({counts[name]})"))
    return tuple(found)


def run(
    ensemble: Ensemble,
    chosen: Sequence[Upload],
    uploads: Path,
    stopped: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Progress, None, None]:
    """Analyse all of `chosen` in small groups; yields progress once before, and after each group.

    A file that cannot be used becomes a row with its error. Checks `stopped` between groups. After a
    fault in the program, yields the rows done so far and re-raises the exception. At the end, or when
    the generator is closed, no file of `chosen` is left in `uploads`. Raises `ValueError`, before
    anything is read, for a path outside of it.
    """
    waiting = list(chosen)
    for upload in waiting:
        keep(upload.path, uploads)
    total = len(waiting)
    rows: list[Row] = []
    try:
        begun = clock()
        yield Progress((), total)
        batches = ensemble.analyse_files(
            tuple(waiting) if not stopped() else (),
            lambda upload: _opened(upload, waiting, uploads),
            keep_photos=True,
            turn=lambda: _turn(waiting, uploads),
        )
        for few in batches:
            rows += [_row(upload.file, result) for upload, result in few]
            del few  # frees their photos before the next are read
            if waiting and not stopped():
                left = (clock() - begun) / len(rows) * len(waiting)
                yield Progress(tuple(rows), total, left)
            if stopped():
                break
        yield Progress(tuple(rows), total, 0.0, "stopped" if waiting else "done")
    except Exception:
        yield Progress(tuple(rows), total, None, "fault")
        raise
    finally:
        for upload in waiting:
            delete(upload.path, uploads)


@contextmanager
def _turn(waiting: Sequence[Upload], uploads: Path) -> Iterator[None]:
    """Holds `TURNS`; the uploads that wait meanwhile are not swept away."""
    held = False
    while not held:
        held = TURNS.acquire(timeout=WAIT)
        for upload in waiting:
            keep(upload.path, uploads)
    try:
        yield
    finally:
        TURNS.release()


def _opened(upload: Upload, waiting: list[Upload], uploads: Path) -> Photo:
    """The photo of the first of `waiting`, which is taken off it as its file is deleted."""
    try:
        return read_photo(read(upload.path, uploads))
    finally:
        delete(upload.path, uploads)
        waiting.remove(upload)


def _row(file: str, result: Analysis | PhotoError) -> Row:
    if isinstance(result, PhotoError):
        return Row(file, error=result)
    assert result.photo is not None
    photo = result.photo
    small = shrunk(photo.pixels, LONG_SIDE)
    height, width = small.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(small[top : top + side, left : left + side])
    return Row(file, replace(result, photo=None), _jpeg(small), _jpeg(shrunk(square, THUMBNAIL)))


def _jpeg(pixels: np.ndarray) -> bytes:
    """(height, width, 3) uint8 as a JPEG without metadata."""
    image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).contiguous()
    return cast(Tensor, encode_jpeg(image, quality=QUALITY)).numpy().tobytes()


def ranked(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Rows by malignant probability, highest first; rows without an answer last, in chosen order."""
    return tuple(
        sorted(rows, key=lambda row: -row.analysis.malignant_probability if row.analysis else 1.0)
    )


def opened(rows: Sequence[Row] | None, place: int) -> Row | None:
    """The row at `place`, from 0; None where no such row with an answer is held any more."""
    if not rows or not 0 <= place < len(rows) or rows[place].analysis is None:
        return None
    return rows[place]


def shown(row: Row) -> Shown:
    """A row's photo at screen size with its analysis. Raises `ValueError` for a row without one."""
    if row.analysis is None:
        raise ValueError("This row holds no analysis.")
    # made by `_jpeg` above, so there is nothing untrusted to decode
    pixels = decode_jpeg(torch.frombuffer(bytearray(row.photo), dtype=torch.uint8))
    photo = Photo(cast(Tensor, pixels).permute(1, 2, 0).contiguous().numpy())
    analysis = replace(row.analysis, photo=photo)
    return Shown(for_display(photo), analysis, token=secrets.token_hex(4))
