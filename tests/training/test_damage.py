"""Synthetic damage: graded, repeatable, and as strong as it says."""

import cv2
import numpy as np
import pytest

from skin_app.photo.read import Photo
from train.data.damage import (
    BLUR,
    DAMAGE,
    DARK_STOPS,
    DISTANCE,
    GRADES,
    MOTION,
    RADIUS,
    SHIFT,
    damage_photo,
)
from train.data.drawings import draw_lesion

HEIGHT, WIDTH = 180, 240


@pytest.fixture(scope="module")
def photo() -> Photo:
    return Photo(draw_lesion(11, "network", HEIGHT, WIDTH))


def difference(one: Photo, other: Photo) -> float:
    return float(np.abs(one.pixels.astype(int) - other.pixels.astype(int)).mean())


@pytest.mark.parametrize("damage", DAMAGE)
def test_it_grows_with_the_grade_and_leaves_the_photo_alone(photo: Photo, damage: str) -> None:
    before = photo.pixels.copy()
    worse = [damage_photo(photo, damage, grade, seed=5) for grade in GRADES]
    assert all(p.pixels.shape == before.shape and p.pixels.dtype == np.uint8 for p in worse)
    assert np.array_equal(damage_photo(photo, damage, 3, seed=5).pixels, worse[2].pixels)
    assert np.array_equal(photo.pixels, before)
    changes = [difference(photo, p) for p in worse]
    assert changes[0] > 0
    assert changes == sorted(changes)


@pytest.mark.parametrize("damage", ["motion blur", "colour cast", "uneven illumination", "off centre"])
def test_another_seed_gives_another_direction(photo: Photo, damage: str) -> None:
    assert (
        difference(damage_photo(photo, damage, 3, seed=1), damage_photo(photo, damage, 3, seed=2)) > 0.2
    )


def test_gaussian_blur_is_that_of_opencv(photo: Photo) -> None:
    ours = damage_photo(photo, "gaussian blur", 4, seed=0).pixels.astype(float)
    theirs = cv2.GaussianBlur(photo.pixels, (0, 0), BLUR[3] * HEIGHT, borderType=cv2.BORDER_REFLECT)
    assert np.abs(ours - theirs).max() <= 2


def test_motion_blur_draws_a_point_out_to_a_line() -> None:
    dot = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    dot[90, 120] = 255
    line = damage_photo(Photo(dot), "motion blur", 3, seed=4).pixels
    rows, columns = np.nonzero(line[..., 0])
    length = np.hypot(np.ptp(rows), np.ptp(columns))
    assert length == pytest.approx(MOTION[2] * HEIGHT, abs=2)
    assert line[..., 0].sum() == pytest.approx(255, rel=0.1)


def test_under_exposure_lowers_linear_light_by_its_stops() -> None:
    grey = Photo(np.full((80, 80, 3), 188, np.uint8))  # half of white in linear light
    linear = (damage_photo(grey, "under-exposure", 2, seed=0).pixels[0, 0, 0] / 255 + 0.055) / 1.055
    assert linear**2.4 == pytest.approx(0.5 * 2 ** DARK_STOPS[1], abs=0.004)


def test_dark_corners_are_outside_the_circle() -> None:
    white = Photo(np.full((200, 200, 3), 255, np.uint8))
    for grade in GRADES:
        shown = (damage_photo(white, "dark corners", grade, seed=0).pixels[..., 0] > 128).mean()
        y, x = np.mgrid[-199:200:2, -199:200:2] / 200
        assert shown == pytest.approx((np.hypot(x, y) <= RADIUS[grade - 1]).mean(), abs=0.005)


def test_off_centre_moves_the_lesion_by_its_share_and_too_far_shrinks_it() -> None:
    square = np.full((200, 240, 3), 220, np.uint8)
    square[90:110, 110:130] = 40
    rows, columns = np.nonzero(
        damage_photo(Photo(square), "off centre", 3, seed=3).pixels[..., 0] < 100
    )
    moved = np.hypot(rows.mean() - 99.5, columns.mean() - 119.5)
    assert moved == pytest.approx(SHIFT[2] * 200, abs=1)
    small = damage_photo(Photo(square), "too far away", 2, seed=3).pixels[..., 0] < 130
    assert small.sum() == pytest.approx(400 * DISTANCE[1] ** 2, rel=0.05)


def test_an_unknown_grade_is_refused(photo: Photo) -> None:
    with pytest.raises(ValueError, match="choose 1 to 5"):
        damage_photo(photo, "jpeg", 6, seed=0)
