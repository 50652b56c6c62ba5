import cv2
import numpy as np
import pytest
from pydantic import ValidationError
from scipy import ndimage

from skin_app.skin_tone import (
    TONES,
    ToneBands,
    _grown,
    angle_of,
    skin_colour,
    tone_band,
    typology_angle,
)

SIDE = 128
EVERYWHERE, NOWHERE = np.ones((SIDE, SIDE), dtype=bool), np.zeros((SIDE, SIDE), dtype=bool)


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), colour, dtype=np.uint8)


def middle(radius: int) -> np.ndarray:
    y, x = np.mgrid[0:SIDE, 0:SIDE] - SIDE // 2
    return y**2 + x**2 <= radius**2


def bands(**lesions: int) -> ToneBands:
    return ToneBands(images=lesions, lesions=lesions, unknown=3, least_lesions=100, fitted_on="numbers")


@pytest.mark.parametrize("middle_at", [(64, 64), (2, 120), (127, 0)])
def test_what_is_near_a_lesion_is_measured_as_the_crow_flies(middle_at: tuple[int, int]) -> None:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    mask = (y - middle_at[0]) ** 2 + (x - middle_at[1]) ** 2 <= 49
    expected = np.asarray(ndimage.distance_transform_edt(~mask)) <= 6.4
    assert np.array_equal(_grown(mask, 6.4), expected)
    assert not _grown(NOWHERE, 6.4).any()


@pytest.mark.parametrize(
    ("lightness", "yellow", "degrees"),
    [(60, 10, 45), (50, 12, 0), (40, 10, -45), (50 + 10 * 3**0.5, 10, 60), (67.3205, 30, 30)],
)
def test_angle_by_hand(lightness: float, yellow: float, degrees: float) -> None:
    assert angle_of(lightness, yellow) == pytest.approx(degrees, abs=1e-3)


@pytest.mark.parametrize("yellow", [0.001, 0, -4])
def test_no_angle_where_skin_is_bluer_than_grey(yellow: float) -> None:
    assert angle_of(70, yellow) is None


@pytest.mark.parametrize("colour", [(224, 178, 150), (150, 100, 70), (80, 52, 38)])
def test_angle_of_one_colour_is_that_of_its_lab(colour: tuple[int, int, int]) -> None:
    picture = plain(colour)
    lightness, _, yellow = cv2.cvtColor(picture[:1, :1] / np.float32(255), cv2.COLOR_RGB2Lab)[0, 0]
    expected = np.degrees(np.arctan2(lightness - 50, yellow))
    assert typology_angle(picture, NOWHERE, EVERYWHERE) == pytest.approx(expected, abs=0.5)


def test_bluish_picture_has_a_colour_and_no_angle() -> None:
    picture = plain((170, 150, 200))
    assert skin_colour(picture, NOWHERE, EVERYWHERE) is not None
    assert typology_angle(picture, NOWHERE, EVERYWHERE) is None


def test_lesion_its_margin_surround_hairs_and_shine_do_not_count() -> None:
    clean = plain((224, 178, 150))
    expected = typology_angle(clean, NOWHERE, EVERYWHERE)
    lesion, view = middle(30), middle(62)
    picture = clean.copy()
    picture[middle(34)] = (90, 50, 40)
    picture[~view] = 0
    picture[::8] = (40, 30, 25)
    picture[3::16] = 255
    before = picture.copy()
    assert typology_angle(picture, lesion, view) == pytest.approx(expected)
    assert (picture == before).all()
    assert typology_angle(picture, NOWHERE, EVERYWHERE) != pytest.approx(expected)


def test_no_angle_without_skin() -> None:
    assert typology_angle(plain((224, 178, 150)), ~middle(4), EVERYWHERE) is None
    assert typology_angle(plain((224, 178, 150)), NOWHERE, NOWHERE) is None


@pytest.mark.parametrize(
    ("angle", "band"),
    [
        (55.1, "very light"),
        (55, "light"),
        (41.1, "light"),
        (41, "intermediate"),
        (28, "tan"),
        (10, "brown"),
        (-29.9, "brown"),
        (-30, "dark"),
        (-80, "dark"),
    ],
)
def test_bands_of_del_bino_and_bernerd(angle: float, band: str) -> None:
    assert tone_band(angle) == band


def test_scarce_bands() -> None:
    counts = bands(**{"very light": 5000, "tan": 100, "brown": 99})
    assert [band for band in TONES if not counts.scarce(band)] == ["very light", "tan"]
    assert ToneBands.model_validate_json(counts.model_dump_json()) == counts
    with pytest.raises(ValueError, match="tone band"):
        counts.scarce("purple")
    with pytest.raises(ValidationError):
        ToneBands.model_validate(counts.model_dump() | {"more": 1})
