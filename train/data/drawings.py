"""Procedural drawings of skin lesions, and pictures without any (one colour, noise, text).

`write_examples` writes those that ship with the page. They show no patient and look a little like
dermatoscopic photos; the networks' answers for them mean nothing. The pictures without a lesion are
those that a dermatoscopy classifier must refuse.
"""

from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from numpy.random import Generator
from PIL import Image, ImageDraw
from torchvision.io import encode_jpeg

from skin_app.photo.read import Photo

Pattern = Literal["network", "globules", "patchy", "vessels"]
HEIGHT, WIDTH = 450, 600
QUALITY = 88
EXAMPLES: dict[str, tuple[int, Pattern]] = {
    "pigment-network.jpg": (48, "network"),
    "globules.jpg": (4, "globules"),
    "irregular-patchy.jpg": (7, "patchy"),
    "red-lacunae.jpg": (3, "vessels"),
}
SKIN = np.array([(226, 178, 158), (214, 160, 140), (232, 190, 168), (222, 170, 158)], float)
PIGMENT: dict[Pattern, tuple[tuple[int, int, int], ...]] = {
    "network": ((150, 98, 72), (104, 62, 44)),
    "globules": ((166, 112, 82), (110, 68, 48)),
    "patchy": ((132, 84, 66), (58, 40, 38), (112, 112, 128), (168, 84, 74)),
    "vessels": ((188, 104, 98), (134, 46, 56)),
}


def draw_lesion(seed: int, pattern: Pattern, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """One drawing, (height, width, 3) RGB uint8; the same for the same arguments.

    `pattern` also chooses the colours; `seed` the shape, the skin, whether hairs lie across it, and
    whether the corners are dark as under some dermatoscopes.
    """
    generator = np.random.default_rng([seed, sorted(PIGMENT).index(pattern)])
    y, x = _coordinates(height, width)
    picture, inside, depth = _skin_and_shape(generator, pattern, y, x)
    colours = np.array(PIGMENT[pattern], float)
    body = _body(generator, colours, depth, pattern)
    dark = _dark_pattern(generator, pattern, y, x)[..., None]
    body = body * (1 - 0.6 * dark) + 0.85 * colours[1] * 0.6 * dark
    body += 5 * _noise(generator, height, width, 130)[..., None]
    picture = picture * (1 - inside[..., None]) + body * inside[..., None]
    if generator.random() < 0.6:
        picture = _with_hairs(generator, picture, y, x)
    shade = 1.06 - 0.16 * (x**2 + y**2)
    if generator.random() < 0.5:
        shade = shade * (1 - 0.92 * _step((np.hypot(x, y) - 1.47) / 0.03))
    picture = picture * shade[..., None] + generator.normal(0, 1.5, picture.shape)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def lesion_outline(seed: int, pattern: Pattern, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """(height, width) bool: where `draw_lesion` with the same arguments puts the lesion."""
    generator = np.random.default_rng([seed, sorted(PIGMENT).index(pattern)])
    return _skin_and_shape(generator, pattern, *_coordinates(height, width))[1] >= 0.5


def _skin_and_shape(
    generator: Generator, pattern: Pattern, y: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The skin (height, width, 3), and mask and depth of the lesion, see `_lesion_shape`."""
    skin = _skin(generator, *x.shape)
    return skin, *_lesion_shape(generator, y, x, irregular=0.30 if pattern == "patchy" else 0.14)


def _coordinates(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """y in [-1, 1] and x on the same scale, both (height, width)."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    return (y - height / 2) / (height / 2), (x - width / 2) / (height / 2)


def _step(value: np.ndarray) -> np.ndarray:
    """A soft step from 0 to 1 around 0."""
    return 1 / (1 + np.exp(-np.clip(value, -40, 40)))


def _noise(generator: Generator, height: int, width: int, cells: int) -> np.ndarray:
    """Smooth noise of unit spread with about `cells` bumps across, (height, width)."""
    rows = max(3, round(cells * height / width))
    coarse = generator.normal(size=(rows + 3, cells + 3))
    values = coarse
    for axis, length in ((0, height), (1, width)):
        place = np.linspace(1, values.shape[axis] - 2.001, length)
        below = place.astype(int)
        share = place - below
        share = share * share * (3 - 2 * share)
        share = share[:, None] if axis == 0 else share[None, :]
        low, high = np.take(values, below, axis), np.take(values, below + 1, axis)
        values = low * (1 - share) + high * share
    return values / max(float(values.std()), 1e-9)


def _skin(generator: Generator, height: int, width: int) -> np.ndarray:
    tone = SKIN[generator.integers(len(SKIN))]
    broad = _noise(generator, height, width, 4)[..., None] * np.array([5.0, 6.0, 6.0])
    mottled = _noise(generator, height, width, 30)[..., None] * np.array([2.0, 3.5, 3.0])
    lines = np.abs(_noise(generator, height, width, 70))[..., None] * np.array([2.5, 3.5, 3.5])
    return tone + broad + mottled + lines - 3


def _lesion_shape(
    generator: Generator, y: np.ndarray, x: np.ndarray, irregular: float
) -> tuple[np.ndarray, np.ndarray]:
    """Soft mask in [0, 1], and depth: 1 in the middle, 0 at the border."""
    centre_y, centre_x = generator.uniform(-0.08, 0.08, 2)
    turn, stretch = generator.uniform(0, np.pi), generator.uniform(0.78, 0.95)
    dy, dx = y - centre_y, x - centre_x
    along = dx * np.cos(turn) + dy * np.sin(turn)
    across = (dy * np.cos(turn) - dx * np.sin(turn)) / stretch
    angle = np.arctan2(across, along)
    radius = np.full_like(x, generator.uniform(0.56, 0.66))
    for order in range(2, 8):
        strength = irregular * 0.5 / order
        radius += strength * np.cos(order * angle + generator.uniform(0, 2 * np.pi))
    radius += 0.022 * _noise(generator, *x.shape, cells=14)
    distance = np.hypot(along, across)
    return _step((radius - distance) / 0.022), np.clip(1 - distance / radius, 0, 1)


def _body(generator: Generator, colours: np.ndarray, depth: np.ndarray, pattern: Pattern) -> np.ndarray:
    """The lesion's ground colours, (height, width, 3): darker inwards, with blots of colour."""
    height, width = depth.shape
    mottled = 0.14 * _noise(generator, height, width, 7)
    mix = np.clip(0.15 + 0.75 * depth + mottled, 0, 1)[..., None]
    body = colours[0] * (1 - mix) + colours[1] * mix
    for colour in colours[2:]:
        blot = 0.85 * _step((_noise(generator, height, width, 4) - 0.75) / 0.12)[..., None]
        body = body * (1 - blot) + colour * blot
    if pattern != "vessels":
        body += 9 * _noise(generator, height, width, 12)[..., None]
    return body


def _dark_pattern(generator: Generator, pattern: Pattern, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Strength of the dark pattern in [0, 1]: a net of lines, or separate round spots."""
    if pattern in ("network", "patchy"):
        warp = 0.03 * _noise(generator, *x.shape, cells=12)
        nearest, second = _cells(generator, y + warp, x - warp, 420)
        strength = _step((0.016 - (second - nearest)) / 0.005)
        where = _step(_noise(generator, *x.shape, cells=4) + 0.4)
        return strength * (where if pattern == "network" else 0.7 * where)
    count, size = (190, 0.027) if pattern == "globules" else (46, 0.072)
    nearest, _ = _cells(generator, y, x, count)
    sizes = size * (1 + 0.25 * _noise(generator, *x.shape, cells=6))
    return _step((sizes - nearest) / (size * 0.16))


def _cells(
    generator: Generator, y: np.ndarray, x: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Distance of every place to the nearest and to the second of `count` scattered points."""
    side = int(np.sqrt(count))
    rows, columns = np.mgrid[0:side, 0:side].reshape(2, -1).astype(float)
    points = np.stack([rows + (columns % 2) * 0.5, columns], axis=1)
    points += generator.uniform(-0.28, 0.28, points.shape)
    points = (points / side - 0.5) * 2.1
    nearest = np.full(x.shape, np.inf)
    second = np.full(x.shape, np.inf)
    for point_y, point_x in points:
        distance = np.hypot(y - point_y, x - point_x)
        second = np.minimum(second, np.maximum(nearest, distance))
        nearest = np.minimum(nearest, distance)
    return nearest, second


def _with_hairs(generator: Generator, picture: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    for _ in range(generator.integers(3, 8)):
        turn, offset = generator.uniform(0, np.pi), generator.uniform(-0.9, 0.9)
        bend, width = generator.uniform(-0.25, 0.25), generator.uniform(0.004, 0.0075)
        along = x * np.cos(turn) + y * np.sin(turn)
        across = y * np.cos(turn) - x * np.sin(turn) - offset - bend * along**2
        ends = _step((generator.uniform(0.5, 1.3) - np.abs(along - offset)) / 0.05)
        hair = (0.85 * ends * np.exp(-((across / width) ** 2)))[..., None]
        picture = picture * (1 - hair) + np.array([46.0, 34.0, 30.0]) * hair
    return picture


def write_examples(folder: Path) -> list[Path]:
    """Write the page's example drawings as JPEG files into `folder`; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, (seed, pattern) in EXAMPLES.items():
        pixels = torch.from_numpy(draw_lesion(seed, pattern)).permute(2, 0, 1).contiguous()
        path = folder / name
        path.write_bytes(cast(torch.Tensor, encode_jpeg(pixels, quality=QUALITY)).numpy().tobytes())
        paths.append(path)
    return paths


def blank(seed: int) -> Photo:
    """One colour all over."""
    colour = np.random.default_rng(seed).integers(0, 256, 3, dtype=np.uint8)
    return Photo(np.broadcast_to(colour, (HEIGHT, WIDTH, 3)).copy())


def noise(seed: int) -> Photo:
    """Independent random pixels, in squares of 1 to 16 pixels a side."""
    generator = np.random.default_rng(seed)
    side = int(2 ** generator.integers(0, 5))
    shape = (HEIGHT // side + 1, WIDTH // side + 1, 3)
    coarse = generator.integers(0, 256, shape, dtype=np.uint8)
    return Photo(coarse.repeat(side, axis=0).repeat(side, axis=1)[:HEIGHT, :WIDTH].copy())


def text_screenshot(seed: int) -> Photo:
    """Lines of letters, dark on light or light on dark."""
    generator = np.random.default_rng(seed)
    ink, paper = ("black", "white") if generator.random() < 0.5 else ("white", "black")
    image = Image.new("RGB", (WIDTH, HEIGHT), paper)
    draw = ImageDraw.Draw(image)
    size = int(generator.integers(10, 28))
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz      "))
    for top in range(size, HEIGHT - size, int(size * 1.5)):
        line = "".join(generator.choice(letters, generator.integers(20, 60)))
        draw.text((size, top), line, fill=ink, font_size=size)
    return Photo(np.array(image))
