"""Corrections against their formulas, and on photos with a known fault."""

from dataclasses import replace

import numpy as np
import pytest

from skin_app.corrections import (
    CORRECTIONS,
    GAMMA,
    colour_constancy,
    crop_to_view,
    even_illumination,
    gamma,
)
from skin_app.lesion import field_of_view, standard_square
from skin_app.photo.read import Photo
from train.data.damage import damage_photo
from train.data.drawings import draw_lesion


@pytest.fixture(scope="module")
def photo() -> Photo:
    return Photo(draw_lesion(4, "globules", 180, 240))


@pytest.mark.parametrize("name", CORRECTIONS)
@pytest.mark.parametrize("fault", ["damaged", "unknown_profile"])
def test_they_leave_the_photo_alone_and_keep_the_faults_of_its_file(
    photo: Photo, name: str, fault: str
) -> None:
    faulty = replace(photo, **{fault: True})
    before = photo.pixels.copy()
    corrected = CORRECTIONS[name](faulty)
    assert np.array_equal(photo.pixels, before)
    assert corrected.pixels.dtype == np.uint8
    assert not np.shares_memory(corrected.pixels, photo.pixels)
    assert replace(corrected, pixels=before) == replace(faulty, pixels=before)
    if name != "field of view":
        assert corrected.pixels.shape == before.shape


@pytest.mark.parametrize("name", CORRECTIONS)
@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_blank_photo_does_not_upset_them(name: str, value: int) -> None:
    blank = Photo(np.full((90, 64, 3), value, np.uint8))
    corrected = CORRECTIONS[name](blank).pixels
    assert corrected.size
    if name != "gamma":
        assert np.abs(corrected.astype(int) - value).max() <= 1


def test_gamma_is_its_closed_form_and_brightens_above_one(photo: Photo) -> None:
    expected = np.round(255 * (photo.pixels / 255.0) ** (1 / GAMMA))
    assert np.array_equal(gamma(photo).pixels, expected.astype(np.uint8))
    assert gamma(photo).pixels.mean() > photo.pixels.mean() > gamma(photo, 0.8).pixels.mean()
    assert np.array_equal(gamma(photo, 1).pixels, photo.pixels)
    with pytest.raises(ValueError, match="above 0"):
        gamma(photo, 0)


def test_colour_constancy_is_shades_of_gray_by_hand(photo: Photo) -> None:
    values = photo.pixels.reshape(-1, 3) / 255.0
    light = np.array([np.linalg.norm(values[:, c], ord=6) for c in range(3)])
    gain = np.linalg.norm(light) / np.sqrt(3) / light
    expected = np.clip(np.round(photo.pixels * gain), 0, 255)
    assert np.abs(colour_constancy(photo).pixels - expected).max() <= 1


def test_colour_constancy_takes_a_known_cast_away(photo: Photo) -> None:
    dimmed = np.clip(photo.pixels * 0.6, 0, 255)
    cast = Photo(np.round(dimmed * np.array([1.2, 1.0, 0.7])).astype(np.uint8))
    plain = colour_constancy(Photo(np.round(dimmed).astype(np.uint8))).pixels.astype(float)
    corrected = colour_constancy(cast).pixels.astype(float)
    corrected *= plain.mean() / corrected.mean()  # the cast changed the brightness too
    assert np.abs(corrected - plain).max() < 3


def test_illumination_flattens_a_shaded_wall_with_a_dark_spot() -> None:
    y, x = np.mgrid[-1:1:200j, -1:1:240j]
    wall = np.full((200, 240, 3), (200.0, 160.0, 150.0))
    wall[np.hypot(x, y) < 0.4] *= 0.4
    shaded = wall * np.exp(0.3 * x - 0.25 * y - 0.1 * x * x)[..., None] * 0.6
    even = even_illumination(Photo(np.round(shaded).astype(np.uint8))).pixels[..., 0].astype(float)
    skin = np.hypot(x, y) > 0.5
    spread = [np.std(np.log(values[skin])) for values in (even, shaded[..., 0])]
    assert spread[0] < 0.15 * spread[1]
    spot = np.hypot(x, y) < 0.35
    assert even[spot].mean() / even[skin].mean() == pytest.approx(0.4, abs=0.06)


def test_illumination_leaves_an_evenly_lit_lesion_alone_and_reduces_uneven_light(photo: Photo) -> None:
    y, x = np.mgrid[-1:1:200j, -1:1:240j]
    wall = np.full((200, 240, 3), (200, 160, 150), np.uint8)
    wall[np.hypot(x, y) < 0.6] = (90, 60, 50)
    assert np.abs(even_illumination(Photo(wall)).pixels.astype(int) - wall).max() <= 3

    def slope(own: Photo) -> float:
        return float(np.log(np.median(own.pixels[:, -30:]) / np.median(own.pixels[:, :30])))

    uneven = damage_photo(photo, "uneven illumination", 4, seed=1)
    left = abs(slope(even_illumination(uneven)) - slope(photo))
    assert left < 0.5 * abs(slope(uneven) - slope(photo))


def test_the_crop_lies_inside_a_painted_circle() -> None:
    height, width, radius = 300, 400, 140
    y, x = np.mgrid[:height, :width] - np.array([149.5, 199.5])[:, None, None]
    picture = np.full((height, width, 3), 180, np.uint8)
    picture[np.hypot(x, y) > radius] = 3
    cropped = crop_to_view(Photo(picture)).pixels
    assert cropped.shape[0] == cropped.shape[1]
    assert (cropped > 100).all()
    assert cropped.shape[0] > 0.88 * radius * np.sqrt(2)  # the circle's inscribed square


def test_the_crop_has_no_dark_corners_and_a_photo_without_a_surround_is_not_cropped(
    photo: Photo,
) -> None:
    cropped = crop_to_view(damage_photo(photo, "dark corners", 3, seed=0))
    assert field_of_view(standard_square(cropped)).all()
    plain = Photo(np.full((200, 260, 3), 170, np.uint8))
    assert np.array_equal(crop_to_view(plain).pixels, plain.pixels)
