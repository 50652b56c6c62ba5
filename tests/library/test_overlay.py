import base64

import numpy as np

from skin_app.overlay import OUTSIDE, data_url, for_display, legend_gradient, overlay
from skin_app.photo.read import Photo, read_photo


def grey(height: int, width: int) -> Photo:
    return Photo(np.full((height, width, 3), 200, np.uint8))


def test_display_photo_is_bounded_and_keeps_its_shape() -> None:
    photo = for_display(grey(900, 3600))
    assert photo.pixels.shape == (225, 900, 3)
    assert photo.square == (337, 0, 225)


def test_small_photo_is_not_enlarged() -> None:
    assert for_display(grey(60, 80)).pixels.shape == (60, 80, 3)


def test_where_the_map_is_zero_the_photo_shows_and_the_margin_is_dark() -> None:
    drawn = overlay(for_display(grey(60, 80)), np.zeros((7, 7)), opacity=1.0)
    assert (drawn[:, 10:70] == 200).all()
    assert (drawn[:, :10] == round(200 * OUTSIDE)).all()
    assert (drawn[:, 70:] == round(200 * OUTSIDE)).all()


def test_heat_stands_where_the_map_has_it() -> None:
    heat = np.zeros((8, 8))
    heat[0, 7] = 1.0
    drawn = overlay(for_display(grey(80, 80)), heat, opacity=1.0).astype(int)
    changed = np.abs(drawn - 200).sum(axis=2)
    assert changed[5, 75] > 50
    assert changed[40:, :40].max() == 0


def test_opacity_zero_leaves_the_photo() -> None:
    drawn = overlay(for_display(grey(60, 60)), np.ones((7, 7)), opacity=0.0)
    assert (drawn == 200).all()


def test_legend_starts_clear() -> None:
    assert ",0.00) 0.0%" in legend_gradient()


def test_data_url_is_a_jpeg_of_the_same_pixels() -> None:
    url = data_url(grey(70, 90).pixels)
    photo = read_photo(base64.b64decode(url.removeprefix("data:image/jpeg;base64,")))
    assert photo.pixels.shape == (70, 90, 3)
    assert np.abs(photo.pixels.astype(int) - 200).max() <= 2
