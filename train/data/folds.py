"""Stratified folds: lesion-grouped (no lesion on both sides), and by image as in 2020."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from skin_app.diagnoses import CODES
from skin_app.result_files import replace_file
from train.data.ham10000 import DataError, Dataset


def lesion_folds(data: Dataset, folds: int, seed: int) -> np.ndarray:
    """Fold number of each image, (images,) int64 in [0, folds).

    Raises `DataError` when there are too few lesions, or a fold would hold no image of a class that
    the data has.
    """
    lesions = len(np.unique(data.groups))
    _check_seed(seed)
    if folds < 2 or lesions < folds:
        raise DataError(f"{lesions} lesions cannot be split into {folds} folds: use 2 or more.")
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    return _assigned(data, folds, splitter)


def image_folds(data: Dataset, folds: int, seed: int) -> np.ndarray:
    """Fold number of each image when lesions are ignored, as in 2020: (images,) int64.

    It leaks (images of one lesion land on both sides) and is for comparison only. Raises `DataError`
    as `lesion_folds` does.
    """
    _check_seed(seed)
    if folds < 2 or len(data.table) < folds:
        raise DataError(f"{len(data.table)} images cannot be split into {folds} folds.")
    return _assigned(data, folds, StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed))


def _assigned(
    data: Dataset, folds: int, splitter: StratifiedGroupKFold | StratifiedKFold
) -> np.ndarray:
    largest = int(np.bincount(data.labels).max())
    if largest < folds:
        raise DataError(
            f"No class has more than {largest} images, too few for {folds} folds: add images."
        )
    assignment = np.full(len(data.table), -1, dtype=np.int64)
    groups = data.groups if isinstance(splitter, StratifiedGroupKFold) else None
    for fold, (_, held_out) in enumerate(
        splitter.split(np.zeros(len(data.table)), data.labels, groups)
    ):
        assignment[held_out] = fold
    for label in np.unique(data.labels):
        present = np.unique(assignment[data.labels == label])
        if len(present) < folds:
            raise DataError(
                f"Some fold has no image of {CODES[label]}: it has too few lesions for {folds} folds."
            )
    return assignment


def write_folds(data: Dataset, assignment: np.ndarray, path: Path) -> None:
    """Write image_id, lesion group, diagnosis and fold of each image as CSV."""
    table = pd.DataFrame(
        {
            "image_id": data.table["image_id"],
            "lesion_group": data.table["image_id"].to_numpy()[data.groups],
            "dx": data.table["dx"],
            "fold": assignment,
        }
    )
    replace_file(path, table.to_csv(index=False))


def _check_seed(seed: int) -> None:
    if not 0 <= seed < 2**32:
        raise DataError(f"The seed must be a number from 0 to 2^32 - 1, not {seed}.")
