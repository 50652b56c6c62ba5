from typing import get_args

import cv2
import numpy as np
import pytest
from PIL import Image

from skin_app.lesion import SIDE, field_of_view, lesion_mask, otsu, standard_square
from skin_app.photo.read import Photo
from train.audit.lesion_masks import overlap
from train.data.drawings import Pattern, draw_lesion, lesion_outline

SKIN, BROWN = (222, 176, 158), (120, 76, 58)


def skin(side: int = SIDE, seed: int = 0) -> np.ndarray:
    """Noisy skin without a lesion."""
    noise = np.random.default_rng(seed).normal(0, 3, (side, side, 3))
    return np.clip(np.array(SKIN) + noise, 0, 255).astype(np.uint8)


def disc(row: float, column: float, radius: float, side: int = SIDE) -> np.ndarray:
    y, x = np.mgrid[0:side, 0:side]
    return (y - row) ** 2 + (x - column) ** 2 <= radius**2


def with_disc(truth: np.ndarray) -> np.ndarray:
    square = skin(len(truth))
    square[truth] = BROWN
    return square


def test_square_is_the_centre_of_the_photo_resized() -> None:
    pixels = draw_lesion(3, "globules", height=270, width=360)
    expected = Image.fromarray(pixels[:, 45:315]).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    square = standard_square(Photo(pixels))
    assert square.dtype == np.uint8
    assert np.abs(square.astype(int) - np.asarray(expected, dtype=int)).max() <= 1


@pytest.mark.parametrize("pattern", get_args(Pattern))
@pytest.mark.parametrize("seed", [0, 1])
def test_mask_covers_drawn_lesions(pattern: Pattern, seed: int) -> None:
    outline = lesion_outline(seed, pattern, 135, 180)
    true = standard_square(Photo(np.repeat(outline[..., None] * np.uint8(255), 3, axis=2)))
    drawing = standard_square(Photo(draw_lesion(seed, pattern, height=135, width=180)))
    assert overlap(lesion_mask(drawing), true[..., 0] >= 128) > 0.8


@pytest.mark.parametrize(("row", "column", "radius"), [(128, 128, 60), (110, 150, 25), (140, 90, 90)])
@pytest.mark.parametrize("side", [128, 256, 300])
def test_mask_of_a_disc(row: float, column: float, radius: float, side: int) -> None:
    scale = side / SIDE
    truth = disc(row * scale, column * scale, radius * scale, side)
    mask = lesion_mask(with_disc(truth))
    assert mask.dtype == bool
    assert mask.shape == truth.shape
    assert overlap(mask, truth) > 0.85


def test_hair_a_hole_of_light_and_a_spot_at_the_side_do_not_matter() -> None:
    truth = disc(128, 128, 60)
    square = with_disc(truth | disc(20, 20, 14))
    cv2.line(square, (5, 30), (250, 200), (40, 30, 25), 2)
    cv2.line(square, (20, 250), (200, 5), (40, 30, 25), 2)
    square[disc(128, 128, 10)] = 250
    before = square.copy()
    assert overlap(lesion_mask(square), truth) > 0.9
    assert (square == before).all()


SHADED = skin() * np.linspace(0.97, 1.03, SIDE)[:, None, None]


@pytest.mark.parametrize("blank", [0, 128, 255, SHADED])
def test_nothing_stands_out_from_a_blank_picture_or_from_skin(blank: int | np.ndarray) -> None:
    square = np.clip(np.broadcast_to(blank, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
    assert not lesion_mask(square).any()


def test_field_of_view_leaves_out_the_surround_and_the_mask_stays_inside() -> None:
    inside, truth = disc(127.5, 127.5, 145), disc(128, 128, 40)
    square = with_disc(truth)
    square[~inside] = 4
    view, mask = field_of_view(square), lesion_mask(square)
    assert not view[~inside].any()
    assert overlap(view, inside) > 0.93
    assert not (mask & ~view).any()
    assert overlap(mask, truth) > 0.85
    without = with_disc(disc(128, 128, 60))
    without[truth] = 5
    assert field_of_view(without).all()


@pytest.mark.parametrize("seed", range(3))
def test_otsu_divides_as_opencv_does(seed: int) -> None:
    generator = np.random.default_rng(seed)
    groups = generator.normal(70, 15, 3000), generator.normal(170, 20, 900)
    values = np.clip(np.round(np.concatenate(groups)), 0, 255).astype(np.uint8)
    expected, _ = cv2.threshold(values[None], 0, 255, cv2.THRESH_OTSU)
    assert otsu(values.astype(float), bins=256) == pytest.approx(expected, abs=2)
