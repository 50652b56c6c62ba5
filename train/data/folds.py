"""Groups the images of one lesion, and splits images into folds or parts that keep lesions whole."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from skin_app.diagnoses import CODES
from skin_app.result_files import replace_file
from train.data.csv_tables import DataError

# Images of one lesion under two lesion ids: Abhishek et al., Scientific Data (2025).
SAME_LESION = """
0033481/0033421 0033556/0032634 0029152/0033173 0029036/0027027 0027820/0028209 0027689/0032647
0030906/0024879 0033391/0034186 0025226/0030074 0026087/0025664 0024736/0029748 0024770/0027811
0027162/0029061 0024602/0032283 0029625/0024629 0030000/0031392 0024437/0031299 0033374/0033417
"""


def group_lesions(table: pd.DataFrame) -> np.ndarray:
    """One number per lesion, which joins lesion ids over the published duplicate pairs.

    `table`: with the columns image_id and lesion_id. Returns (images,) int64, the position of the first
    image of each lesion.
    """
    images = len(table)
    _, first, lesion = np.unique(table["lesion_id"], return_index=True, return_inverse=True)
    row_of = {image: row for row, image in enumerate(table["image_id"])}
    pairs = [
        [row_of.get(f"ISIC_{number}", -1) for number in pair.split("/")] for pair in SAME_LESION.split()
    ]
    same = np.array([pair for pair in pairs if min(pair) >= 0], dtype=np.int64).reshape(-1, 2)
    ends = np.concatenate([np.stack([np.arange(images), first[lesion]], axis=1), same]).T
    joined = coo_array((np.ones(ends.shape[1]), (ends[0], ends[1])), shape=(images, images))
    _, group = connected_components(joined, directed=False)
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)


def assign_folds(labels: np.ndarray, lesions: np.ndarray | None, folds: int, seed: int) -> np.ndarray:
    """Stratified fold number of each image, (images,) int64 in [0, folds).

    `labels`, `lesions`: (images,). No lesion lies on both sides of a fold; without `lesions`, images
    are split as in 2020, which leaks, and is for comparison only. Raises `DataError` when there are too
    few lesions or images, or a fold would hold no image of a class that the data has.
    """
    if not 0 <= seed < 2**32:
        raise DataError(f"The seed must be a number from 0 to 2^32 - 1, not {seed}.")
    units = len(labels) if lesions is None else len(np.unique(lesions))
    if folds < 2 or units < folds:
        what = "images" if lesions is None else "lesions"
        raise DataError(f"{units} {what} cannot be split into {folds} folds: use 2 or more.")
    largest = int(np.bincount(labels).max())
    if largest < folds:
        raise DataError(
            f"No class has more than {largest} images, too few for {folds} folds: add images."
        )
    split = StratifiedKFold if lesions is None else StratifiedGroupKFold
    splitter = split(n_splits=folds, shuffle=True, random_state=seed)
    assignment = np.full(len(labels), -1, dtype=np.int64)
    for fold, (_, held_out) in enumerate(splitter.split(labels, labels, lesions)):
        assignment[held_out] = fold
    for label in np.unique(labels):
        if len(np.unique(assignment[labels == label])) < folds:
            raise DataError(
                f"Some fold has no image of {CODES[label]}: it has too few lesions for {folds} folds."
            )
    return assignment


def write_folds(table: pd.DataFrame, assignment: np.ndarray, path: Path) -> None:
    """Write image_id, lesion group, diagnosis and fold of each image of a data set's table as CSV."""
    written = pd.DataFrame(
        {
            "image_id": table["image_id"],
            "lesion_group": table["image_id"].to_numpy()[table["group"]],
            "dx": table["dx"],
            "fold": assignment,
        }
    )
    replace_file(path, written.to_csv(index=False))


def stratified_rows(labels: np.ndarray, lesions: np.ndarray, images: int, seed: int) -> np.ndarray:
    """Rows of at most `images` images, ascending; whole lesions only, rare diagnoses first.

    `labels`, `lesions`: (images,) of all images. Every diagnosis has an equal share of `images`; one
    that has fewer is taken whole and leaves the rest of its share to the more frequent ones. A lesion
    counts for the diagnosis of its first image. Raises `DataError` when `images` is not positive.
    """
    if images < 1:
        raise DataError(f"{images} images cannot be chosen: ask for 1 or more.")
    _, first, lesion_of = np.unique(lesions, return_index=True, return_inverse=True)
    sizes, diagnoses = np.bincount(lesion_of), labels[first]
    generator = np.random.default_rng(seed)
    chosen = np.zeros(len(first), dtype=bool)
    left = images
    by_rarity = sorted(np.unique(diagnoses), key=lambda label: sizes[diagnoses == label].sum())
    for position, label in enumerate(by_rarity):
        quota = left // (len(by_rarity) - position)
        order = generator.permutation(np.flatnonzero(diagnoses == label))
        taken = order[np.cumsum(sizes[order]) <= quota]
        chosen[taken] = True
        left -= int(sizes[taken].sum())
    return np.flatnonzero(chosen[lesion_of])
