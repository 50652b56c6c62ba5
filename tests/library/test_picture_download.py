"""`python -m skin_app pictures`: all pictures of the gallery, kept for a machine that goes offline."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import skin_app.cli
from skin_app.cli import main
from skin_app.gallery.archive_client import ArchiveAwayError, ArchiveBusyError
from skin_app.gallery.archive_pictures import ArchivePictures
from skin_app.gallery.picture_cache import CacheError, PictureCache
from skin_app.picture_download import DownloadError, download_pictures
from skin_app.weights.folder import open_weights
from skin_app.words import archive as words
from skin_app.words.language import ENGLISH
from tests.archive import ArchiveStandIn, archive_stand_in, says
from tests.tiny import write_weights

IDS = [f"ISIC_{number:07d}" for number in range(20)]


@pytest.fixture
def archive() -> Iterator[ArchiveStandIn]:
    with archive_stand_in() as standing_in:
        yield standing_in


@pytest.fixture
def pictures(archive: ArchiveStandIn, tmp_path: Path) -> Iterator[ArchivePictures]:
    made = ArchivePictures(PictureCache(tmp_path / "cache"), archive.client())
    yield made
    made.close()


def test_a_second_run_fetches_only_what_the_first_one_left(
    archive: ArchiveStandIn, pictures: ArchivePictures, capsys: pytest.CaptureFixture[str]
) -> None:
    assert download_pictures(ENGLISH, IDS[:5], pictures) == 0
    assert "5 pictures: 0 kept before, 5 fetched, 0 missing" in capsys.readouterr().out
    archive.answers[f"/api/{IDS[7]}"] = says(404)
    assert download_pictures(ENGLISH, [*IDS, *IDS], pictures) == 1
    said = capsys.readouterr()
    assert "20 pictures: 5 kept before, 14 fetched, 1 missing" in said.out
    assert f"no longer has the picture {IDS[7]}" in said.err
    assert len(archive.asked) == 2 * 19 + 1


def test_an_archive_with_too_many_requests_gets_its_rest(
    archive: ArchiveStandIn, pictures: ArchivePictures
) -> None:
    rests: list[float] = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        archive.answers.clear()
        pictures._left_alone_until = 0.0

    archive.answers[f"/api/{IDS[9]}"] = says(429, Retry_After="120")
    assert download_pictures(ENGLISH, IDS, pictures, rest) == 0
    assert rests == [120.0]


def test_an_archive_that_never_gives_anything_more_is_given_up(
    archive: ArchiveStandIn, pictures: ArchivePictures
) -> None:
    archive.answers["/api"] = says(429, Retry_After="1")
    rests: list[float] = []
    with pytest.raises(ArchiveBusyError, match="too many requests"):
        download_pictures(ENGLISH, IDS, pictures, rests.append)
    assert len(rests) == 3


def test_without_a_network_one_sentence_comes_at_once(tmp_path: Path) -> None:
    with archive_stand_in() as gone:
        client = gone.client()
    pictures = ArchivePictures(PictureCache(tmp_path), client)
    with pytest.raises(ArchiveAwayError, match="cannot be reached"):
        download_pictures(ENGLISH, IDS, pictures, lambda _: pytest.fail("it rested"))
    pictures.close()


def test_an_unusable_folder_and_a_wrong_id_are_errors(archive: ArchiveStandIn, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    pictures = ArchivePictures(PictureCache(tmp_path / "file"), archive.client())
    with pytest.raises(CacheError, match="set SKIN_APP_CACHE"):
        download_pictures(ENGLISH, IDS, pictures)
    with pytest.raises(DownloadError, match="is no id of the ISIC Archive"):
        download_pictures(ENGLISH, ["ISIC_1"], pictures)
    pictures.close()


@pytest.fixture
def command(archive: ArchiveStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArchiveStandIn:
    """`main` asks the stand-in and keeps pictures in a folder of its own."""

    def pictures(cache: PictureCache, at_once: int) -> ArchivePictures:
        return ArchivePictures(cache, archive.client(), at_once)

    monkeypatch.setattr(skin_app.cli, "ArchivePictures", pictures)
    monkeypatch.setenv("SKIN_APP_CACHE", str(tmp_path / "cache"))
    return archive


def test_the_command_takes_the_gallerys_ids_or_those_it_is_given(
    command: ArchiveStandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = write_weights(tmp_path / "weights", images=6)
    assert main(["pictures", "--weights", str(weights)]) == 0
    assert "6 pictures" in capsys.readouterr().out
    ids = open_weights(weights).gallery().image_ids
    assert {path.split("/")[2] for path in command.asked} == set(ids)
    command.answers["/api"] = says(404)
    assert main(["pictures", "--ids", *IDS[:2]]) == 1
    command.answers["/api"] = says(500)
    assert main(["pictures", "--ids", IDS[5]]) == 2
    assert words.FAULT.format(status=500) in capsys.readouterr().err


def test_stopping_the_command_is_said_and_leaves_what_is_kept(
    command: ArchiveStandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch = ArchivePictures.fetch

    def interrupted(self: ArchivePictures, ids: list[str], patience: float) -> object:
        if IDS[10] in ids:
            raise KeyboardInterrupt
        return fetch(self, ids, patience)

    monkeypatch.setattr(ArchivePictures, "fetch", interrupted)
    assert main(["pictures", "--ids", *IDS]) == 130
    assert "stopped: the same command goes on from here" in capsys.readouterr().err
    assert len(command.asked) == 2 * 8
