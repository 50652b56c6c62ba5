"""Rare and common diagnoses: which images an epoch takes, class weights, and the shift of the priors.

Class weights and uneven sampling shift the priors that a network learns. The log of that shift is
subtracted from its logits before any other step (Menon et al. 2021).
"""

import numpy as np

from skin_app.diagnoses import CODES
from train.recipes.recipe import Recipe


def epoch_rows(
    recipe: Recipe, rows: np.ndarray, labels: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """The images of one epoch in their order, (steps * batch,) positions from `rows`.

    `rows`: (images,) training images; `labels`: (images,) their classes.
    """
    if recipe.sampling == "balanced":
        return _balanced(rows, labels, recipe.batch, generator)
    wanted = _images_shown(recipe, np.bincount(labels, minlength=len(CODES)))
    if recipe.sampling == "expanded":
        parts = []
        for label in np.unique(labels):
            own = rows[labels == label]
            whole, rest = divmod(int(wanted[label]), len(own))
            parts += [np.tile(own, whole), generator.permutation(own)[:rest]]
        rows = np.concatenate(parts)
    elif recipe.sampling == "thinned":
        commonest = np.bincount(labels).argmax()
        drawn = generator.permutation(rows[labels == commonest])[: wanted[commonest]]
        rows = np.concatenate([rows[labels != commonest], drawn])
    order = generator.permutation(rows)
    return order[: max(1, len(order) // recipe.batch) * recipe.batch]


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


def _images_shown(recipe: Recipe, counts: np.ndarray) -> np.ndarray:
    """(7,) images of each class in an epoch, if not "balanced"; `counts`: (7,) in the data."""
    shown = counts.copy()
    if recipe.sampling == "expanded":
        shown[counts > 0] = np.maximum(counts, round(recipe.expansion * counts.max()))[counts > 0]
    elif recipe.sampling == "thinned":
        commonest = counts.argmax()
        shown[commonest] = max(1, round(recipe.thinning * counts[commonest]))
    return shown


def steps_per_epoch(recipe: Recipe, labels: np.ndarray) -> int:
    """Whole batches in one epoch over training images of classes `labels`."""
    counts = np.bincount(labels, minlength=len(CODES))
    return max(1, int(_images_shown(recipe, counts).sum()) // recipe.batch)


def emphasis(recipe: Recipe, counts: np.ndarray) -> np.ndarray:
    """(7,) frequency of each class in `recipe.sampling` relative to the data, mean 1 over images.

    `counts`: (7,) images per class; a class without any has emphasis 1.
    """
    balanced = recipe.sampling == "balanced"
    shown = (counts > 0).astype(float) if balanced else _images_shown(recipe, counts).astype(float)
    ratio = np.divide(shown, counts, out=np.ones(len(counts)), where=counts > 0)
    return ratio * counts.sum() / (ratio * counts).sum()


def class_weights(counts: np.ndarray, power: float) -> np.ndarray:
    """(classes,) weights, mean 1 over the images; rounded to float32.

    `counts`: (classes,) images per class (a class without any counts as one). `power`: 0
    gives no weighting, 1 the class-ratio weights of Le et al. 2020 (N / (classes * n)), 0.5 their
    square root.
    """
    counts = np.maximum(counts, 1)
    weights = (counts.sum() / (len(counts) * counts)) ** power
    rounded = (weights * counts.sum() / (weights * counts).sum()).astype(np.float32)
    return rounded.astype(np.float64)


def training_weights(counts: np.ndarray, recipe: Recipe) -> np.ndarray:
    """(7,) class weights of the recipe's loss, `class_boost` included, mean 1 over the images."""
    weights = class_weights(counts, recipe.class_weight_power)
    for code, factor in recipe.class_boost:
        weights[CODES.index(code)] *= factor
    return weights * counts.sum() / (weights * counts).sum()


def log_prior(counts: np.ndarray) -> np.ndarray:
    """(7,) log share of each class among `counts`, (7,) images; a class without any counts as one."""
    counts = np.maximum(counts, 1)
    return np.log(counts / counts.sum())


def log_prior_shift(labels: np.ndarray, recipe: Recipe) -> np.ndarray:
    """(7,) log emphasis of each class by the recipe's loss and sampling, to be subtracted."""
    counts = np.bincount(labels, minlength=len(CODES))
    stressed = np.log(training_weights(counts, recipe) * emphasis(recipe, counts))
    return stressed - recipe.logit_adjustment * log_prior(counts)
