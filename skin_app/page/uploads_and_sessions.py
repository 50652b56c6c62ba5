"""A visitor's data, and when it is deleted: the newest photo, uploaded files, gradio's session.

An uploaded file is read once and deleted. Files that are never read are deleted after a time, or once
their client is silent (`unnamed_uploads`). gradio's own `delete_cache` leaves files behind, so uploads
lie in a folder of their own, in which nothing else is.
"""

import os
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from skin_app.page.upload_folder_lock import LeftFolders, locked_folder, unlock
from skin_app.photo.limits import MAX_BYTES
from skin_app.photo.read import PhotoError

if TYPE_CHECKING:  # the upload folder is made before gradio is imported
    from gradio import Blocks, Request

VISITORS = 256
MOST_BYTES = 300_000_000  # of all photos of one client that wait for their analysis
HELD_FOR = 15 * 60  # seconds after a visitor's last action
FORGOTTEN_AFTER = 280.0  # seconds; with two times `SWEEP_EVERY`, an upload is gone within five minutes
ARRIVES_WITHIN = 3600.0  # seconds for all files of one upload to arrive
SWEEP_EVERY = 10.0
WAITS_FOR = HELD_FOR - 2 * SWEEP_EVERY  # for what a visitor of the page chose and has not started yet


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

    `client`: their address; `archive`: whether they want pictures from the ISIC Archive; `stated`: when
    the patient and the prevalence were last stated, and what.
    """

    turn: int
    token: str
    waiting: Waiting | None
    client: str = ""
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
        self._chosen: OrderedDict[tuple[str, str], list[str]] = OrderedDict()

    def turn(self) -> int:
        """A number to draw as soon as a visitor uses the photo field, for `put`."""
        return next(self._turns)

    def has_room(self, visitor: str, photo: Waiting, client: str) -> bool:
        """Whether `photo` may wait, too: of a client, which may be many visitors, only so much may."""
        with self._lock:
            waiting = (
                newest.waiting
                for other, newest in self._newest.items()
                if newest.client == client and other != visitor
            )
            held = sum(len(other.data) for other in waiting if other is not None)
            return held + len(photo.data) <= MOST_BYTES

    def put(
        self, visitor: str, photo: Waiting | None, turn: int | None = None, client: str = ""
    ) -> bool:
        """Make `photo` the visitor's newest; None: they have none any more. `client`: their address.

        Returns False, and changes nothing, if a later turn was put before: a large photo takes longer
        to read than a small one.
        """
        with self._lock:
            turn = self.turn() if turn is None else turn
            before = self._newest.get(visitor)
            if before is not None and turn < before.turn:
                return False
            archive = before is not None and before.archive
            token = photo.token if photo else ""
            self._newest[visitor] = _Newest(turn, token, photo, client, archive)
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

    def chose(self, visitor: str, field: str, uploads: list[str]) -> list[str]:
        """Remember which files a visitor's `field` holds now; returns those that it holds no more."""
        with self._lock:
            before, held = self._chosen.pop((visitor, field), []), set(uploads)
            self._chosen[visitor, field] = uploads
            if len(self._chosen) > 2 * VISITORS:  # fields of visitors whose leaving nobody saw
                self._chosen.popitem(last=False)
            return [upload for upload in before if upload not in held]

    def waiting(self) -> set[str]:
        """The files in all fields of all visitors, to be kept until they start."""
        with self._lock:
            return {upload for uploads in self._chosen.values() for upload in uploads}

    def forget(self, visitor: str) -> list[str]:
        """The visitor left; returns the files that they chose last, to delete them."""
        with self._lock:
            self._newest.pop(visitor, None)
            fields = [key for key in self._chosen if key[0] == visitor]
            return [upload for key in fields for upload in self._chosen.pop(key)]


@dataclass
class IdleSessions:
    """The sessions of visitors who do nothing, and the results of the API that nobody collects.

    gradio's own `time_to_live` drops states only, counted from their creation. A session also holds the
    values of all fields: the photo's preview and what was typed. Results wait until they are collected.
    Time is counted by a clock that nobody can set, from when something was first seen unchanged.
    """

    page: "Blocks"
    clock: Callable[[], float] = time.monotonic
    _seen: dict[tuple[str, str], tuple[object, float]] = field(default_factory=dict)

    def forget(self, held_for: float) -> None:
        """Drop what has not changed for `held_for` seconds."""
        sessions, queue, now = self.page.state_holder, self.page._queue, self.clock()
        with sessions.lock:
            marks: dict[tuple[str, str], object] = {
                ("session", session): used for session, used in sessions.time_last_used.items()
            }
        busy = {event.session_hash for event in list(queue.event_ids_to_events.values())}
        for session, waiting in list(queue.pending_messages_per_session.items()):
            if session not in busy and waiting.qsize():
                marks["results", session] = waiting.qsize()
        before, self._seen = self._seen, {}
        for key, mark in marks.items():
            seen, since = before.get(key, (mark, now))
            self._seen[key] = (mark, since if seen == mark else now)
            if now - self._seen[key][1] >= held_for:
                del self._seen[key]
                self._drop(*key)

    def _drop(self, kind: str, session: str) -> None:
        if kind == "session":
            drop_session(self.page, session)
        else:
            self.page._queue.pending_messages_per_session.pop(session, None)
            self.page._queue.pending_event_ids_session.pop(session, None)


def drop_session(page: "Blocks", session: str) -> None:
    """Drop a session as when its page is closed."""
    from gradio import Request

    for handler in page.fns.values():
        if handler.fn and any(event == "unload" for _, event in handler.targets):
            handler.fn(Request(session_hash=session))
    forget_session(page, session)


def forget_session(page: "Blocks", session: str) -> None:
    """Drop the session of a visitor who left."""
    sessions = page.state_holder
    with sessions.lock:  # gradio moves and evicts sessions meanwhile
        sessions.session_data.pop(session, None)
        sessions.time_last_used.pop(session, None)


@contextmanager
def private_folder(desk: Desk | None = None) -> Iterator[Path]:
    """A fresh folder for gradio's uploads that only this user can read; deleted at the end.

    Enter it before the page is built. Old files are swept from it meanwhile, those that wait at `desk`
    later. Raises `ServeError` if the folder cannot be made.
    """
    before = os.environ.get("GRADIO_TEMP_DIR")
    folder, lock = locked_folder(before)
    LeftFolders(folder.parent).remove()
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    ended = threading.Event()
    sweeper = Sweeper(folder, waiting=(desk or Desk()).waiting)
    threading.Thread(target=_sweep_until, args=(sweeper, ended), daemon=True).start()
    try:
        yield folder
    finally:
        ended.set()
        if before is None:
            del os.environ["GRADIO_TEMP_DIR"]
        else:
            os.environ["GRADIO_TEMP_DIR"] = before
        shutil.rmtree(folder, ignore_errors=True)
        unlock(lock)


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


@dataclass
class Sweeper:
    """Deletes files below `folder` that nobody wrote to or kept for a time.

    That time is counted from when the file was first seen unchanged, by a clock that nobody can set.
    `waiting`: which files may stay for longer, for `WAITS_FOR` seconds.
    """

    folder: Path
    clock: Callable[[], float] = time.monotonic
    waiting: Callable[[], set[str]] = set
    _seen: dict[Path, tuple[int, float]] = field(default_factory=dict)

    def sweep(self, older_than: float = FORGOTTEN_AFTER) -> int:
        """Delete what has not changed for `older_than` seconds; returns how many files.

        Files in `folder` itself are still arriving, so they stay for `ARRIVES_WITHIN` seconds.
        """
        now, before, deleted, waiting = self.clock(), self._seen, 0, self.waiting()
        self._seen = {}
        # Path.rglob fails when a folder disappears meanwhile
        found = [Path(parent, name) for parent, _, names in os.walk(self.folder) for name in names]
        for path in found:
            kept_for = older_than
            if path.parent == self.folder:
                kept_for = max(older_than, ARRIVES_WITHIN)
            elif str(path) in waiting:
                kept_for = max(older_than, WAITS_FOR)
            try:
                changed = path.stat().st_mtime_ns
                written, since = before.get(path, (changed, now))
                since = since if written == changed else now
                if now - since >= kept_for:
                    path.unlink()
                    deleted += 1
                    _remove_if_empty(path.parent, self.folder)
                else:
                    self._seen[path] = (changed, since)
            except FileNotFoundError:
                continue
        return deleted


def _remove_if_empty(subfolder: Path, folder: Path) -> None:
    if subfolder.resolve() != folder.resolve():
        try:
            subfolder.rmdir()
        except OSError:  # another upload lies there, or it is gone already
            return


def _sweep_until(sweeper: Sweeper, ended: threading.Event) -> None:
    left = LeftFolders(sweeper.folder.parent)
    while not ended.wait(SWEEP_EVERY):
        with suppress(OSError):  # one undeletable file must not stop the sweeping
            sweeper.sweep()
            os.utime(sweeper.folder)  # a sign of life, where another machine cannot see the lock
            left.remove()
