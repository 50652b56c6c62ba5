"""Made-up predictions that mean what they say, and crossfits of them."""

from functools import cache

import numpy as np
from scipy.special import softmax

from skin_app.calibration import Calibration
from train.scores.crossfit import Crossfit

BASE = Calibration(
    temperatures={1: 1.0},
    log_prior_shift=(0.0,) * 7,
    frequencies=(1 / 7,) * 7,
    fitted_on="numbers of this test",
)


def made(images: int, seed: int = 0, frequencies: tuple[float, ...] = (1 / 7,) * 7) -> tuple:
    """Logits, labels drawn from what they say, and lesions of two images each."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(images, 7)) * 2 + np.log(frequencies)
    labels = np.array([random.choice(7, p=p) for p in softmax(logits, axis=1)])
    return logits, labels, np.arange(images) // 2


def uncalibrated(
    logits: np.ndarray, labels: np.ndarray, lesions: np.ndarray, parts: int = 5
) -> Crossfit:
    """A crossfit without any calibration, whose parts take turns of two images."""
    own = softmax(logits, axis=1)
    turns = (np.arange(len(own)) // 2) % parts
    return Crossfit(labels, lesions, turns, (BASE,) * parts, np.stack([own] * parts))


@cache
def crossfit_predictions() -> tuple[Crossfit, ...]:
    """Two crossfits of 1,000 images of 500 lesions."""
    logits, labels, lesions = made(1000)
    return tuple(Crossfit.of(BASE, logits, labels, lesions, 1, seed) for seed in (0, 1))
