"""Distinct photos of 0.1 to 12 megapixels for the visitors of the load test, with their answers alone.

Made at run time in a temporary folder from the page's drawings: turned, cropped, tinted and resized,
in turns JPEG and PNG. Where real dermatoscopic photos lie beside the repository, every fourth is one of
them, as it is. No two answers are alike, so that an answer that went to another visitor is recognised.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.reliability.page_protocol import EXPECTED
from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble
from skin_app.page.one_photo_handlers import EXAMPLES, EXAMPLES_FOLDER
from skin_app.photo.read import read_photo

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data" / "ham10000"
SMALLEST, LARGEST = 0.1, 12.0  # megapixels
APART = 1e-3  # of some probability, between any two answers


@dataclass(frozen=True)
class PhotosMade:
    """What was made. `closest`: the least distance of two answers, in their most different class."""

    count: int
    real: int
    jpeg: int
    least_megapixels: float
    most_megapixels: float
    megabytes: float
    closest: float


def make_photos(folder: Path, count: int, ensemble: Ensemble) -> PhotosMade:
    """Write `count` photos into `folder`, and `EXPECTED`: file -> its probabilities by code."""
    random = np.random.default_rng(7)
    real = sorted(REAL.glob("*/*.jpg"))
    sizes = np.geomspace(SMALLEST, LARGEST, count)
    expected: dict[str, list[float]] = {}
    megapixels: list[float] = []
    taken = 0
    while len(expected) < count:
        place = len(expected)
        if real and place % 4 == 2:
            path = folder / f"real-{place:03}.jpg"
            path.write_bytes(real[int(random.integers(len(real)))].read_bytes())
            taken += 1
        else:
            path = folder / f"drawn-{place:03}.{'png' if place % 4 == 1 else 'jpg'}"
            drawn = _drawing(random, EXAMPLES_FOLDER / EXAMPLES[place % len(EXAMPLES)], sizes[place])
            drawn.save(path, quality=90, compress_level=1)
        photo = read_photo(path)
        answer = ensemble(photo).probabilities
        if expected and _closest(list(expected.values()), answer) < APART:
            taken -= path.name.startswith("real")
            path.unlink()
            continue  # the same again, otherwise
        expected[path.name] = answer.tolist()
        megapixels.append(photo.width * photo.height / 1e6)
    by_code = {name: dict(zip(CODES, own, strict=True)) for name, own in expected.items()}
    (folder / EXPECTED).write_text(json.dumps(by_code))
    answers = list(expected.values())
    return PhotosMade(
        count=count,
        real=taken,
        jpeg=sum(name.endswith("jpg") for name in expected),
        least_megapixels=min(megapixels),
        most_megapixels=max(megapixels),
        megabytes=sum((folder / name).stat().st_size for name in expected) / 1e6,
        closest=min(_closest(answers[:i], answers[i]) for i in range(1, count)),
    )


def small_copies(folder: Path, count: int) -> list[Path]:
    """`count` different JPEGs of 0.27 megapixels, the size of HAM10000's, for a batch."""
    random, paths = np.random.default_rng(8), []
    for place in range(count):
        paths.append(folder / f"batch-{place:03}.jpg")
        drawing = EXAMPLES_FOLDER / EXAMPLES[place % len(EXAMPLES)]
        _drawing(random, drawing, 0.27).save(paths[-1], quality=90)
    return paths


def _closest(answers: Sequence[Sequence[float]], answer: Sequence[float] | np.ndarray) -> float:
    return float(np.abs(np.array(answers) - np.array(answer)).max(axis=1).min())


def _drawing(random: np.random.Generator, path: Path, megapixels: float) -> Image.Image:
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    width, height = image.size
    share = random.uniform(0.7, 1.0)
    left, top = random.uniform(0, 1 - share, 2) * (width, height)
    image = image.crop((int(left), int(top), int(left + share * width), int(top + share * height)))
    image = image.rotate(90 * int(random.integers(4)), expand=True)
    scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    tint = random.uniform(0.8, 1.1, 3)
    return Image.fromarray((np.asarray(image) * tint).clip(0, 255).astype(np.uint8))
