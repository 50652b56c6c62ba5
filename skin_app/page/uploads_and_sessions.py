"""A visitor's data, and when it is deleted: the newest photo, uploaded files, gradio's session.

An uploaded file is read once and deleted; files that are never read are deleted after a time. gradio's
own `delete_cache` leaves files behind, so uploads lie in a folder of their own, in which nothing else
is.
"""

import os
import secrets
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from skin_app.page.port import ServeError
from skin_app.photo.limits import MAX_BYTES
from skin_app.photo.read import PhotoError

if TYPE_CHECKING:  # the upload folder is made before gradio is imported
    from gradio import Blocks, Request
    from gradio.state_holder import StateHolder

VISITORS = 256
HELD_FOR = 15 * 60  # seconds after a visitor's last action
FORGOTTEN_AFTER = 290.0  # seconds; with `SWEEP_EVERY`, an upload is gone within five minutes
ARRIVES_WITHIN = 3600.0  # seconds for all files of one upload to arrive
ABANDONED_AFTER = 3600.0  # seconds after which the folder of a killed program is deleted
PREFIX = "skin-app-uploads-"
SWEEP_EVERY = 10.0


def visitor_of(request: "Request") -> str:
    """One open page of one visitor."""
    return str(request.session_hash)


@dataclass(frozen=True, eq=False)
class Waiting:
    """An encoded photo that waits for its analysis. `token`: names it within the page."""

    data: bytes
    token: str = field(default_factory=partial(secrets.token_hex, 8))


@dataclass(eq=False)
class _Newest:
    """A visitor's last action in the photo field. `token`: "" where they emptied it.

    `archive`: whether they want pictures from the ISIC Archive; `stated`: when the patient and the
    prevalence were last stated, and what.
    """

    turn: int
    token: str
    waiting: Waiting | None
    archive: bool = False
    stated: dict[str, tuple[int, Any]] = field(default_factory=dict)


class Desk:
    """The newest photo of each of the last `VISITORS` visitors.

    A visitor may choose another photo before the answer comes. Output of the older run must then
    neither be shown nor replace the newer photo.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._turns = count()
        self._newest: OrderedDict[str, _Newest] = OrderedDict()
        self._read: dict[str, list[str]] = {}

    def turn(self) -> int:
        """A number to draw as soon as a visitor uses the photo field, for `put`."""
        return next(self._turns)

    def put(self, visitor: str, photo: Waiting | None, turn: int | None = None) -> bool:
        """Make `photo` the visitor's newest; None: they have none any more.

        Returns False, and changes nothing, if a later turn was put before: a large photo takes longer
        to read than a small one.
        """
        with self._lock:
            turn = self.turn() if turn is None else turn
            before = self._newest.get(visitor)
            if before is not None and turn < before.turn:
                return False
            archive = before is not None and before.archive
            self._newest[visitor] = _Newest(turn, photo.token if photo else "", photo, archive)
            self._newest.move_to_end(visitor)
            if len(self._newest) > VISITORS:
                self._newest.popitem(last=False)
            return True

    def take(self, visitor: str) -> Waiting | None:
        """The photo to analyse now; None if none waits, or another run has taken it."""
        with self._lock:
            newest = self._newest.get(visitor)
            if newest is None:
                return None
            waiting, newest.waiting = newest.waiting, None
            return waiting

    def wants(self, visitor: str, token: str) -> bool:
        """Whether the photo `token` is still the visitor's newest."""
        with self._lock:
            return visitor in self._newest and self._newest[visitor].token == token

    def knows(self, visitor: str) -> bool:
        """Whether the visitor chose a photo, analysed or not, and did not take it back."""
        with self._lock:
            return visitor in self._newest and self._newest[visitor].token != ""

    def state(self, visitor: str, name: str, value: Any) -> None:
        """Remember what a visitor stated last: "patient" or "prevalence", until another photo."""
        with self._lock:
            if visitor in self._newest:
                self._newest[visitor].stated[name] = (self.turn(), value)

    def stated(self, visitor: str, name: str, otherwise: Any) -> Any:
        """What the visitor stated last, or `otherwise`: an event may bring an older value."""
        with self._lock:
            newest = self._newest.get(visitor)
            return otherwise if newest is None else newest.stated.get(name, (0, otherwise))[1]

    def is_stated_since(self, visitor: str, name: str, turn: int) -> bool:
        """Whether the visitor stated it anew after `turn`: older output must not replace newer."""
        with self._lock:
            newest = self._newest.get(visitor)
            return newest is not None and newest.stated.get(name, (turn, None))[0] > turn

    def allow_archive(self, visitor: str) -> None:
        """The visitor wants pictures from the ISIC Archive, until they leave."""
        with self._lock:
            if visitor in self._newest:
                self._newest[visitor].archive = True

    def allows_archive(self, visitor: str) -> bool:
        """Whether the visitor wants pictures from the ISIC Archive."""
        with self._lock:
            return visitor in self._newest and self._newest[visitor].archive

    def hold(self, visitor: str, upload: str) -> None:
        """Remember a file that was read: the browser shows it until its preview arrives."""
        with self._lock:
            self._read.setdefault(visitor, []).append(upload)

    def release(self, visitor: str) -> list[str]:
        """The files to delete now."""
        with self._lock:
            return self._read.pop(visitor, [])

    def forget(self, visitor: str) -> None:
        """The visitor left."""
        with self._lock:
            self._newest.pop(visitor, None)


def forget_idle(page: "Blocks", now: datetime, held_for: float) -> None:
    """Drop the sessions of visitors who did nothing for `held_for` seconds.

    gradio's own `time_to_live` drops states only, counted from their creation. A session also holds the
    values of all fields: the photo's preview and what was typed.
    """
    sessions = page.state_holder
    with sessions.lock:
        for session, used in list(sessions.time_last_used.items()):
            if now - used >= timedelta(seconds=held_for):
                _drop(sessions, session)


def forget_session(page: "Blocks", session: str) -> None:
    """Drop the session of a visitor who left."""
    with page.state_holder.lock:  # gradio moves and evicts sessions meanwhile
        _drop(page.state_holder, session)


def _drop(sessions: "StateHolder", session: str) -> None:
    sessions.session_data.pop(session, None)
    sessions.time_last_used.pop(session, None)


@contextmanager
def private_folder() -> Iterator[Path]:
    """A fresh folder for gradio's uploads that only this user can read; deleted at the end.

    Enter it before the page is built. Old files are swept from it meanwhile. Raises `ServeError` if the
    folder cannot be made.
    """
    before = os.environ.get("GRADIO_TEMP_DIR")
    folder = _fresh_folder(before)
    remove_abandoned(folder.parent)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    ended = threading.Event()
    threading.Thread(target=_sweep_until, args=(folder, ended), daemon=True).start()
    try:
        yield folder
    finally:
        ended.set()
        if before is None:
            del os.environ["GRADIO_TEMP_DIR"]
        else:
            os.environ["GRADIO_TEMP_DIR"] = before
        shutil.rmtree(folder, ignore_errors=True)


def _fresh_folder(inside: str | None) -> Path:
    """A new folder in `inside` (created if missing); None or "": the system's temporary folder."""
    try:
        if inside:
            Path(inside).mkdir(parents=True, exist_ok=True)
        made = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=inside or None)
    except OSError as error:
        raise ServeError(
            "No folder for uploads can be made in {folder} ({reason}): set GRADIO_TEMP_DIR to a folder "
            "that you may write to.",
            folder=inside or tempfile.gettempdir(),
            reason=error.strerror,
        ) from error
    return Path(made).resolve()


def remove_abandoned(parent: Path, older_than: float = ABANDONED_AFTER) -> None:
    """Delete the upload folders in `parent` that killed programs left behind.

    Only those unchanged for `older_than` seconds: a program in another container may have a process id
    that is unknown here.
    """
    for folder in parent.glob(f"{PREFIX}*-*"):
        number = folder.name.removeprefix(PREFIX).partition("-")[0]
        try:
            if time.time() - folder.stat().st_mtime >= older_than and not _runs(number):
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:  # its program deleted it first
            continue


def _runs(number: str) -> bool:
    """Whether a process with this id runs; True where that cannot be known."""
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except (ValueError, PermissionError):
        return True
    return True


def read(path: str | Path, folder: Path) -> bytes:
    """The bytes of an upload.

    Raises `PhotoError` if it is too large or gone, `ValueError` if `path` is outside `folder`.
    """
    upload = _inside(path, folder)
    try:
        if upload.stat().st_size > MAX_BYTES:
            raise PhotoError(
                "The file has more than {limit} MB: save a smaller copy and try that.",
                limit=MAX_BYTES // 1_000_000,
            )
        return upload.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise PhotoError("The uploaded photo is no longer held here: choose it again.") from None
    except OSError as error:
        raise PhotoError(
            "The uploaded photo cannot be read ({reason}): choose it again in a moment.",
            reason=error.strerror,
        ) from error


def keep(path: str | Path, folder: Path) -> None:
    """Postpone the sweeping of an upload that still waits for its turn; nothing if it is gone.

    Raises `ValueError` if `path` is outside `folder`.
    """
    with suppress(FileNotFoundError):
        os.utime(_inside(path, folder))


def delete(path: str | Path, folder: Path) -> None:
    """Delete an upload and the subfolder that gradio made for it.

    Raises `ValueError` if `path` is outside `folder`.
    """
    upload = _inside(path, folder)
    if upload.is_file():
        upload.unlink(missing_ok=True)
    _remove_if_empty(upload.parent, folder)


def _inside(path: str | Path, folder: Path) -> Path:
    upload = Path(path).resolve()
    if not upload.is_relative_to(folder.resolve()) or upload == folder.resolve():
        raise ValueError("The path does not lead to an uploaded file.")
    return upload


def sweep(folder: Path, older_than: float = FORGOTTEN_AFTER) -> int:
    """Delete files below `folder` that were last written `older_than` seconds ago; returns how many.

    Files in `folder` itself are still arriving, so they stay for `ARRIVES_WITHIN` seconds.
    """
    now = time.time()
    deleted = 0
    # Path.rglob fails when a folder disappears meanwhile
    found = [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
    for path in found:
        try:
            kept_for = max(older_than, ARRIVES_WITHIN) if path.parent == folder else older_than
            if path.stat().st_mtime <= now - kept_for:
                path.unlink()
                deleted += 1
                _remove_if_empty(path.parent, folder)
        except FileNotFoundError:
            continue
    return deleted


def _remove_if_empty(subfolder: Path, folder: Path) -> None:
    if subfolder.resolve() != folder.resolve():
        try:
            subfolder.rmdir()
        except OSError:  # another upload lies there, or it is gone already
            return


def _sweep_until(folder: Path, ended: threading.Event) -> None:
    while not ended.wait(SWEEP_EVERY):
        with suppress(OSError):  # one undeletable file must not stop the sweeping
            sweep(folder)
