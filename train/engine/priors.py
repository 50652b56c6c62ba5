"""How much a recipe's class weights and sampling emphasise each diagnosis.

A class-weighted loss or uneven sampling shifts the priors that a network learns. The log of that shift
is subtracted from its logits before any other step (Menon et al. 2021).
"""

import numpy as np
import torch

from skin_app.diagnoses import CODES
from train.engine.losses import class_weights
from train.engine.sampling import emphasis
from train.recipes.recipe import Recipe


def log_prior_shift(labels: np.ndarray, recipe: Recipe) -> np.ndarray:
    """(7,) log emphasis of each class by the recipe's loss and sampling, to be subtracted."""
    counts = np.bincount(labels, minlength=len(CODES))
    stressed = np.log(training_weights(counts, recipe) * emphasis(recipe, counts))
    return stressed - recipe.logit_adjustment * log_prior(counts)


def log_prior(counts: np.ndarray) -> np.ndarray:
    """(7,) log share of each class among `counts`, (7,) images; a class without any counts as one."""
    counts = np.maximum(counts, 1)
    return np.log(counts / counts.sum())


def training_weights(counts: np.ndarray, recipe: Recipe) -> np.ndarray:
    """(7,) class weights of the recipe's loss, `class_boost` included, mean 1 over the images."""
    weights = class_weights(torch.from_numpy(counts), recipe.class_weight_power).double().numpy()
    for code, factor in recipe.class_boost:
        weights[CODES.index(code)] *= factor
    return weights * counts.sum() / (weights * counts).sum()
