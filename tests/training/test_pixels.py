"""The cache of decoded squares, and batches from it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from skin_app.photo.read import read_photo
from tests.tiny import write_data
from train.data.ham10000 import DataError, read_dataset
from train.data.pixels import Pixels, cached_squares


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


def test_the_cache_holds_the_centre_squares_and_is_reused(folder: Path, tmp_path: Path) -> None:
    data = read_dataset(folder)
    squares = cached_squares(data, 72, tmp_path / "cache")
    assert squares.shape == (56, 3, 72, 72)
    photo = read_photo(data.table["path"].iloc[5])
    assert np.array_equal(squares[5], photo.pixels[:, 12:84].transpose(2, 0, 1))
    (kept,) = (tmp_path / "cache").iterdir()
    before = kept.stat().st_mtime_ns
    cached_squares(data, 72, tmp_path / "cache")
    assert kept.stat().st_mtime_ns == before


def test_a_cache_of_other_data_under_the_name_of_these_is_decoded_anew(
    folder: Path, tmp_path: Path
) -> None:
    data, cache = read_dataset(folder), tmp_path / "cache"
    right = cached_squares(data, 72, cache).copy()
    (kept,) = cache.iterdir()
    cached_squares(read_dataset(write_data(tmp_path / "others", lesions_per_class=5)), 72, cache)
    (other,) = set(cache.iterdir()) - {kept}
    kept.unlink()
    other.rename(other.with_name(f"{kept.name[:-21]}-{other.name[-20:]}"))
    assert np.array_equal(cached_squares(data, 72, cache), right)
    assert list(cache.iterdir()) == [kept]


def test_other_data_never_take_the_cache_of_a_run_that_uses_it(folder: Path, tmp_path: Path) -> None:
    mapped = cached_squares(read_dataset(folder), 72, tmp_path / "cache")
    before = mapped[5].copy()
    next((folder / "HAM10000_images_part_1").iterdir()).unlink()
    fewer = read_dataset(folder, allow_missing=True)
    assert len(cached_squares(fewer, 72, tmp_path / "cache")) == 55
    assert np.array_equal(mapped[5], before)
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_full_disk_and_a_broken_image_are_told_and_leave_no_cache(
    folder: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    with pytest.MonkeyPatch.context() as patched:
        full = shutil.disk_usage(tmp_path)._replace(free=1000)
        patched.setattr(shutil, "disk_usage", lambda _: full)
        with pytest.raises(DataError, match="free some space, or choose another --out"):
            cached_squares(read_dataset(folder), 72, cache)
    image = sorted((folder / "HAM10000_images_part_1").iterdir())[4]
    image.write_bytes(image.read_bytes()[:500])
    with pytest.raises(DataError, match=f"1 images cannot be decoded .*{image.stem}"):
        cached_squares(read_dataset(folder), 72, cache)
    assert not cache.exists()


def test_pixels_come_in_the_order_asked_for() -> None:
    squares = np.random.default_rng(0).integers(0, 256, (9, 3, 4, 4), dtype=np.uint8)
    rows = np.array([7, 0, 7, 3])
    taken = Pixels(squares, torch.device("cpu")).take(rows)
    assert taken.dtype == torch.float32
    assert torch.allclose(taken, torch.from_numpy(squares[rows]) / 255)
