from pathlib import Path

import numpy as np
import pytest

from skin_app.photo.read import read_photo
from train.data.drawings import EXAMPLES, PIGMENT, Pattern, draw_lesion, write_examples

SHIPPED = Path(__file__).parents[2] / "skin_app" / "page" / "examples"


@pytest.mark.parametrize("pattern", list(PIGMENT))
def test_drawing_is_deterministic(pattern: Pattern) -> None:
    first = draw_lesion(5, pattern, height=90, width=120)
    assert first.shape == (90, 120, 3)
    assert first.dtype == np.uint8
    assert (draw_lesion(5, pattern, height=90, width=120) == first).all()
    assert (draw_lesion(6, pattern, height=90, width=120) != first).any()


def test_lesion_is_darker_than_the_skin_around_it() -> None:
    drawing = draw_lesion(1, "network").astype(float)
    assert drawing[200:250, 270:330].mean() < drawing[200:250, 60:120].mean() - 30


def test_shipped_files_are_what_the_generator_writes_and_small(tmp_path: Path) -> None:
    written = write_examples(tmp_path)
    assert [path.name for path in written] == list(EXAMPLES)
    assert sorted(EXAMPLES) == sorted(path.name for path in SHIPPED.glob("*.jpg"))
    for path in written:
        shipped, drawn = (read_photo(p).pixels.astype(float) for p in (SHIPPED / path.name, path))
        assert np.abs(shipped - drawn).mean() < 1
        assert path.stat().st_size < 60_000
