import base64

import numpy as np
import pytest
import torch

from skin_app.cielab import lightness, to_lab
from skin_app.overlay import OUTSIDE, colours, data_url, for_display, legend_gradient, overlay
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


SKIN = {
    "very light": (236, 214, 208),
    "pink": (232, 160, 155),
    "tan": (196, 140, 105),
    "brown": (120, 80, 60),
    "dark brown": (74, 48, 38),
    "red lesion": (176, 62, 70),
    "brown lesion": (105, 58, 38),
    "black lesion": (38, 24, 26),
    "grey-blue lesion": (110, 115, 130),
}


def seen(rgb: tuple[int, int, int], heat: float) -> float:
    """How far an even map moves a colour at the default opacity, in CIELAB units (CIE 1976)."""
    photo = Photo(np.full((20, 20, 3), rgb, np.uint8))
    drawn = overlay(for_display(photo), np.full((4, 4), heat), opacity=0.6)
    return float(np.linalg.norm(to_lab(drawn) - to_lab(photo.pixels), axis=-1).mean())


@pytest.mark.parametrize("name", SKIN)
def test_heat_is_seen_on_all_skin_and_no_heat_leaves_the_photo(name: str) -> None:
    assert max(seen(SKIN[name], heat) for heat in (0, 0.05, 0.09)) < 2
    assert min(seen(SKIN[name], heat) for heat in np.linspace(0.3, 1, 15)) > 20


def test_the_lesion_is_still_seen_under_the_strongest_heat() -> None:
    pixels = np.full((40, 40, 3), SKIN["pink"], np.uint8)
    pixels[10:30, 10:30] = SKIN["brown lesion"]
    drawn = overlay(for_display(Photo(pixels)), np.ones((4, 4)), opacity=0.6)
    before, after = (np.ptp(lightness(own)) for own in (pixels, drawn))
    assert after > before / 3


def test_equal_steps_of_heat_are_equal_steps_of_lightness() -> None:
    steps = np.diff(lightness(colours(torch.linspace(0, 1, 9)).round().byte().numpy()))
    assert steps.min() > 0.8 * steps.mean()
    assert steps.max() < 1.2 * steps.mean()


def test_legend_starts_clear() -> None:
    assert ",0.00) 0.0%" in legend_gradient()


def test_data_url_is_a_jpeg_of_the_same_pixels() -> None:
    url = data_url(grey(70, 90).pixels)
    photo = read_photo(base64.b64decode(url.removeprefix("data:image/jpeg;base64,")))
    assert photo.pixels.shape == (70, 90, 3)
    assert np.abs(photo.pixels.astype(int) - 200).max() <= 2
