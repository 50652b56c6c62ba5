"""Reading the public layout: images and their table, what is refused, and the real HAM10000."""

import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedKFold

from tests.tiny import write_data
from train.data.folds import assign_folds
from train.data.ham10000 import DataError, read_dataset
from train.data.isic_diagnoses import IDS

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "ham10000"
IMAGES_IN_ORDER = "c73e9b9fe5894b87038d52f2c003d6424bd4b4f4092410c4108e835f7e794409"
FOLDS_OF_SEED_0 = "efd38f99b2147c82d9c5cf2528c8bc435e786022ce2ae987a764e5d71fb0bf5b"
NAME, IMAGES = "HAM10000_metadata.csv", "HAM10000_images_part_1"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="HAM10000 is not at ../shared/data/ham10000"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


def test_a_good_folder_is_read(folder: Path) -> None:
    data = read_dataset(folder)
    assert len(data.table) == 56
    assert len(np.unique(data.groups)) == 28
    assert np.bincount(data.labels).tolist() == [8] * 7


def test_a_flat_folder_with_any_csv_name_is_read(folder: Path) -> None:
    fingerprint = read_dataset(folder).fingerprint
    for image in (folder / IMAGES).iterdir():
        image.rename(folder / image.name)
    (folder / NAME).rename(folder / "labels.csv")
    assert read_dataset(folder).fingerprint == fingerprint


def test_only_image_id_and_dx_are_required(folder: Path) -> None:
    pd.read_csv(folder / NAME)[["image_id", "dx"]].to_csv(folder / NAME, index=False)
    data = read_dataset(folder)
    assert len(np.unique(data.groups)) == 56  # without lesion ids each image is its own lesion


def test_bad_tables_get_one_sentence(folder: Path) -> None:
    table = pd.read_csv(folder / NAME)
    for changed, words in (
        (table.assign(dx="scc"), "does not know: scc"),
        (table.assign(dx=None), r"does not know: \(empty\)"),
        (pd.concat([table, table.head(2)]), "2 image ids twice"),
        (table.assign(image_id=["", *table["image_id"][1:]]), "rows without an image_id"),
        (table.head(0), "has no rows"),
        (table.assign(image_id=[f"X{i}" for i in range(56)]), "None of the 56 images"),
    ):
        changed.to_csv(folder / NAME, index=False)
        with pytest.raises(DataError, match=words) as caught:
            read_dataset(folder)
        assert "\n" not in str(caught.value)


def test_another_image_of_an_id_is_refused_but_copies_and_others_may_lie_about(folder: Path) -> None:
    before = read_dataset(folder)
    first = min((folder / IMAGES).iterdir())
    (folder / "masks").mkdir()
    shutil.copy(first, folder / "masks" / "of_nothing_listed.jpg")
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
    images = (folder / IMAGES).rename(tmp_path / "elsewhere")
    (folder / "images").symlink_to(images)
    table = pd.read_csv(folder / NAME)
    for image in images.iterdir():
        image.rename(image.with_name(f"case.{image.name}"))
    table["image_id"] = "case." + table["image_id"] + np.where(np.arange(56) % 2, ".JPG", "")
    table.to_csv(folder / NAME, index=False)
    assert len(read_dataset(folder).table) == 56


def test_missing_images_are_counted_and_named(folder: Path) -> None:
    images = sorted((folder / IMAGES).iterdir())
    images[3].unlink()
    with pytest.raises(DataError, match=f"1 of 56 images are missing .*{images[3].stem}"):
        read_dataset(folder)
    data = read_dataset(folder, allow_missing=True)
    assert (len(data.table), data.missing) == (55, (images[3].stem,))


def test_a_folder_without_csv_or_none_at_all_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 0 CSV files"):
        read_dataset(tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        read_dataset(tmp_path / "nowhere")


@needs_shared
def test_the_real_ham10000_has_the_published_counts_and_clean_folds() -> None:
    data = read_dataset(SHARED)
    written = pd.read_csv(SHARED / NAME)
    pd.testing.assert_frame_equal(data.table.reindex(columns=written.columns), written)
    assert (data.notes, data.unreadable) == ((), {})
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
    by_image = assign_folds(data.labels, None, 5, seed=0)
    splitter = StratifiedKFold(5, shuffle=True, random_state=0)
    for fold, (_, held_out) in enumerate(splitter.split(data.labels, data.labels)):
        assert (by_image[held_out] == fold).all()
    assert pd.Series(by_image).groupby(data.groups).nunique().max() > 1  # what we avoid
