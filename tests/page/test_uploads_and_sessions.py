import errno
import os
import threading
import time
from pathlib import Path

import pytest

from skin_app.page import uploads_and_sessions as sessions
from skin_app.page.uploads_and_sessions import (
    FORGOTTEN_AFTER,
    HELD_FOR,
    SWEEP_EVERY,
    VISITORS,
    WAITS_FOR,
    Desk,
    Sweeper,
    Waiting,
    delete,
    private_folder,
    read,
)
from skin_app.photo.read import PhotoError


def test_sweep_deletes_what_was_left_over_and_keeps_what_is_fresh(tmp_path: Path) -> None:
    now = [0.0]
    sweeper = Sweeper(tmp_path, lambda: now[0])
    for seconds, name in ((0.0, "old"), (200.0, "fresh")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "photo.jpg").write_bytes(b"x")
        now[0] = seconds
        assert sweeper.sweep(older_than=300) == 0
    now[0] = 300.0
    assert sweeper.sweep(older_than=300) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["fresh"]


def test_what_waits_for_its_visitors_start_stays_for_longer_but_not_forever(tmp_path: Path) -> None:
    now, names = [0.0], ("chosen", "other")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "photo.jpg").write_bytes(b"x")
    desk = Desk()
    desk.chose("visitor", "batch", [str(tmp_path / "chosen" / "photo.jpg")])
    sweeper = Sweeper(tmp_path, lambda: now[0], desk.waiting)
    for seconds, left in ((0.0, [*names]), (FORGOTTEN_AFTER, ["chosen"]), (WAITS_FOR, [])):
        now[0] = seconds
        sweeper.sweep()
        assert sorted(path.name for path in tmp_path.iterdir()) == left
    assert WAITS_FOR + 2 * SWEEP_EVERY == HELD_FOR


def test_the_sweeper_of_the_folder_knows_what_visitors_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SWEEP_EVERY", 0.01)
    monkeypatch.setattr(Sweeper.sweep, "__defaults__", (0.0,))
    desk = Desk()
    with private_folder(desk) as folder:
        for name in ("chosen", "other"):
            (folder / name).mkdir()
            desk.chose("visitor", "batch", [str(folder / "chosen" / "photo.jpg")])
            (folder / name / "photo.jpg").write_bytes(b"x")
        until = time.monotonic() + 60
        while (folder / "other").exists() and time.monotonic() < until:
            time.sleep(0.01)
        assert [path.name for path in folder.iterdir()] == ["chosen"]


def test_a_clock_that_is_set_does_not_postpone_the_sweep(tmp_path: Path) -> None:
    now, photo = [0.0], tmp_path / "upload" / "photo.jpg"
    photo.parent.mkdir()
    photo.write_bytes(b"x")
    tomorrow = time.time() + 86_400
    os.utime(photo, (tomorrow, tomorrow))
    sweeper = Sweeper(tmp_path, lambda: now[0])
    assert sweeper.sweep() == 0
    now[0] = FORGOTTEN_AFTER
    assert sweeper.sweep() == 1


def test_private_folder_is_private_and_gone_at_the_end() -> None:
    before = os.environ.get("GRADIO_TEMP_DIR")
    with private_folder() as folder:
        assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "photo.jpg").write_bytes(b"x")
    assert not folder.exists()
    assert os.environ.get("GRADIO_TEMP_DIR") == before


def test_a_folder_among_the_uploads_is_no_photo_and_stays(tmp_path: Path) -> None:
    (tmp_path / "deep" / "photo.jpg").mkdir(parents=True)
    with pytest.raises(PhotoError, match="no longer held"):
        read(tmp_path / "deep" / "photo.jpg", tmp_path)
    delete(tmp_path / "deep" / "photo.jpg", tmp_path)
    assert (tmp_path / "deep" / "photo.jpg").is_dir()
    with pytest.raises(ValueError, match="does not lead to an uploaded file"):
        read(tmp_path, tmp_path)


def test_an_upload_that_cannot_be_opened_now_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep").mkdir()
    photo = tmp_path / "deep" / "photo.jpg"
    photo.write_bytes(b"x")

    def full(_: Path) -> bytes:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(Path, "read_bytes", full)
    with pytest.raises(PhotoError, match=r"cannot be read \(Too many open files\): choose it again"):
        read(photo, tmp_path)


def test_sweeping_goes_on_after_a_folder_that_could_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, swept = threading.Event(), []

    def broken_once(sweeper: Sweeper) -> int:
        swept.append(sweeper.folder)
        if len(swept) == 1:
            raise FileNotFoundError(sweeper.folder)
        ended.set()
        return 0

    monkeypatch.setattr(sessions, "SWEEP_EVERY", 0.01)
    monkeypatch.setattr(Sweeper, "sweep", broken_once)
    sessions._sweep_until(Sweeper(tmp_path), ended)
    assert swept == [tmp_path, tmp_path]


def test_files_of_a_long_upload_are_not_swept_before_the_last_has_arrived(tmp_path: Path) -> None:
    """gradio writes them into the folder itself and moves them when all are there."""
    arriving = tmp_path / "tmp1a2b"
    arriving.write_bytes(b"x")
    now = [0.0]
    sweeper = Sweeper(tmp_path, lambda: now[0])
    for minutes, swept in ((0, 0), (10, 0), (61, 1)):
        now[0] = 60.0 * minutes
        assert sweeper.sweep() == swept


def test_files_that_were_chosen_last_are_given_back_when_the_visitor_leaves() -> None:
    desk = Desk()
    assert desk.chose("visitor", "batch", ["one", "two"]) == []
    assert desk.chose("visitor", "batch", ["two", "three"]) == ["one"]
    assert desk.chose("visitor", "angles", ["four"]) == []
    assert desk.waiting() == {"two", "three", "four"}
    assert desk.forget("other") == []
    assert desk.forget("visitor") == ["two", "three", "four"]
    assert desk.forget("visitor") == []
    assert desk.waiting() == set()


def test_the_files_that_wait_for_a_start_are_those_of_a_bounded_number_of_fields() -> None:
    desk = Desk()
    for number in range(2 * VISITORS + 1):
        desk.chose(str(number), "batch", [f"file of {number}"])
    assert len(desk.waiting()) == 2 * VISITORS
    assert "file of 0" not in desk.waiting()


def test_a_photo_that_took_longer_to_read_does_not_replace_what_was_chosen_after_it() -> None:
    desk = Desk()
    large, removed = desk.turn(), desk.turn()
    assert desk.put("visitor", None, removed)
    assert desk.put("other", Waiting(b"photo"), large)
    assert not desk.put("visitor", Waiting(b"large"), large)
    assert not desk.knows("visitor")
    following = Waiting(b"next")
    assert desk.put("visitor", following, desk.turn())
    assert desk.knows("visitor")
    assert desk.wants("visitor", following.token)
    assert desk.take("visitor") is following
    assert desk.take("visitor") is None
    assert desk.wants("visitor", following.token)


def test_each_photo_has_a_name_of_its_own_even_the_same_one_chosen_again() -> None:
    assert len({Waiting(b"photo").token for _ in range(3)}) == 3
    assert not Desk().wants("visitor", "")  # nobody's photo is wanted


def test_the_desk_holds_a_bounded_number_of_visitors() -> None:
    desk = Desk()
    for number in range(VISITORS + 3):
        desk.put(str(number), Waiting(b"photo"))
    assert not desk.knows("0")
    assert desk.take("2") is None
    assert desk.take("3") is not None
    desk.forget("3")
    assert not desk.knows("3")


def test_only_so_much_of_one_client_waits_at_the_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_BYTES", 10)
    desk, photo = Desk(), Waiting(b"photo")
    for visitor in ("one", "two"):
        assert desk.has_room(visitor, photo, "192.0.2.1")
        desk.put(visitor, photo, client="192.0.2.1")
    assert not desk.has_room("three", photo, "192.0.2.1")
    assert desk.has_room("three", photo, "192.0.2.2")
    assert desk.has_room("two", photo, "192.0.2.1")  # it takes the place of the one before
    desk.take("one")
    assert desk.has_room("three", photo, "192.0.2.1")


def test_what_was_stated_last_counts_until_another_photo() -> None:
    desk = Desk()
    desk.put("visitor", Waiting(b"photo"))
    assert desk.stated("visitor", "prevalence", 20) == 20
    before = desk.turn()
    assert not desk.is_stated_since("visitor", "prevalence", before)
    desk.state("visitor", "prevalence", 50)
    assert desk.is_stated_since("visitor", "prevalence", before)
    assert not desk.is_stated_since("visitor", "prevalence", desk.turn())
    assert not desk.is_stated_since("visitor", "patient", before)
    assert desk.stated("visitor", "prevalence", 20) == 50
    assert desk.stated("other", "prevalence", 20) == 20
    desk.put("visitor", Waiting(b"another"))
    assert desk.stated("visitor", "prevalence", 30) == 30
