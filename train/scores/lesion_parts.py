"""Divides whole lesions into parts, so that what is fitted on some parts is applied to another.

`held_out` gives, for each part, the images to fit on and the images to apply to.
"""

from collections.abc import Iterator

import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from train.data.ham10000 import DataError

PARTS = 5
CALIBRATED_ON = f"the other {PARTS - 1} of {PARTS} lesion-grouped parts of the predicted images"


def lesion_parts(lesions: np.ndarray) -> np.ndarray:
    """Divides whole lesions into 5 parts of about equally many images: (images,) part in [0, 5).

    Raises `DataError` for fewer than 5 lesions.
    """
    count = len(np.unique(lesions))
    if count < PARTS:
        raise DataError(
            f"Predictions of {count} lesions cannot be calibrated by their own parts: predict at least "
            f"{PARTS} lesions."
        )
    parts = np.zeros(len(lesions), dtype=np.int64)
    for part, (_, inside) in enumerate(GroupKFold(PARTS).split(lesions, groups=lesions)):
        parts[inside] = part
    return parts


def stratified_parts(labels: np.ndarray, lesions: np.ndarray, seed: int = 0) -> np.ndarray:
    """Divides whole lesions into 5 parts stratified by class: (images,) part in [0, 5).

    If a class has few images, results depend on the division; other seeds give other divisions.
    """
    parts = np.zeros(len(labels), dtype=np.int64)
    division = StratifiedGroupKFold(PARTS, shuffle=True, random_state=seed)
    for part, (_, inside) in enumerate(division.split(labels, labels, lesions)):
        parts[inside] = part
    return parts


def held_out(parts: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each part, from 0: the images to fit on and the images to apply to, (images,) bool each."""
    for part in np.unique(parts):
        yield parts != part, parts == part
