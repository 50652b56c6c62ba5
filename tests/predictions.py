"""Made-up predictions that mean what they say, and nested divisions of them."""

from functools import cache

import numpy as np
from scipy.special import softmax

from skin_app.decision import Calibration
from train.audit.nested import Division, Nested, divided

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


def even(logits: np.ndarray, parts: int) -> Division:
    """A division without any calibration, by turns of two images."""
    own = softmax(logits, axis=1)
    return Division((np.arange(len(own)) // 2) % parts, (BASE,) * parts, np.stack([own] * parts))


@cache
def nested_predictions() -> Nested:
    """Two divisions of 1,000 images of 500 lesions."""
    logits, labels, lesions = made(1000)
    divisions = tuple(divided(BASE, logits, labels, lesions, 1, seed) for seed in (0, 1))
    return Nested(1, labels, lesions, divisions)
