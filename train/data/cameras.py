"""Simulates other cameras: field of view, light, white balance, tone, optics, frame, compression.

The changes are those of `damage`, at strengths that leave a photo usable, and a tone curve. A named
camera of `CAMERAS` has fixed strengths; `random_camera` draws changes and strengths at random.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from skin_app.corrections import gamma
from skin_app.photo.read import Photo
from train.data.damage import DAMAGE

TONE = "tone curve"
# The changes in their order, and the range from which a random camera's strength is drawn.
RANGES: dict[str, tuple[float, float]] = {
    "too far away": (0.4, 1.0),
    "uneven illumination": (0.0, 1.5),
    "colour cast": (0.0, 0.25),
    TONE: (1 / 1.6, 1.6),
    "gaussian blur": (0.0, 0.01),
    "dark corners": (0.8, 1.3),
    "jpeg": (30.0, 95.0),
}
SHARE = 0.5  # probability that a random camera makes a change
# name -> its changes and their strengths, in units of `damage` or as the exponent of the tone curve
CAMERAS: dict[str, dict[str, float]] = {
    "other white balance": {"colour cast": 0.12},
    "strong colour cast": {"colour cast": 0.20},
    "circular frame": {"dark corners": 1.0},
    "small circular frame": {"dark corners": 0.85},
    "soft lens": {"gaussian blur": 0.006},
    "uneven light": {"uneven illumination": 1.0},
    "bright tone curve": {TONE: 1.35},
    "dark tone curve": {TONE: 1 / 1.35},
    "wider field of view": {"too far away": 0.7},
    "twice the field of view": {"too far away": 0.5},
    "strong compression": {"jpeg": 40.0},
    "all of these, mildly": {
        "too far away": 0.7,
        "colour cast": 0.12,
        TONE: 1.2,
        "gaussian blur": 0.003,
        "dark corners": 1.15,
    },
}


def seen_by(photo: Photo, camera: str, seed: int) -> Photo:
    """`photo` as one of `CAMERAS` would show it; hue and direction depend on `seed` alone."""
    return _changed(photo, CAMERAS[camera], np.random.default_rng(seed))


def random_changes(seed: int) -> dict[str, float]:
    """The changes that `random_camera` makes with this seed, and their strengths."""
    return _drawn(np.random.default_rng(seed))


def random_camera(photo: Photo, seed: int) -> Photo:
    """`photo` as a camera drawn by `seed` would show it: each change of `RANGES` or not."""
    generator = np.random.default_rng(seed)
    return _changed(photo, _drawn(generator), generator)


def _drawn(generator: Generator) -> dict[str, float]:
    return {
        change: float(generator.uniform(*ends))
        for change, ends in RANGES.items()
        if generator.random() < SHARE
    }


def _changed(photo: Photo, strengths: dict[str, float], generator: Generator) -> Photo:
    for change, strength in strengths.items():
        photo = _change(change)(photo, strength, generator)
    return photo


def _change(name: str) -> Callable[[Photo, float, Generator], Photo]:
    if name == TONE:
        return lambda photo, strength, _: gamma(photo, strength)
    return DAMAGE[name][0]
