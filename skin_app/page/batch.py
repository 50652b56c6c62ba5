"""Analyses many photos, one after the other, and says how far it is; plain functions without gradio.

Of each photo, memory holds its `Analysis`, a JPEG copy of at most 600 pixels and a thumbnail. An upload
is deleted as soon as it is read; all remaining uploads are deleted when the run ends, even after an
error.
"""

import secrets
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor
from torchvision.io import decode_jpeg, encode_jpeg

from skin_app.analysis import Analysis
from skin_app.context import Patient
from skin_app.ensemble import Ensemble
from skin_app.outcome import Decision
from skin_app.overlay import for_display, shrunk
from skin_app.page.one_photo_handlers import Shown
from skin_app.page.queues import TURNS
from skin_app.page.templates import fill
from skin_app.page.uploads_and_sessions import delete, keep, read
from skin_app.photo.read import Photo, PhotoError, read_photo
from skin_app.report.csv_rows import csv_row, csv_text, error_row
from skin_app.words import several as words
from skin_app.words.language import ENGLISH, Say

MOST = 200
LONG_SIDE, THUMBNAIL = 600, 96
QUALITY = 85
TOLD_EVERY = 4  # photos
WAIT = 30.0  # seconds after which uploads that wait for their turn are kept for longer

End = Literal["", "done", "stopped", "fault"]
SEVERITY = tuple(words.OUTCOMES)  # most suspicious first


@dataclass(frozen=True)
class Upload:
    """A chosen file: its path in the folder of uploads, and the name that the visitor gave it."""

    path: str
    file: str


@dataclass(frozen=True, eq=False)
class PhotoRow:
    """One photo's result. `photo`, `thumbnail`: JPEGs made here; `error`: why there is no analysis."""

    file: str
    analysis: Analysis | None = None
    photo: bytes = field(default=b"", repr=False)
    thumbnail: bytes = field(default=b"", repr=False)
    error: PhotoError | None = None

    @property
    def decision(self) -> Decision | None:
        """None without an analysis, or for weights without limits."""
        assessment = self.analysis.assessment if self.analysis else None
        return assessment.decision if assessment else None

    @property
    def outcome_name(self) -> str:
        """The outcome, or why there is none, in a few English words."""
        if self.decision is not None:
            return words.OUTCOMES[self.decision.shown]
        return words.UNREADABLE if self.analysis is None else words.NO_OUTCOME

    @property
    def severity(self) -> int:
        """The place of its outcome among all, most suspicious first; unusable files come last."""
        if self.decision is not None:
            return SEVERITY.index(self.decision.shown)
        return len(SEVERITY) + (self.analysis is None)

    @property
    def csv_line(self) -> str:
        """Its line of the exported table, in English."""
        file, why = Path(self.file), self.error
        cells = (
            csv_row(file, self.analysis)
            if self.analysis
            else error_row(file, ENGLISH(why.sentence, **why.values) if why else "")
        )
        return csv_text([cells]).partition("\r\n")[2].removesuffix("\r\n")


@dataclass(frozen=True, eq=False)
class BatchProgress:
    """How far a run is.

    `rows`: what is done, in the order chosen; `seconds_left`: None while not known; `end`: "" while
    running.
    """

    rows: tuple[PhotoRow, ...]
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
) -> Generator[BatchProgress, None, None]:
    """Analyse all of `chosen`; yields progress once before, and after every `TOLD_EVERY` photos.

    A file that cannot be used becomes a row with its error. Checks `stopped` after each photo. After a
    fault in the program, yields the rows done so far and re-raises the exception. At the end, or when
    the generator is closed, no file of `chosen` is left in `uploads`. Raises `ValueError`, before
    anything is read, for a path outside of it.
    """
    waiting = list(chosen)
    for upload in waiting:
        keep(upload.path, uploads)
    total = len(waiting)
    rows: list[PhotoRow] = []
    try:
        begun = clock()
        yield BatchProgress((), total)
        batches = ensemble.analyse_files(
            tuple(waiting) if not stopped() else (),
            lambda upload: _opened(upload, waiting, uploads),
            keep_photos=True,
            turn=lambda: _turn(waiting, uploads),
            at_a_time=1,
        )
        for few in batches:
            rows += [_row(upload.file, result) for upload, result in few]
            del few  # frees their photos before the next are read
            if stopped():
                break
            if waiting and len(rows) % TOLD_EVERY == 0:
                left = (clock() - begun) / len(rows) * len(waiting)
                yield BatchProgress(tuple(rows), total, left)
        yield BatchProgress(tuple(rows), total, 0.0, "stopped" if waiting else "done")
    except Exception:
        yield BatchProgress(tuple(rows), total, None, "fault")
        raise
    finally:
        for upload in waiting:
            delete(upload.path, uploads)


def _turn(waiting: Sequence[Upload], uploads: Path) -> AbstractContextManager[None]:
    """A turn of `TURNS`; the uploads that wait meanwhile are not swept away."""

    def keep_all() -> None:
        for upload in waiting:
            keep(upload.path, uploads)

    keep_all()
    return TURNS.turn(first=False, meanwhile=keep_all, every=WAIT)


def _opened(upload: Upload, waiting: list[Upload], uploads: Path) -> Photo:
    """The photo of the first of `waiting`, which is taken off it as its file is deleted."""
    try:
        return read_photo(read(upload.path, uploads))
    finally:
        delete(upload.path, uploads)
        waiting.remove(upload)


def _row(file: str, result: Analysis | PhotoError) -> PhotoRow:
    if isinstance(result, PhotoError):
        return PhotoRow(file, error=result)
    assert result.photo is not None
    photo = result.photo
    small = shrunk(photo.pixels, LONG_SIDE)
    height, width = small.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(small[top : top + side, left : left + side])
    return PhotoRow(file, replace(result, photo=None), _jpeg(small), _jpeg(shrunk(square, THUMBNAIL)))


def _jpeg(pixels: np.ndarray) -> bytes:
    """(height, width, 3) uint8 as a JPEG without metadata."""
    image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).contiguous()
    return cast(Tensor, encode_jpeg(image, quality=QUALITY)).numpy().tobytes()


def most_malignant_first(rows: Sequence[PhotoRow]) -> tuple[PhotoRow, ...]:
    """Rows by malignant probability, highest first; rows without an answer last, in chosen order."""
    return tuple(
        sorted(rows, key=lambda row: -row.analysis.malignant_probability if row.analysis else 1.0)
    )


def of_patient(rows: Sequence[PhotoRow], patient: Patient) -> tuple[PhotoRow, ...]:
    """The rows with the answers for one patient; runs no network."""
    return tuple(
        replace(row, analysis=row.analysis.with_patient(patient)) if row.analysis else row
        for row in rows
    )


def row_at(rows: Sequence[PhotoRow] | None, place: int) -> PhotoRow | None:
    """The row at `place`, from 0; None where no such row with an answer is held any more."""
    if not rows or not 0 <= place < len(rows) or rows[place].analysis is None:
        return None
    return rows[place]


def as_shown(row: PhotoRow) -> Shown:
    """The photo at screen size with its analysis, of a row that has one."""
    assert row.analysis is not None
    # made by `_jpeg` above, so there is nothing untrusted to decode
    pixels = decode_jpeg(torch.frombuffer(bytearray(row.photo), dtype=torch.uint8))
    photo = Photo(cast(Tensor, pixels).permute(1, 2, 0).contiguous().numpy())
    analysis = replace(row.analysis, photo=photo)
    return Shown(for_display(photo), analysis, token=secrets.token_hex(4))


def progress_status(say: Say, progress: BatchProgress) -> str:
    """How far the run is, in words and as a bar."""
    sentence, level = _told(say, progress)
    return fill(
        "progress.html",
        say,
        sentence=sentence,
        level=level,
        is_running=not progress.end,
        done=len(progress.rows),
        total=progress.total,
    )


def _told(say: Say, progress: BatchProgress) -> tuple[str, str]:
    """How far the run is as a sentence, and the level of its status line."""
    done, total, failed = len(progress.rows), progress.total, progress.failed
    used = done - failed
    match progress.end:
        case "fault":
            return say(words.FAULT, done=used, total=total), "error"
        case "stopped":
            return say(words.STOPPED, done=used, total=total), "note"
        case "done" if failed:
            return say.plural(words.DONE_WITH_ERRORS, failed, done=used, total=total), "note"
        case "done":
            return say(words.DONE_BOTH) if total == 2 else say.plural(words.DONE, total), ""
    if progress.seconds_left is None:
        return say(words.STARTING), ""
    return say(words.RUNNING, left=time_left(say, progress.seconds_left), done=done, total=total), ""


def time_left(say: Say, seconds: float) -> str:
    """The time left in words: whole minutes from 90 seconds on, tens of seconds below."""
    if seconds < 10:
        return say(words.MOMENTS_LEFT)
    if seconds < 90:
        return say(words.SECONDS_LEFT, count=10 * round(seconds / 10))
    return say(words.MINUTES_LEFT, count=round(seconds / 60))
