from typing import get_args

import cv2
import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from scipy import ndimage

from skin_app.lesion import (
    SIDE,
    HeatLimit,
    eroded,
    field_of_view,
    heat_on_lesion,
    lesion_mask,
    otsu,
    standard_square,
)
from skin_app.photo.read import Photo
from train.audit.lesion_masks import overlap
from train.data.drawings import Pattern, draw_lesion, lesion_outline

SKIN, BROWN = (222, 176, 158), (120, 76, 58)


@pytest.mark.parametrize("steps", [1, 3, 10])
@pytest.mark.parametrize("hole", [False, True])
def test_erosion_takes_off_the_border_too(steps: int, hole: bool) -> None:
    mask = np.ones((40, 50), dtype=bool)
    mask[20, 25] = not hole
    expected = ndimage.binary_erosion(mask, iterations=steps, border_value=0)
    assert np.array_equal(eroded(mask, steps), expected)
    assert expected.any()


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


@pytest.mark.parametrize("kind", get_args(Pattern))
def test_mask_covers_drawn_lesions(kind: Pattern) -> None:
    for seed in range(2):
        drawing = Photo(draw_lesion(seed, kind, height=135, width=180))
        outline = lesion_outline(seed, kind, 135, 180)
        true = standard_square(Photo(np.repeat(outline[..., None] * np.uint8(255), 3, axis=2)))
        assert overlap(lesion_mask(standard_square(drawing)), true[..., 0] >= 128) > 0.8


@pytest.mark.parametrize(("row", "column", "radius"), [(128, 128, 60), (110, 150, 25), (140, 90, 90)])
@pytest.mark.parametrize("side", [128, 256, 300])
def test_mask_of_a_disc(row: float, column: float, radius: float, side: int) -> None:
    scale = side / SIDE
    truth = disc(row * scale, column * scale, radius * scale, side)
    mask = lesion_mask(with_disc(truth))
    assert mask.dtype == bool
    assert mask.shape == truth.shape
    assert overlap(mask, truth) > 0.85


def test_hair_and_a_hole_of_light_do_not_matter() -> None:
    truth = disc(128, 128, 60)
    square = with_disc(truth)
    cv2.line(square, (5, 30), (250, 200), (40, 30, 25), 2)
    cv2.line(square, (20, 250), (200, 5), (40, 30, 25), 2)
    square[disc(128, 128, 10)] = 250
    assert overlap(lesion_mask(square), truth) > 0.9


def test_what_lies_at_the_side_is_left_out() -> None:
    truth = disc(128, 128, 50)
    square = with_disc(truth | disc(20, 20, 14))
    assert overlap(lesion_mask(square), truth) > 0.9


@pytest.mark.parametrize("level", [0, 128, 255])
def test_nothing_stands_out_from_a_blank_picture(level: int) -> None:
    assert not lesion_mask(np.full((SIDE, SIDE, 3), level, dtype=np.uint8)).any()


def test_nothing_stands_out_from_skin() -> None:
    shade = np.linspace(0.97, 1.03, SIDE)[:, None, None]
    square = np.clip(skin() * shade, 0, 255).astype(np.uint8)
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


def test_field_of_view_is_everything_without_a_surround() -> None:
    dark = with_disc(disc(128, 128, 60))
    dark[disc(128, 128, 40)] = 5
    assert field_of_view(dark).all()


def test_input_stays_as_it_was() -> None:
    square = with_disc(disc(128, 128, 60))
    before = square.copy()
    lesion_mask(square)
    field_of_view(square)
    assert (square == before).all()


@pytest.mark.parametrize("seed", range(3))
def test_otsu_divides_as_opencv_does(seed: int) -> None:
    generator = np.random.default_rng(seed)
    groups = generator.normal(70, 15, 3000), generator.normal(170, 20, 900)
    values = np.clip(np.round(np.concatenate(groups)), 0, 255).astype(np.uint8)
    expected, _ = cv2.threshold(values[None], 0, 255, cv2.THRESH_OTSU)
    assert otsu(values.astype(float), bins=256) == pytest.approx(expected, abs=2)


def test_heat_of_an_even_map_is_the_share_of_the_area() -> None:
    mask = disc(100, 90, 50)
    assert heat_on_lesion(np.full((8, 8), 0.4), mask) == pytest.approx(mask.mean())


def test_heat_is_enlarged_as_opencv_enlarges() -> None:
    heat = np.random.default_rng(4).random((7, 7))
    mask = disc(60, 150, 70)
    large = cv2.resize(heat, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    assert heat_on_lesion(heat, mask) == pytest.approx(large[mask].sum() / large.sum(), abs=1e-6)


def test_heat_beside_inside_and_nowhere() -> None:
    heat = np.zeros((8, 8))
    heat[0, 0] = 1
    left = np.zeros((SIDE, SIDE), dtype=bool)
    left[:, : SIDE // 2] = True
    assert heat_on_lesion(heat, left) == 1
    assert heat_on_lesion(heat, ~left) == 0
    assert np.isnan(heat_on_lesion(np.zeros((8, 8)), left))


def test_limit_warns_of_less_heat_than_the_size_gives() -> None:
    limit = HeatLimit(least_concentration=0.8, false_alarm_rate=0.05, fitted_on="numbers")
    assert limit.warns(0.079, 0.1)
    assert not limit.warns(0.081, 0.1)
    assert limit.warns(0.39, 0.5)
    assert HeatLimit.model_validate_json(limit.model_dump_json()) == limit
    with pytest.raises(ValidationError):
        HeatLimit(least_concentration=-1, false_alarm_rate=0.05, fitted_on="numbers")
