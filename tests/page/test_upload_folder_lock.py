import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from skin_app.page import upload_folder_lock
from skin_app.page.upload_folder_lock import ABANDONED_AFTER, LeftFolders, locked_folder, unlock

PROGRAM = """
import sys, time
from skin_app.page.upload_folder_lock import locked_folder
print(locked_folder(sys.argv[1])[0], flush=True)
time.sleep(600)
"""


def left_by_a_killed_program(parent: Path) -> Path:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(parent)], stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    folder = Path(program.stdout.readline().strip())
    (folder / "photo.jpg").write_bytes(b"x")
    LeftFolders(parent).remove()
    assert folder.exists()  # its program runs
    program.send_signal(signal.SIGKILL)
    program.communicate()
    return folder


def test_the_folder_of_a_killed_program_is_removed_at_once_and_that_of_a_running_one_stays(
    tmp_path: Path,
) -> None:
    mine, lock = locked_folder(str(tmp_path))
    killed = left_by_a_killed_program(tmp_path)
    LeftFolders(tmp_path).remove()
    assert mine.exists()
    assert not killed.exists()
    unlock(lock)


@pytest.mark.parametrize("why", ["another machine", "no locks"])
def test_where_no_lock_can_be_seen_a_folder_goes_when_it_shows_no_sign_of_life(
    tmp_path: Path, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why == "no locks":
        monkeypatch.setattr(upload_folder_lock, "_locked", lambda *_, **__: None)
    alive, lock = locked_folder(str(tmp_path))
    dead, other_lock = locked_folder(str(tmp_path))
    if why == "another machine":
        unlock(lock)
        unlock(other_lock)
        monkeypatch.setattr(upload_folder_lock, "_machine", lambda: "elsewhere")
    now = [0.0]
    left = LeftFolders(tmp_path, lambda: now[0])
    left.remove()
    for seconds in (ABANDONED_AFTER - 1, ABANDONED_AFTER):
        assert dead.exists()
        os.utime(alive, (0, seconds))
        now[0] = seconds
        left.remove()
    assert [folder for folder in (alive, dead) if folder.exists()] == [alive]


def test_what_only_looks_like_a_folder_of_uploads_stays(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / f"{upload_folder_lock.PREFIX}{upload_folder_lock._machine()}-link").symlink_to("kept")
    LeftFolders(tmp_path).remove()
    assert (tmp_path / "kept").is_dir()
