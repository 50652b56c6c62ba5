import cv2
import numpy as np
import pytest

from skin_app.colour import lightness, lightness_and_yellow, to_lab

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def test_agrees_with_opencv_up_to_its_tables() -> None:
    expected = cv2.cvtColor(PIXELS.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    assert to_lab(PIXELS) == pytest.approx(expected, abs=0.4)


def test_agrees_with_opencv_from_linear_light() -> None:
    stored = PIXELS / 255
    light = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    expected = cv2.cvtColor(light.astype(np.float32), cv2.COLOR_LRGB2Lab)
    assert to_lab(PIXELS) == pytest.approx(expected, abs=0.03)


def test_parts_of_the_colour_are_the_same_to_the_bit() -> None:
    lab = to_lab(PIXELS)
    assert np.array_equal(lightness(PIXELS), lab[..., 0])
    light, yellow = lightness_and_yellow(PIXELS)
    assert np.array_equal(light, lab[..., 0])
    assert np.array_equal(yellow, lab[..., 2])
    with pytest.raises(TypeError, match="uint8"):
        lightness(PIXELS / 255)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((255, 255, 255), (100, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_published_values(rgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert to_lab(np.array(rgb, dtype=np.uint8)) == pytest.approx(lab, abs=0.02)


def test_shape_and_type_whatever_the_number_of_axes() -> None:
    pixels = np.zeros((2, 3, 4, 3), dtype=np.uint8)
    assert to_lab(pixels).shape == (2, 3, 4, 3)
    assert to_lab(pixels).dtype == np.float64
    assert to_lab(pixels[0, 0, :0]).shape == (0, 3)


def test_refuses_what_is_not_uint8() -> None:
    with pytest.raises(TypeError, match="uint8"):
        to_lab(np.zeros((2, 2, 3)))
