"""Images of one lesion are grouped, and no fold parts them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.tiny import write_data
from train.data.folds import assign_folds, group_lesions, write_folds
from train.data.ham10000 import DataError, Dataset, read_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return read_dataset(write_data(tmp_path_factory.mktemp("d") / "data"))


def test_lesion_ids_are_joined_over_published_pairs() -> None:
    table = pd.DataFrame(
        {
            "image_id": ["ISIC_0025226", "ISIC_1", "ISIC_0030074", "ISIC_2", "ISIC_3"],
            "lesion_id": ["b", "b", "a", "a", "c"],
        }
    )
    assert group_lesions(table).tolist() == [0, 0, 0, 0, 4]


def test_folds_keep_lesions_whole_and_classes_even(data: Dataset, tmp_path: Path) -> None:
    assignment = assign_folds(data.labels, data.groups, 4, seed=0)
    for fold in range(4):
        assert np.bincount(data.labels[assignment == fold], minlength=7).tolist() == [2] * 7
    write_folds(data.table, assignment, tmp_path / "folds.csv")
    written = pd.read_csv(tmp_path / "folds.csv")
    assert written["fold"].tolist() == assignment.tolist()
    assert written["image_id"].tolist() == data.table["image_id"].tolist()
    assert written.groupby("lesion_group")["fold"].nunique().tolist() == [1] * 28


@pytest.mark.parametrize(
    ("folds", "seed", "by_image", "sentence"),
    [
        (5, 0, False, "too few lesions for 5 folds"),
        (99, 0, False, "28 lesions cannot be split into 99 folds"),
        (1, 0, True, "56 images cannot be split into 1 folds: use 2 or more"),
        (9, 0, True, "No class has more than 8 images, too few for 9 folds"),
        (4, -1, False, "The seed must be a number from 0"),
    ],
)
def test_impossible_folds_are_one_sentence(
    folds: int, seed: int, by_image: bool, sentence: str, data: Dataset
) -> None:
    with pytest.raises(DataError, match=sentence):
        assign_folds(data.labels, None if by_image else data.groups, folds, seed)
