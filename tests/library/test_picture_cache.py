"""The pictures kept on disk: private, bounded, intact or not there."""

import logging
import os
from pathlib import Path

import pytest

from skin_app.cli import main
from skin_app.gallery.archive_client import ArchivePicture
from skin_app.gallery.picture_cache import CacheError, PictureCache, cache_folder
from tests.archive import jpeg

ID = "ISIC_0024306"
PICTURE = ArchivePicture(jpeg(), "Somebody <b>", "CC-BY")


@pytest.fixture
def cache(tmp_path: Path) -> PictureCache:
    return PictureCache(tmp_path / "made" / "anew")


def test_a_picture_comes_back_with_attribution_and_licence(cache: PictureCache) -> None:
    assert cache.get(ID) is None
    cache.put(ID, PICTURE)
    assert cache.get(ID) == PICTURE
    assert cache.fault is None
    (kept,) = cache.folder.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert cache.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", [b"", b"{}", b"\x00" * 300_000, "cut", "flipped", "another"])
def test_an_entry_that_is_not_intact_is_not_there_and_is_replaced(
    cache: PictureCache, damage: bytes | str
) -> None:
    cache.put(ID, PICTURE)
    (kept,) = cache.folder.iterdir()
    whole = kept.read_bytes()
    changed = {"cut": whole[:-9], "flipped": whole.replace(b"/9j/4AAQ", b"/9j/4AAR")}
    changed["another"] = whole.replace(ID.encode(), b"ISIC_0000001")
    kept.write_bytes(changed[damage] if isinstance(damage, str) else damage)
    assert kept.read_bytes() != whole
    assert cache.get(ID) is None
    cache.put(ID, PICTURE)
    assert cache.get(ID) == PICTURE


def test_a_name_that_is_no_id_is_neither_written_nor_read(cache: PictureCache) -> None:
    cache.put("../../outside", PICTURE)
    assert cache.get("../../outside") is None
    assert not cache.folder.exists()


def named(number: int) -> str:
    return f"ISIC_{number:07d}"


@pytest.mark.parametrize("limits", [{"most_files": 10}, {"most_bytes": 10 * 20_000}])
def test_the_oldest_go_when_there_are_too_many(tmp_path: Path, limits: dict[str, int]) -> None:
    cache = PictureCache(tmp_path, **limits)
    for number in range(25):
        cache.put(named(number), PICTURE)
        os.utime(cache.folder / f"{named(number)}.json", (number, number))
    kept = sorted(path.stem for path in cache.folder.iterdir())
    assert 5 <= len(kept) <= 25
    assert kept == [named(number) for number in range(25)][-len(kept) :]
    size = sum(path.stat().st_size for path in cache.folder.iterdir())
    assert len(kept) <= limits.get("most_files", 25)
    assert size <= limits.get("most_bytes", size)


def test_what_a_killed_program_left_is_swept(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path)
    cache.put(ID, PICTURE)
    old, new = cache.folder / "old.part", cache.folder / "new.part"
    for path in (old, new):
        path.touch()
    os.utime(old, (1, 1))
    PictureCache(tmp_path).put(ID, PICTURE)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_folder_that_cannot_be_written_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    cache = PictureCache(tmp_path / "file")
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            cache.put(named(number), PICTURE)
    assert len(caplog.records) == 1
    assert "set SKIN_APP_CACHE to a folder that you may write to" in caplog.text
    assert "cannot be kept" in str(cache.fault)
    assert cache.get(named(0)) is None


def test_a_full_disk_leaves_no_half_file(cache: PictureCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    cache.put(ID, PICTURE)
    assert "No space left" in str(cache.fault)
    assert list(cache.folder.iterdir()) == []


def test_the_folder_is_the_users_own_unless_it_is_named(tmp_path: Path) -> None:
    assert cache_folder({"SKIN_APP_CACHE": str(tmp_path)}) == tmp_path
    own = cache_folder({"XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)})
    assert own.name == "skin-app"
    assert cache_folder({"SKIN_APP_CACHE": ""}).is_absolute()


def test_a_user_without_a_home_folder_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(CacheError, match="set SKIN_APP_CACHE"):
        cache_folder({})
    assert cache_folder({"XDG_CACHE_HOME": "/caches", "LOCALAPPDATA": "/caches"}) is not None
    assert main(["pictures"]) == 2
