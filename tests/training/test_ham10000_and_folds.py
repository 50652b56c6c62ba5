"""Reading the public layout, grouping images of one lesion, and folds that never part them."""

import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedKFold

from skin_app.photo.read import read_photo
from tests.tiny import write_data
from train.data.folds import assign_folds, group_lesions, write_folds
from train.data.ham10000 import DataError, read_dataset
from train.data.isic_diagnoses import IDS
from train.data.pixels import cached_squares

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "ham10000"
IMAGES_IN_ORDER = "c73e9b9fe5894b87038d52f2c003d6424bd4b4f4092410c4108e835f7e794409"
FOLDS_OF_SEED_0 = "efd38f99b2147c82d9c5cf2528c8bc435e786022ce2ae987a764e5d71fb0bf5b"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="HAM10000 is not at ../shared/data/ham10000"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


def edit(folder: Path, **columns: object) -> None:
    path = folder / "HAM10000_metadata.csv"
    pd.read_csv(path).assign(**columns).to_csv(path, index=False)


def test_a_good_folder_is_read(folder: Path) -> None:
    data = read_dataset(folder)
    assert len(data.table) == 56
    assert len(np.unique(data.groups)) == 28
    assert np.bincount(data.labels).tolist() == [8] * 7
    assert read_dataset(folder).fingerprint == data.fingerprint


def test_a_flat_folder_with_any_csv_name_is_read(folder: Path) -> None:
    for image in (folder / "HAM10000_images_part_1").iterdir():
        image.rename(folder / image.name)
    (folder / "HAM10000_metadata.csv").rename(folder / "labels.csv")
    assert len(read_dataset(folder).table) == 56


def test_only_image_id_and_dx_are_required(folder: Path) -> None:
    path = folder / "HAM10000_metadata.csv"
    pd.read_csv(path)[["image_id", "dx"]].to_csv(path, index=False)
    data = read_dataset(folder)
    assert len(np.unique(data.groups)) == 56  # without lesion ids each image is its own lesion


def test_bad_tables_get_one_sentence(folder: Path) -> None:
    table = pd.read_csv(folder / "HAM10000_metadata.csv")

    def refused(changed: pd.DataFrame, words: str) -> None:
        changed.to_csv(folder / "HAM10000_metadata.csv", index=False)
        with pytest.raises(DataError, match=words) as caught:
            read_dataset(folder)
        assert "\n" not in str(caught.value)

    refused(table.drop(columns=["dx"]), "has no column dx")
    refused(table.drop(columns=["dx", "image_id"]), "has no column image_id, dx")
    refused(table.assign(dx="scc"), "does not know: scc")
    refused(table.assign(dx=None), r"does not know: \(empty\)")
    refused(pd.concat([table, table.head(2)]), "2 image ids twice")
    refused(table.head(0), "has no rows")
    refused(table.assign(image_id=[f"X{i}" for i in range(56)]), "None of the 56 images")


def test_another_image_of_an_id_is_refused_but_copies_and_others_may_lie_about(folder: Path) -> None:
    first = min((folder / "HAM10000_images_part_1").iterdir())
    (folder / "masks").mkdir()
    shutil.copy(first, folder / "masks" / "of_nothing_listed.jpg")
    before = read_dataset(folder)
    assert len(before.table) == 56
    shutil.copytree(first.parent, folder / "ham10000_images_part_1")  # so in a common download
    assert read_dataset(folder).fingerprint == before.fingerprint
    other = folder / "masks" / first.name
    other.write_bytes(first.read_bytes()[:-1] + b"\0")  # of the same size
    sentence = f"different images {first.stem}, .*part_1/.* and masks/.*keep only"
    with pytest.raises(DataError, match=sentence):
        read_dataset(folder)


def test_a_link_to_the_images_is_followed_and_a_point_is_part_of_an_id(
    folder: Path, tmp_path: Path
) -> None:
    images = (folder / "HAM10000_images_part_1").rename(tmp_path / "elsewhere")
    (folder / "images").symlink_to(images)
    table = pd.read_csv(folder / "HAM10000_metadata.csv")
    for image in images.iterdir():
        image.rename(image.with_name(f"case.{image.name}"))
    table["image_id"] = "case." + table["image_id"] + np.where(np.arange(56) % 2, ".JPG", "")
    table.to_csv(folder / "HAM10000_metadata.csv", index=False)
    assert len(read_dataset(folder).table) == 56


def test_missing_images_are_counted_and_named(folder: Path) -> None:
    images = sorted((folder / "HAM10000_images_part_1").iterdir())
    images[3].unlink()
    with pytest.raises(DataError, match=f"1 of 56 images are missing .*{images[3].stem}"):
        read_dataset(folder)
    assert len(read_dataset(folder, allow_missing=True).table) == 55


def test_a_folder_without_csv_or_with_two_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 0 CSV files"):
        read_dataset(tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        read_dataset(tmp_path / "nowhere")


def test_union_find_joins_lesion_ids_over_published_pairs() -> None:
    table = pd.DataFrame(
        {
            "image_id": ["ISIC_0025226", "ISIC_1", "ISIC_0030074", "ISIC_2", "ISIC_3"],
            "lesion_id": ["a", "a", "b", "b", "c"],
        }
    )
    assert group_lesions(table).tolist() == [0, 0, 0, 0, 4]


def test_folds_keep_lesions_whole_and_classes_even(folder: Path, tmp_path: Path) -> None:
    data = read_dataset(folder)
    assignment = assign_folds(data.labels, data.groups, 4, seed=0)
    for lesion in np.unique(data.groups):
        assert len(np.unique(assignment[data.groups == lesion])) == 1
    for fold in range(4):
        assert np.bincount(data.labels[assignment == fold], minlength=7).tolist() == [2] * 7
    write_folds(data.table, assignment, tmp_path / "folds.csv")
    written = pd.read_csv(tmp_path / "folds.csv")
    assert written["fold"].tolist() == assignment.tolist()
    assert written.groupby("lesion_group")["fold"].nunique().max() == 1


def test_too_many_folds_is_one_sentence(folder: Path) -> None:
    data = read_dataset(folder)
    with pytest.raises(DataError, match="too few lesions for 5 folds"):
        assign_folds(data.labels, data.groups, 5, seed=0)
    with pytest.raises(DataError, match="cannot be split into 99 folds"):
        assign_folds(data.labels, data.groups, 99, seed=0)


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


def test_other_data_never_take_the_cache_of_a_run_that_uses_it(folder: Path, tmp_path: Path) -> None:
    data = read_dataset(folder)
    mapped = cached_squares(data, 72, tmp_path / "cache")
    before = mapped[5].copy()
    next((folder / "HAM10000_images_part_1").iterdir()).unlink()
    fewer = read_dataset(folder, allow_missing=True)
    assert len(fewer.missing) == 1
    assert len(cached_squares(fewer, 72, tmp_path / "cache")) == 55
    assert np.array_equal(mapped[5], before)
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_cache_that_does_not_fit_on_the_disk_is_one_sentence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(DataError, match="free some space, or choose another --out"):
        cached_squares(read_dataset(folder), 72, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_broken_image_stops_the_cache_and_is_named(folder: Path, tmp_path: Path) -> None:
    image = sorted((folder / "HAM10000_images_part_1").iterdir())[4]
    image.write_bytes(image.read_bytes()[:500])
    with pytest.raises(DataError, match=f"1 images cannot be decoded .*{image.stem}"):
        cached_squares(read_dataset(folder), 72, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


@needs_shared
def test_the_real_ham10000_has_the_published_counts_and_clean_folds() -> None:
    data = read_dataset(SHARED)
    counts = data.table["dx"].value_counts().to_dict()
    assert counts == {
        "nv": 6705, "mel": 1113, "bkl": 1099, "bcc": 514, "akiec": 327, "vasc": 142, "df": 115,
    }  # fmt: skip
    assert set(data.table["image_id"]) == IDS
    assert data.table["lesion_id"].nunique() == 7470
    assert len(np.unique(data.groups)) == 7470 - 18
    assignment = assign_folds(data.labels, data.groups, 5, seed=0)
    assert pd.Series(assignment).groupby(data.groups).nunique().max() == 1
    # what runs and weights were made with: other numbers here would part them from their data
    assert data.fingerprint == "b7c8090078b8952818648bfdb20b22a9b60b9a2392d0938ca2a360a4e2ca558f"
    assert sha256("\n".join(data.table["image_id"]).encode()).hexdigest() == IMAGES_IN_ORDER
    assert sha256(assignment.tobytes()).hexdigest() == FOLDS_OF_SEED_0
    by_image = np.zeros(len(data.labels), dtype=int)
    splitter = StratifiedKFold(5, shuffle=True, random_state=0)
    for fold, (_, held_out) in enumerate(splitter.split(data.labels, data.labels)):
        by_image[held_out] = fold
    assert pd.Series(by_image).groupby(data.groups).nunique().max() > 1  # what we avoid


@needs_shared
def test_the_real_table_is_read_as_it_is_written() -> None:
    written = pd.read_csv(SHARED / "HAM10000_metadata.csv")
    data = read_dataset(SHARED)
    pd.testing.assert_frame_equal(data.table.reindex(columns=written.columns), written)
    assert (data.notes, data.unreadable) == ((), {})
