"""Pictures of the archive for many readers at once: each fetched once, few at a time, then held."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skin_app.gallery.archive_client import ArchiveBusyError, ArchiveError
from skin_app.gallery.archive_pictures import AT_ONCE, ArchivePictures, FetchedPictures
from skin_app.gallery.picture_cache import PictureCache
from skin_app.gallery.similar_lesions import LesionPictures, PicturesError
from skin_app.words import archive as words
from tests.archive import ATTRIBUTION, ArchiveStandIn, archive_stand_in, jpeg, says, silent

IDS = [f"ISIC_{number:07d}" for number in range(12)]
Made = Callable[..., ArchivePictures]


@pytest.fixture
def archive() -> Iterator[ArchiveStandIn]:
    with archive_stand_in() as standing_in:
        yield standing_in


@pytest.fixture
def made(archive: ArchiveStandIn, tmp_path: Path) -> Iterator[Made]:
    """Makes pictures of the stand-in, kept in `folder`."""
    all_made: list[ArchivePictures] = []

    def make(
        folder: Path = tmp_path / "cache", step: float = 5.0, whole: float = 10.0
    ) -> ArchivePictures:
        all_made.append(ArchivePictures(PictureCache(folder), archive.client(step, whole)))
        return all_made[-1]

    yield make
    for pictures in all_made:
        pictures.close()


def test_nothing_is_asked_for_before_it_is_wanted(archive: ArchiveStandIn, made: Made) -> None:
    pictures = made()
    assert [pictures.held(image_id) for image_id in IDS] == [None] * 12
    assert LesionPictures({}, archive=pictures).thumbnail(IDS[0]) is None
    assert archive.asked == []


def test_pictures_are_fetched_few_at_a_time_and_then_held(archive: ArchiveStandIn, made: Made) -> None:
    pictures = made()
    found = pictures.fetch([*IDS, IDS[0]])
    assert found.error is None
    assert list(found.pictures) == IDS
    assert found.pictures[IDS[0]].attribution == ATTRIBUTION
    assert len(archive.asked) == 2 * 12
    assert archive.at_once <= AT_ONCE
    assert list(pictures.fetch(IDS).pictures) == IDS
    assert list(made().fetch(IDS).pictures) == IDS  # another program, with the same folder
    assert len(archive.asked) == 2 * 12


def test_a_picture_that_several_readers_want_is_fetched_once(
    archive: ArchiveStandIn, made: Made
) -> None:
    pictures = made()
    archive.held.clear()
    pictures.begin(IDS[:3])
    with ThreadPoolExecutor(4) as readers:
        waiting = [readers.submit(pictures.fetch, IDS[:4]) for _ in range(4)]
        time.sleep(0.3)
        archive.held.set()
        assert all(len(one.result().pictures) == 4 for one in waiting)
    assert len(archive.asked) == 2 * 4


def test_a_slow_archive_is_not_waited_for_long_and_the_rest_is_shown(
    archive: ArchiveStandIn, made: Made
) -> None:
    archive.answers[f"/files/{IDS[3]}"] = silent
    began = time.monotonic()
    found = made(step=30, whole=30).fetch(IDS, patience=1)
    assert time.monotonic() - began < 10
    assert len(found.pictures) == 11
    assert said(found) == words.SLOW


def said(found: FetchedPictures) -> str:
    assert found.error is not None
    return found.error.sentence


def test_after_429_the_archive_is_left_alone_until_it_may_be_asked(
    archive: ArchiveStandIn, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.answers["/api"] = says(429, Retry_After="90")
    pictures = made()
    found = pictures.fetch(IDS)
    assert isinstance(found.error, ArchiveBusyError)
    asked = len(archive.asked)
    assert asked <= AT_ONCE
    archive.answers.clear()
    again = pictures.fetch(IDS)
    assert said(again) == words.BUSY
    assert len(archive.asked) == asked
    later = time.monotonic() + 91
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert len(pictures.fetch(IDS).pictures) == 12


@pytest.mark.parametrize("status", [500, 503])
def test_after_a_fault_of_the_archive_it_is_left_alone(
    archive: ArchiveStandIn, made: Made, status: int
) -> None:
    archive.answers["/api"] = says(status)
    pictures = made()
    assert said(pictures.fetch(IDS)) == words.FAULT
    assert len(archive.asked) <= AT_ONCE
    with pytest.raises(ArchiveError, match=str(status)):
        pictures.full(IDS[0])
    assert len(archive.asked) <= AT_ONCE


def test_a_picture_that_the_archive_lacks_does_not_stop_the_others_and_is_not_asked_for_again(
    archive: ArchiveStandIn, made: Made
) -> None:
    archive.answers[f"/api/{IDS[1]}"] = says(404)
    archive.answers[f"/files/{IDS[2]}"] = says(200, jpeg()[:500], "image/jpeg")
    pictures = made()
    found = pictures.fetch(IDS)
    assert set(found.errors) == {IDS[1], IDS[2]}
    assert IDS[1] in str(found.errors[IDS[1]])
    asked = len(archive.asked)
    assert set(pictures.fetch(IDS).errors) == {IDS[1], IDS[2]}
    assert len(archive.asked) == asked


def test_without_a_place_on_disk_pictures_are_held_in_memory(
    archive: ArchiveStandIn, made: Made, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    pictures = made(tmp_path / "file")
    assert len(pictures.fetch(IDS).pictures) == 12
    assert len(pictures.fetch(IDS).pictures) == 12
    assert len(archive.asked) == 2 * 12
    assert "cannot be kept" in str(pictures.cache.fault)


def test_whole_pictures_are_fetched_once_and_not_kept_on_disk(
    archive: ArchiveStandIn, made: Made
) -> None:
    pictures = made()
    assert pictures.full(IDS[0]).image == pictures.full(IDS[0]).image == jpeg()
    assert len(archive.asked) == 2
    assert not pictures.cache.folder.exists()


def test_closing_ends_requests_at_once(archive: ArchiveStandIn, made: Made) -> None:
    archive.answers["/api"] = silent
    pictures = made(step=30, whole=30)
    pictures.begin(IDS)
    time.sleep(0.2)
    began = time.monotonic()
    pictures.close()
    assert time.monotonic() - began < 5
    assert pictures._loop is None
    assert threading.active_count() < 50


def test_what_the_environment_says_decides(tmp_path: Path) -> None:
    def asks(**environment: str) -> bool:
        own = LesionPictures.from_environment({}, {"SKIN_APP_CACHE": str(tmp_path), **environment})
        assert own.archive is not None
        assert own.archive.cache.folder.parent == tmp_path
        return own.asks_archive

    assert not asks()
    assert not asks(SKIN_APP_PICTURES="")
    assert asks(SKIN_APP_PICTURES="archive")
    with pytest.raises(PicturesError, match="set it to archive"):
        asks(SKIN_APP_PICTURES="yes")
