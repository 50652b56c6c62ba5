from pathlib import Path

import numpy as np
import pytest

from skin_app.photo.read import read_photo
from train.data.drawings import EXAMPLES, PIGMENT, Pattern, draw_lesion, write_examples

SHIPPED = Path(__file__).parents[2] / "skin_app" / "page" / "examples"


@pytest.mark.parametrize("kind", list(PIGMENT))
def test_drawing_is_deterministic(kind: Pattern) -> None:
    first = draw_lesion(5, kind, height=90, width=120)
    assert first.shape == (90, 120, 3)
    assert first.dtype == np.uint8
    assert (draw_lesion(5, kind, height=90, width=120) == first).all()
    assert (draw_lesion(6, kind, height=90, width=120) != first).any()


def test_lesion_is_darker_than_the_skin_around_it() -> None:
    drawing = draw_lesion(1, "network").astype(float)
    assert drawing[200:250, 270:330].mean() < drawing[200:250, 60:120].mean() - 30


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_shipped_files_are_what_the_generator_draws(name: str) -> None:
    seed, kind = EXAMPLES[name]
    shipped = read_photo(SHIPPED / name).pixels.astype(float)
    drawn = draw_lesion(seed, kind).astype(float)
    assert shipped.shape == (450, 600, 3)
    assert np.abs(shipped - drawn).mean() < 3


def test_examples_are_small_files(tmp_path: Path) -> None:
    written = write_examples(tmp_path)
    assert sorted(path.name for path in written) == sorted(p.name for p in SHIPPED.glob("*.jpg"))
    assert all(path.stat().st_size < 60_000 for path in written)
