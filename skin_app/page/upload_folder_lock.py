"""Makes the folder of uploads, and deletes the folders that killed programs left behind.

A running program holds a lock on its folder, which the system releases when the program ends, however
it ends. So the next start sees at once which folder has no owner. Process ids would not tell it: they
are used again, and each container counts its own.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from platform import node

from skin_app.page.port import ServeError

PREFIX = "skin-app-uploads-"
ABANDONED_AFTER = 300.0  # seconds without a sign of life, where no lock can be seen
BOOT = Path("/proc/sys/kernel/random/boot_id")


def locked_folder(inside: str | None) -> tuple[Path, int | None]:
    """A new folder in `inside` that only this user can read, and the lock on it, for `unlock`.

    `inside` is created if missing; None or "": the system's temporary folder. The lock is None where
    the disk knows none. Raises `ServeError` if no folder can be made.
    """
    try:
        if inside:
            Path(inside).mkdir(parents=True, exist_ok=True)
        while True:
            made = tempfile.mkdtemp(prefix=f"{PREFIX}{_machine()}-", dir=inside or None)
            folder = Path(made).resolve()
            lock = _locked(folder, waits=True)
            if folder.exists():  # else another program that starts now took it for a left-over
                return folder, lock
    except OSError as error:
        raise ServeError(
            "No folder for uploads can be made in {folder} ({reason}): set GRADIO_TEMP_DIR to a folder "
            "that you may write to.",
            folder=inside or tempfile.gettempdir(),
            reason=error.strerror,
        ) from error


@dataclass
class LeftFolders:
    """The upload folders in `parent` whose programs do not run any more.

    A folder of this machine is deleted as soon as nobody locks it. Another machine may not see the lock
    of the one that shares a disk with it. There, and on disks without locks, a folder is deleted once
    it was watched unchanged for `ABANDONED_AFTER` seconds: its program would have changed its time.
    """

    parent: Path
    clock: Callable[[], float] = time.monotonic
    _seen: dict[Path, tuple[int, float]] = field(default_factory=dict)

    def remove(self) -> None:
        """Delete those that are known to be left by now; call it again later for the others."""
        found = [path for path in self.parent.glob(f"{PREFIX}*") if path.is_dir()]
        self._seen = {path: seen for path, seen in self._seen.items() if path in found}
        for folder in found:
            with suppress(OSError):  # its program runs, or deleted it first
                lock = _locked(folder)
                try:
                    if (lock is not None and _is_of_this_machine(folder)) or self._is_still(folder):
                        shutil.rmtree(folder, ignore_errors=True)
                finally:
                    unlock(lock)

    def _is_still(self, folder: Path) -> bool:
        changed, now = folder.stat().st_mtime_ns, self.clock()
        before, since = self._seen.setdefault(folder, (changed, now))
        if before != changed:
            self._seen[folder] = (changed, now)
            return False
        return now - since >= ABANDONED_AFTER


def unlock(lock: int | None) -> None:
    """Release a lock."""
    if lock is not None:
        os.close(lock)


def _locked(folder: Path, waits: bool = False) -> int | None:
    """The lock on a folder; None on a disk without locks.

    Raises `BlockingIOError` if another holds it, unless it `waits`.
    """
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:  # Windows
        return None
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        flock(opened, LOCK_EX if waits else LOCK_EX | LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        raise
    except OSError:
        os.close(opened)
        return None
    return opened


def _machine() -> str:
    """The same for all containers of a machine, until it is started anew."""
    try:
        name = BOOT.read_text(encoding="ascii")
    except OSError:
        name = node()
    return sha256(name.encode()).hexdigest()[:8]


def _is_of_this_machine(folder: Path) -> bool:
    return folder.name.startswith(f"{PREFIX}{_machine()}-")
