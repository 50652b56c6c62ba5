"""Paints things that are not the lesion onto a photo: hair, ruler, ink, gel bubbles, dark corners.

These are drawings, not photographs of real artefacts. They test whether an answer depends on something
unrelated to the lesion, not how often that happens in a clinic. Equal seeds paint equal pictures.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageFont
from PIL.ImageDraw import Draw, ImageDraw
from scipy import ndimage

from skin_app.photo.read import Photo

FINE = 3  # strokes are drawn at this multiple of the resolution, then averaged for soft edges
Painter = Callable[[np.ndarray, Generator], np.ndarray]


@dataclass(frozen=True)
class Painted:
    """A painted photo; `changed`: (height, width) bool, True on every pixel that differs."""

    photo: Photo
    changed: np.ndarray


def paint(photo: Photo, artefact: str, seed: int) -> Painted:
    """Paint one of `ARTEFACTS` onto a copy of `photo`. Raises `ValueError` for another name."""
    if artefact not in ARTEFACTS:
        raise ValueError(f"{artefact!r} is no artefact: it is one of {', '.join(ARTEFACTS)}.")
    generator = np.random.default_rng([seed, list(ARTEFACTS).index(artefact)])
    painted = ARTEFACTS[artefact](photo.pixels.astype(np.float64), generator)
    pixels = np.clip(np.round(painted), 0, 255).astype(np.uint8)
    return Painted(Photo(pixels), (pixels != photo.pixels).any(axis=2))


def _dark_hair(picture: np.ndarray, generator: Generator) -> np.ndarray:
    """Five to fourteen thin dark hairs, most in one direction, some across."""
    colour = np.array([52.0, 36.0, 28.0]) + generator.normal(0, 8, 3)
    return _hairs(picture, generator, colour, strength=0.88)


def _light_hair(picture: np.ndarray, generator: Generator) -> np.ndarray:
    """As dark hair, but blond or grey."""
    colour = np.array([232.0, 216.0, 190.0]) + generator.normal(0, 8, 3)
    return _hairs(picture, generator, colour, strength=0.7)


def _ruler(picture: np.ndarray, generator: Generator) -> np.ndarray:
    """A millimetre scale with numbers along a long border, printed on the glass or on a pale strip."""
    if picture.shape[0] > picture.shape[1]:
        return _ruler(picture.transpose(1, 0, 2), generator).transpose(1, 0, 2)
    side, length = picture.shape[:2]
    millimetre, depth = side * generator.uniform(0.045, 0.075), side * generator.uniform(0.10, 0.14)
    canvas, pencil = _canvas(picture)
    font = ImageFont.load_default(size=0.36 * depth * FINE)
    start = generator.uniform(0, millimetre)
    for tick in range(int(length / millimetre) + 1):
        place = start + tick * millimetre
        reach = (0.55 if tick % 10 == 0 else 0.42 if tick % 5 == 0 else 0.28) * depth
        _line(pencil, np.array([(place, 0), (place, reach)]), 0.005 * side)
        if tick % 5 == 0:
            pencil.text((place * FINE, 0.78 * depth * FINE), str(tick), 255, font, anchor="mm")
    marks, strip = _coverage(canvas), np.zeros((side, length))
    strip[: round(depth)] = 0.55 if generator.random() < 0.4 else 0
    if generator.random() < 0.5:  # at the opposite border, with the numbers upside down
        marks, strip = marks[::-1, ::-1], strip[::-1]
    picture = _blend(picture, np.array([236.0, 232.0, 226.0]), strip)
    return _blend(picture, np.array([30.0, 28.0, 30.0]), 0.85 * marks)


def _ink_marks(picture: np.ndarray, generator: Generator) -> np.ndarray:
    """Gentian violet or blue skin marker: strokes, dots around, or a broken circle about the middle."""
    height, width = picture.shape[:2]
    side = min(height, width)
    middle = np.array([width, height]) / 2 + generator.uniform(-0.03, 0.03, 2) * side
    canvas, pencil = _canvas(picture)
    draw = (_ink_strokes, _ink_dots, _ink_circle)[generator.integers(3)]
    draw(pencil, generator, middle, side)
    uneven = ndimage.gaussian_filter(generator.normal(size=(height, width)), 0.012 * side)
    uneven = np.clip(0.8 + 0.18 * uneven / uneven.std(), 0, 1)
    let_through = (np.array([0.42, 0.30, 0.66]), np.array([0.34, 0.44, 0.72]))[generator.integers(2)]
    # Ink is translucent: it absorbs a share of each colour, so the skin's texture stays visible.
    return _blend(
        picture, picture * let_through, ndimage.gaussian_filter(_coverage(canvas), 0.6) * uneven
    )


def _bubbles(picture: np.ndarray, generator: Generator) -> np.ndarray:
    """Six to sixteen air bubbles in the gel: a dark edge, a bright inner rim, a spot of light."""
    height, width = picture.shape[:2]
    side = min(height, width)
    light = generator.uniform(0, 2 * np.pi)
    picture = picture.copy()
    for _ in range(generator.integers(6, 17)):
        radius = side * min(0.012 * np.exp(generator.exponential(0.6)), 0.07)
        row, column = generator.uniform(0, 1, 2) * (height, width)
        reach = 1.6 * radius + 2
        rows = slice(max(0, int(row - reach)), int(row + reach) + 1)
        columns = slice(max(0, int(column - reach)), int(column + reach) + 1)
        y, x = np.mgrid[0:height, 0:width][:, rows, columns].astype(float)
        seen = picture[rows, columns]
        picture[rows, columns] = _bubble(seen, (y - row) / radius, (x - column) / radius, radius, light)
    return picture


def _dark_corners(picture: np.ndarray, generator: Generator) -> np.ndarray:
    """The black surround of a dermatoscope's round field, with a soft edge."""
    height, width = picture.shape[:2]
    half = min(height, width) / 2
    y, x = np.mgrid[0:height, 0:width].astype(float)
    off = generator.uniform(-0.05, 0.05, 2) * half
    distance = np.hypot(y - height / 2 - off[0], x - width / 2 - off[1]) / half
    radius, soft = generator.uniform(1.04, 1.18), generator.uniform(0.012, 0.04)
    shut = 1 / (1 + np.exp(-np.clip((distance - radius) / soft, -40, 40)))
    shade = 0.3 * np.clip((distance - 0.9 * radius) / (0.1 * radius), 0, 1) ** 2
    return _blend(_blend(picture, 0 * picture, shade), np.array([6.0, 5.0, 6.0]), shut)


ARTEFACTS: dict[str, Painter] = {
    "dark hair": _dark_hair,
    "light hair": _light_hair,
    "ruler": _ruler,
    "ink marks": _ink_marks,
    "bubbles": _bubbles,
    "dark corners": _dark_corners,
}


def _ink_strokes(pencil: ImageDraw, generator: Generator, middle: np.ndarray, side: int) -> None:
    """Two strokes that point at the lesion from the edge."""
    for angle in generator.uniform(0, 2 * np.pi) + generator.uniform(1.5, 4.8, 2) * np.arange(2):
        outward = np.array([np.cos(angle), np.sin(angle)])
        reach = np.linspace(generator.uniform(0.33, 0.40), 0.62, 40) * side
        wobble = 0.015 * side * np.sin(np.linspace(0, 4, 40) + generator.uniform(0, 6))
        across = wobble[:, None] * np.array([-outward[1], outward[0]])
        _line(
            pencil, middle + reach[:, None] * outward + across, generator.uniform(0.024, 0.042) * side
        )


def _ink_dots(pencil: ImageDraw, generator: Generator, middle: np.ndarray, side: int) -> None:
    for angle in generator.uniform(0, 2 * np.pi) + np.arange(4) * np.pi / 2:
        outward = np.array([np.cos(angle), np.sin(angle)])
        place = middle + generator.uniform(0.38, 0.46) * side * outward
        _dot(pencil, place, generator.uniform(0.016, 0.04) * side)


def _ink_circle(pencil: ImageDraw, generator: Generator, middle: np.ndarray, side: int) -> None:
    share = generator.uniform(0.6, 0.95)
    angles = generator.uniform(0, 2 * np.pi) + np.linspace(0, 2 * np.pi * share, 90)
    radius = side * (0.43 + 0.025 * np.cos(angles * 2 + generator.uniform(0, 6)))
    circle = middle + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    _line(pencil, circle, generator.uniform(0.02, 0.035) * side)


def _bubble(
    seen: np.ndarray, dy: np.ndarray, dx: np.ndarray, radius: float, light: float
) -> np.ndarray:
    """The window `seen` with a bubble in it; `dy`, `dx`: distance from its centre in radii."""
    distance = np.hypot(dy, dx)
    facing = 0.5 + 0.5 * np.cos(np.arctan2(dy, dx) - light)
    soft = max(0.08, 0.8 / radius)
    edge = 0.55 * np.exp(-(((distance - 1) / soft) ** 2))
    rim = (0.15 + 0.65 * facing) * np.exp(-(((distance - 0.82) / (1.4 * soft)) ** 2))
    spot = np.hypot(dy - 0.5 * np.sin(light), dx - 0.5 * np.cos(light))
    shine = 0.95 * np.exp(-((spot / max(0.14, 1.0 / radius)) ** 2))
    bright = np.maximum.reduce([rim, shine, 0.10 * (distance < 0.95)])
    return _blend(_blend(seen, 0.45 * seen, edge), np.array([250.0, 248.0, 244.0]), bright)


def _hairs(
    picture: np.ndarray, generator: Generator, colour: np.ndarray, strength: float
) -> np.ndarray:
    height, width = picture.shape[:2]
    side = min(height, width)
    along = generator.uniform(0, np.pi)
    for _ in range(generator.integers(5, 15)):
        canvas, pencil = _canvas(picture)
        angle = along + generator.normal(0, 0.25) + (np.pi / 2 if generator.random() < 0.2 else 0)
        direction = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-direction[1], direction[0]])
        middle = generator.uniform(0.05, 0.95, 2) * (width, height)
        reach = side * generator.uniform(0.25, 0.75)
        bend = side * generator.normal(0, 0.10)
        place = np.linspace(-1, 1, 60)
        curve = middle + reach * place[:, None] * direction
        curve = curve + (bend * (1 - place**2) + 0.2 * bend * place**3)[:, None] * across
        broad = side * generator.uniform(0.005, 0.011)
        for start, (left, right) in enumerate(pairwise(curve)):
            _line(pencil, np.stack([left, right]), broad * (1 - 0.6 * start / len(curve)))  # to a point
        cover = ndimage.gaussian_filter(_coverage(canvas), 0.45) * strength * generator.uniform(0.75, 1)
        picture = _blend(picture, colour + generator.normal(0, 6), cover)
    return picture


def _canvas(picture: np.ndarray) -> tuple[Image.Image, ImageDraw]:
    canvas = Image.new("L", (picture.shape[1] * FINE, picture.shape[0] * FINE))
    return canvas, Draw(canvas)


def _line(pencil: ImageDraw, points: np.ndarray, broad: float) -> None:
    """A line through (points, 2) x and y with round ends, `broad` pixels wide."""
    places = [(float(x) * FINE, float(y) * FINE) for x, y in points]
    pencil.line(places, fill=255, width=max(1, round(broad * FINE)), joint="curve")
    for x, y in (points[0], points[-1]):
        _dot(pencil, np.array([x, y]), broad / 2)


def _dot(pencil: ImageDraw, place: np.ndarray, radius: float) -> None:
    x, y = place * FINE
    reach = radius * FINE
    pencil.ellipse([x - reach, y - reach, x + reach, y + reach], fill=255)


def _coverage(canvas: Image.Image) -> np.ndarray:
    """(height, width) in [0, 1]: how much of each pixel the fine drawing covers."""
    return np.asarray(canvas.reduce(FINE), dtype=np.float64) / 255


def _blend(picture: np.ndarray, colour: np.ndarray, share: np.ndarray) -> np.ndarray:
    return picture + (colour - picture) * share[..., None]
