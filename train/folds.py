"""Lesion-grouped, stratified folds: no lesion has images on both sides of a split."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from skin_app.diagnoses import CODES
from train.ham10000 import DataError, Dataset


def lesion_folds(data: Dataset, folds: int, seed: int) -> np.ndarray:
    """Fold number of each image, (images,) int64 in [0, folds).

    Raises `DataError` when there are too few lesions, or a fold would hold no image of a class that
    the data has.
    """
    lesions = len(np.unique(data.groups))
    if folds < 2 or lesions < folds:
        raise DataError(f"{lesions} lesions cannot be split into {folds} folds: use 2 or more.")
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    assignment = np.full(len(data.table), -1, dtype=np.int64)
    for fold, (_, held_out) in enumerate(
        splitter.split(np.zeros(len(data.table)), data.labels, data.groups)
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
    table.to_csv(path, index=False)
