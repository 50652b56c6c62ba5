"""Which images a step takes: shuffled, balanced in the batch, rare ones repeated, common ones thinned.

Every draw depends only on (seed, fold, stage, epoch), so a resumed run draws the same images.
"""

import numpy as np

from skin_app.diagnoses import CODES
from train.recipes.recipe import Recipe


def seed_of(*parts: int) -> int:
    """One seed from several numbers; neighbours do not collide."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def epoch_rows(
    recipe: Recipe, rows: np.ndarray, labels: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """The images of one epoch in their order, (steps * batch,) positions from `rows`.

    `rows`: (images,) training images; `labels`: (images,) their classes.
    """
    if recipe.sampling == "balanced":
        order = _balanced(rows, labels, recipe.batch, generator)
    elif recipe.sampling == "expanded":
        order = generator.permutation(_expanded(rows, labels, recipe.expansion, generator))
    elif recipe.sampling == "thinned":
        order = generator.permutation(_thinned(rows, labels, recipe.thinning, generator))
    else:
        order = generator.permutation(rows)
    steps = max(1, len(order) // recipe.batch)
    return order[: steps * recipe.batch]


def steps_per_epoch(recipe: Recipe, labels: np.ndarray) -> int:
    """Whole batches in one epoch over training images of classes `labels`."""
    images = len(labels)
    if recipe.sampling == "expanded":
        images = int(_expanded_counts(labels, recipe.expansion).sum())
    elif recipe.sampling == "thinned":
        images = int(_thinned_counts(np.bincount(labels), recipe.thinning).sum())
    return max(1, images // recipe.batch)


def emphasis(recipe: Recipe, counts: np.ndarray) -> np.ndarray:
    """(7,) frequency of each class in `recipe.sampling` relative to the data, mean 1 over images.

    `counts`: (7,) images per class; a class without any has emphasis 1.
    """
    shown = counts.astype(float)
    if recipe.sampling == "balanced":
        shown = (counts > 0).astype(float)
    elif recipe.sampling == "expanded":
        shown = np.maximum(counts, np.round(recipe.expansion * counts.max()) * (counts > 0))
    elif recipe.sampling == "thinned":
        shown = _thinned_counts(counts, recipe.thinning).astype(float)
    ratio = np.divide(shown, counts, out=np.ones(len(counts)), where=counts > 0)
    return ratio * counts.sum() / (ratio * counts).sum()


def _balanced(
    rows: np.ndarray, labels: np.ndarray, batch: int, generator: np.random.Generator
) -> np.ndarray:
    """Batches with classes as equal as possible; the classes take turns at the left-over places."""
    present = np.unique(labels)
    places = len(rows) // batch * batch or batch
    classes = present[np.arange(places) % len(present)]
    order = np.empty(places, dtype=np.int64)
    for label in present:
        where = np.flatnonzero(classes == label)
        own = rows[labels == label]
        passes = -(-len(where) // len(own))
        drawn = np.concatenate([generator.permutation(own) for _ in range(passes)])
        order[where] = drawn[: len(where)]
    return order


def _thinned_counts(counts: np.ndarray, thinning: float) -> np.ndarray:
    """`counts` with the largest times `thinning`, but at least 1."""
    thinned = counts.copy()
    commonest = counts.argmax()
    thinned[commonest] = max(1, round(thinning * counts[commonest]))
    return thinned


def _thinned(
    rows: np.ndarray, labels: np.ndarray, thinning: float, generator: np.random.Generator
) -> np.ndarray:
    counts = np.bincount(labels)
    commonest = int(counts.argmax())
    wanted = int(_thinned_counts(counts, thinning)[commonest])
    drawn = generator.permutation(rows[labels == commonest])[:wanted]
    return np.concatenate([rows[labels != commonest], drawn])


def _expanded_counts(labels: np.ndarray, expansion: float) -> np.ndarray:
    counts = np.bincount(labels, minlength=len(CODES))
    goal = round(expansion * counts.max())
    return np.where(counts > 0, np.maximum(counts, goal), 0)


def _expanded(
    rows: np.ndarray, labels: np.ndarray, expansion: float, generator: np.random.Generator
) -> np.ndarray:
    wanted = _expanded_counts(labels, expansion)
    parts = []
    for label in np.unique(labels):
        own = rows[labels == label]
        whole, rest = divmod(int(wanted[label]), len(own))
        parts += [np.tile(own, whole), generator.permutation(own)[:rest]]
    return np.concatenate(parts)
