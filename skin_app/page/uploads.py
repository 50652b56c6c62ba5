"""Uploaded files live for moments: read once and deleted; what was never asked for is swept away.

gradio's own `delete_cache` leaves files behind, so it is not used. The page keeps its uploads in a
folder of its own, in which nothing else lies: whatever is old in there was left over and goes.
"""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from skin_app.page.listening import ServeError
from skin_app.photo.read import MAX_BYTES, PhotoError

FORGOTTEN_AFTER = 290.0  # and looked for every `SWEEP_EVERY`: gone within five minutes
ARRIVES_WITHIN = 3600.0
ABANDONED_AFTER = 3600.0
PREFIX = "skin-app-uploads-"
SWEEP_EVERY = 10.0


@contextmanager
def private_folder() -> Iterator[Path]:
    """Make gradio keep uploads in a fresh folder that only this user can read; gone at the end.

    Must be entered before the page is built. Sweeps the folder until then. Raises `ServeError` where
    there can be no such folder.
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
    """A new folder in the folder `inside`, which is made if need be (None or "": the system's)."""
    try:
        if inside:
            Path(inside).mkdir(parents=True, exist_ok=True)
        made = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=inside or None)
    except OSError as error:
        raise ServeError(
            f"No folder for uploads can be made in {inside or 'the folder of temporary files'} "
            f"({error.strerror}): set GRADIO_TEMP_DIR to a folder that you may write to."
        ) from error
    return Path(made).resolve()


def remove_abandoned(parent: Path, older_than: float = ABANDONED_AFTER) -> None:
    """Delete the upload folders in `parent` of programs that were killed before they could do it.

    Only those unchanged for `older_than` seconds: a running program may have a number unknown here, in
    another container.
    """
    for folder in parent.glob(f"{PREFIX}*-*"):
        number = folder.name.removeprefix(PREFIX).partition("-")[0]
        try:
            if time.time() - folder.stat().st_mtime >= older_than and not _runs(number):
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:  # its own program came first
            continue


def _runs(number: str) -> bool:
    """Whether a process of this number runs; True where that cannot be known."""
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except (ValueError, PermissionError):
        return True
    return True


def read(path: str | Path, folder: Path) -> bytes:
    """The bytes of an upload.

    Raises `PhotoError` when it is too large or gone already, `ValueError` when `path` is not inside
    `folder`.
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


def keep(path: str | Path, folder: Path) -> None:
    """Count an upload as fresh, if it is still there, so that it is not swept while it waits its turn.

    Raises `ValueError` when `path` is not inside `folder`.
    """
    with suppress(FileNotFoundError):
        os.utime(_inside(path, folder))


def delete(path: str | Path, folder: Path) -> None:
    """Delete an upload, together with the subfolder that gradio made for it.

    Raises `ValueError` when `path` is not inside `folder`.
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
    """Delete the files below `folder` last written `older_than` seconds ago or more; how many.

    Those in `folder` itself are still arriving, many in one go: they stay for `ARRIVES_WITHIN` seconds.
    """
    now = time.time()
    deleted = 0
    # not Path.rglob, which fails where a folder goes away meanwhile
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
        with suppress(OSError):  # a file that cannot be deleted must not keep later ones
            sweep(folder)
