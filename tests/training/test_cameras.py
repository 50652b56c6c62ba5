"""Simulated cameras: the same for the same seed, and never another size."""

import numpy as np
import pytest

from skin_app.photo.read import Photo
from train.data.cameras import CAMERAS, RANGES, random_camera, random_changes, seen_by
from train.data.drawings import draw_lesion

PHOTO = Photo(draw_lesion(4, "globules", 90, 120))


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_camera_changes_the_photo_and_depends_on_its_seed_alone(camera: str) -> None:
    shown = seen_by(PHOTO, camera, 3).pixels
    assert shown.shape == PHOTO.pixels.shape
    assert (shown != PHOTO.pixels).any()
    assert (shown == seen_by(PHOTO, camera, 3).pixels).all()


def test_a_random_camera_makes_the_changes_that_it_says() -> None:
    drawn = [random_changes(seed) for seed in range(200)]
    for change, (low, high) in RANGES.items():
        strengths = [own[change] for own in drawn if change in own]
        assert 70 < len(strengths) < 130
        assert low <= min(strengths) < max(strengths) <= high
    unchanged = next(seed for seed, own in enumerate(drawn) if not own)
    np.testing.assert_array_equal(random_camera(PHOTO, unchanged).pixels, PHOTO.pixels)


def test_the_measured_strengths_lie_within_the_range_of_the_random_ones() -> None:
    for strengths in CAMERAS.values():
        for change, strength in strengths.items():
            assert RANGES[change][0] < strength < RANGES[change][1]
