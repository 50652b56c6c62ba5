import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from skin_app.skin_tone import TONES, ToneBands, angle_of, skin_colour, tone_band, typology_angle

SIDE = 128
EVERYWHERE, NOWHERE = np.ones((SIDE, SIDE), dtype=bool), np.zeros((SIDE, SIDE), dtype=bool)
SKIN = (224, 178, 150)


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), colour, dtype=np.uint8)


def middle(radius: int) -> np.ndarray:
    y, x = np.mgrid[0:SIDE, 0:SIDE] - SIDE // 2
    return y**2 + x**2 <= radius**2


@pytest.mark.parametrize(
    ("lightness", "yellow", "degrees"),
    [(60, 10, 45), (50, 12, 0), (40, 10, -45), (50 + 10 * 3**0.5, 10, 60), (67.3205, 30, 30)],
)
def test_angle_by_hand(lightness: float, yellow: float, degrees: float) -> None:
    assert angle_of(lightness, yellow) == pytest.approx(degrees, abs=1e-3)


@pytest.mark.parametrize("yellow", [0.001, 0, -4])
def test_no_angle_where_skin_is_bluer_than_grey(yellow: float) -> None:
    assert angle_of(70, yellow) is None


@pytest.mark.parametrize("colour", [SKIN, (150, 100, 70), (80, 52, 38)])
def test_angle_of_one_colour_is_that_of_its_lab(colour: tuple[int, int, int]) -> None:
    picture = plain(colour)
    lightness, _, yellow = cv2.cvtColor(picture[:1, :1] / np.float32(255), cv2.COLOR_RGB2Lab)[0, 0]
    expected = np.degrees(np.arctan2(lightness - 50, yellow))
    assert typology_angle(picture, NOWHERE, EVERYWHERE) == pytest.approx(expected, abs=0.5)


def test_lesion_its_margin_surround_hairs_and_shine_do_not_count() -> None:
    expected = typology_angle(plain(SKIN), NOWHERE, EVERYWHERE)
    lesion, view = middle(30), middle(62)
    picture = plain(SKIN)
    picture[middle(36)] = (90, 50, 40)  # the margin is 6.4 pixels wide
    picture[~view] = 0
    picture[::8] = (40, 30, 25)
    picture[3::16] = 255
    before = picture.copy()
    assert typology_angle(picture, lesion, view) == pytest.approx(expected)
    assert (picture == before).all()
    assert typology_angle(picture, NOWHERE, EVERYWHERE) != pytest.approx(expected)


def test_no_angle_without_skin_or_of_a_bluish_picture() -> None:
    assert typology_angle(plain(SKIN), ~middle(4), EVERYWHERE) is None
    assert typology_angle(plain(SKIN), NOWHERE, NOWHERE) is None
    assert skin_colour(plain((170, 150, 200)), NOWHERE, EVERYWHERE) is not None
    assert typology_angle(plain((170, 150, 200)), NOWHERE, EVERYWHERE) is None


def test_bands_of_del_bino_and_bernerd() -> None:
    edges = (55.1, 55, 41.1, 41, 28.1, 28, 10.1, 10, -29.9, -30, -80)
    twice = [band for band in TONES for _ in range(2)]
    assert [tone_band(angle) for angle in edges] == twice[:1] + twice[2:]


def test_scarce_bands() -> None:
    counts = ToneBands(
        images={},
        lesions={"very light": 5000, "tan": 100, "brown": 99},
        unknown=3,
        least_lesions=100,
        fitted_on="numbers",
    )
    assert [band for band in TONES if not counts.scarce(band)] == ["very light", "tan"]
    assert ToneBands.model_validate_json(counts.model_dump_json()) == counts
    with pytest.raises(ValueError, match="tone band"):
        counts.scarce("purple")
    with pytest.raises(ValidationError):
        ToneBands.model_validate(counts.model_dump() | {"more": 1})
