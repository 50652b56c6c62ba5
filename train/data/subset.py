"""Selects a part of the images: whole lesions, rare diagnoses first, reproducible by seed."""

import numpy as np

from skin_app.diagnoses import CODES
from train.data.ham10000 import DataError, Dataset


def stratified_rows(labels: np.ndarray, lesions: np.ndarray, images: int, seed: int) -> np.ndarray:
    """Rows of at most `images` images, ascending; whole lesions only.

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


def stratified_part(data: Dataset, images: int, seed: int) -> Dataset:
    """The images of `stratified_rows` as a data set; it keeps the fingerprint of the whole.

    Raises `DataError` when some diagnosis of `data` would have no image.
    """
    rows = stratified_rows(data.labels, data.groups, images, seed)
    lost = np.setdiff1d(data.labels, data.labels[rows])
    if len(lost):
        raise DataError(
            f"{images} images leave none of {', '.join(CODES[label] for label in lost)}: ask for more."
        )
    _, first, inverse = np.unique(data.groups[rows], return_index=True, return_inverse=True)
    table = data.table.iloc[rows].reset_index(drop=True).assign(group=first[inverse])
    return Dataset(table, data.fingerprint)
