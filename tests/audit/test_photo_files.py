"""What a file's colours and its damage do to answers, and the document that says so."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skin_app.photo.read import Photo, read_photo
from tests.audit.drawn import drawn_table, unseen_of
from train.audit import photo_files
from train.data.damage import FILE_DAMAGE, SECTOR, damage_file
from train.data.drawings import draw_lesion
from train.data.ham10000 import DataError, Dataset
from train.documents.template import filled
from train.scores.intervals import plain

IMAGES = 14


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return drawn_table(tmp_path_factory.mktemp("images"), IMAGES, (270, 360), "jpg")


@pytest.fixture(scope="module")
def data(table: pd.DataFrame) -> Dataset:
    return Dataset(table, fingerprint="0")


@pytest.mark.parametrize("damage", FILE_DAMAGE)
def test_damage_is_where_it_says_and_comes_again_from_its_seed(
    table: pd.DataFrame, damage: str
) -> None:
    file, other = (Path(path).read_bytes() for path in table["path"][:2])
    spoil = damage_file(file, other, damage, seed=3)
    assert spoil is not None
    assert spoil == damage_file(file, other, damage, seed=3)
    assert spoil[:20] == file[:20]
    assert spoil[-2:] == b"\xff\xd9"
    if "cut" in damage:
        assert len(spoil) < len(file)
        return
    assert len(spoil) == len(file)
    wrong = np.flatnonzero(np.frombuffer(spoil, np.uint8) != np.frombuffer(file, np.uint8))
    assert wrong.min() > file.index(b"\xff\xda")
    if "to the end" in damage:
        assert not any(spoil[wrong.min() : -2])
        return
    most = 1 if damage == "one wrong byte" else 8 * SECTOR
    assert wrong.max() - wrong.min() < most


def test_a_file_without_a_whole_sector_of_data_is_left_out(table: pd.DataFrame) -> None:
    file = Path(str(table["path"].iloc[0])).read_bytes()
    start = file.index(b"\xff\xda")
    assert damage_file(file[: start + 100] + b"\xff\xd9", file, "a sector of random bytes", 0) is None


def test_a_profile_that_is_used_gives_the_same_colours_and_one_that_is_dropped_does_not() -> None:
    photo = Photo(draw_lesion(2, "network", height=135, width=180))
    for way, store in photo_files.ways().items():
        pixels = read_photo(store(photo)).pixels.astype(int)
        off = np.abs(pixels - photo.pixels).mean()
        assert (off > 4) == ("ignored" in way), way


def test_sound_files_raise_no_alarm_and_cut_ones_are_all_found(data: Dataset) -> None:
    found = photo_files.of_damage(data, IMAGES)
    assert found.files == IMAGES
    assert found.false_alarms.value == 0
    noticed = {damage: own.value or 0 for damage, own in found.noticed.items()}
    for damage in FILE_DAMAGE:
        if "cut" in damage:
            assert (noticed[damage], found.changed[damage]) == (1, None)
    assert noticed["a sector of zeros (512 bytes)"] >= 0.8
    assert noticed["one wrong byte"] < 0.9


def test_data_without_jpegs_say_so_whatever_the_names(data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (80, 70), "tan").save(path, "PNG")
    pngs = Dataset(data.table.assign(path=str(path)), fingerprint="0")
    with pytest.raises(DataError, match="no JPEG"):
        photo_files.of_damage(pngs, 3)


def test_the_section_tells_what_was_measured(
    table: pd.DataFrame, data: Dataset, tmp_path: Path
) -> None:
    measured = plain(photo_files.measure(unseen_of(table, tmp_path), data, images=7, files=5))
    assert list(measured["profiles"]["ways"]) == list(photo_files.ways())
    text = filled("trust/files.md", numbers=measured)
    assert "7 out-of-fold images" in text
    assert all(said in text for said in (*photo_files.ways(), *FILE_DAMAGE))
