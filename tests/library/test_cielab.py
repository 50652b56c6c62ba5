import cv2
import numpy as np
import pytest

from skin_app.cielab import lightness, lightness_and_yellow, to_lab

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def test_agrees_with_opencv_from_linear_light_and_up_to_its_tables() -> None:
    stored = PIXELS / 255
    light = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    from_light = cv2.cvtColor(light.astype(np.float32), cv2.COLOR_LRGB2Lab)
    assert to_lab(PIXELS) == pytest.approx(from_light, abs=0.03)
    from_stored = cv2.cvtColor(stored.astype(np.float32), cv2.COLOR_RGB2Lab)
    assert to_lab(PIXELS) == pytest.approx(from_stored, abs=0.4)


def test_parts_of_the_colour_are_the_same_to_the_bit() -> None:
    lab = to_lab(PIXELS)
    light, yellow = lightness_and_yellow(PIXELS)
    for part, channel in ((lightness(PIXELS), 0), (light, 0), (yellow, 2)):
        assert np.array_equal(part, lab[..., channel])


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


def test_any_number_of_axes_but_only_uint8() -> None:
    assert to_lab(np.zeros((2, 3, 4, 3), dtype=np.uint8)).shape == (2, 3, 4, 3)
    assert to_lab(PIXELS[0, :0]).shape == (0, 3)
    with pytest.raises(TypeError, match="uint8"):
        to_lab(PIXELS / 255)
