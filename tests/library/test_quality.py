"""Photo quality: what is found on drawings with a known fault, and what is not found on good ones."""

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from skin_app.photo.read import Photo
from skin_app.quality import (
    MEASUREMENTS,
    QualityLimits,
    findings,
    judged,
    measurements,
    sharpness,
)
from train.data.damage import GRADES, damage_photo
from train.data.drawings import draw_lesion


def drawing(height: int = 270, width: int = 360) -> Photo:
    """A lesion on even skin; lit more evenly than `draw_lesion`'s, without hairs and dark corners."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[-1 : 1 : height * 1j, -width / height : width / height : width * 1j]
    picture = np.full((height, width, 3), (205.0, 160.0, 145.0))
    picture[np.hypot(x, y) < 0.4] = (110, 70, 55)
    grain = cv2.resize(generator.normal(0, 6, (256, 342)), (width, height))
    return Photo(np.clip(np.round(picture + grain[..., None]), 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def good() -> Photo:
    return drawing()


@pytest.fixture(scope="module")
def limits(good: Photo) -> QualityLimits:
    """Limits around what the good photo has."""
    values = measurements(good)
    near = {"skin lightness": 15, "skin a*": 8, "skin b*": 8}
    low = {name: values[name] - distance for name, distance in near.items()}
    high = {name: values[name] + distance for name, distance in near.items()}
    low |= {"shorter side": 160, "sharpness": 0.85 * values["sharpness"], "lesion share": 0.02}
    high |= {"clipped": 0.1, "dark corners": 0.02, "cut off": 0.15, "off centre": 0.4}
    return QualityLimits(
        low=low, high=high, false_alarm_rate=0.01, measured_false_alarms={}, fitted_on="one drawing"
    )


def names(photo: Photo, limits: QualityLimits) -> set[str]:
    return {finding.name for finding in findings(photo, limits)}


def test_a_good_photo_has_no_finding(good: Photo, limits: QualityLimits) -> None:
    assert findings(good, limits) == ()
    assert tuple(sorted(measurements(good))) == tuple(sorted(MEASUREMENTS))


@pytest.mark.parametrize(
    ("damage", "grade", "name"),
    [
        ("gaussian blur", 4, "blur"),
        ("motion blur", 4, "blur"),
        ("low resolution", 4, "blur"),
        ("under-exposure", 4, "exposure"),
        ("over-exposure", 5, "exposure"),
        ("dark corners", 3, "dark corners"),
        ("colour cast", 4, "colour cast"),
        ("off centre", 5, "framing"),
        ("too far away", 4, "framing"),
    ],
)
def test_strong_damage_is_found(
    good: Photo, limits: QualityLimits, damage: str, grade: int, name: str
) -> None:
    assert name in names(damage_photo(good, damage, grade, seed=2), limits)


@pytest.mark.parametrize(
    ("damage", "measurement"),
    [
        ("gaussian blur", "sharpness"),
        ("motion blur", "sharpness"),
        ("low resolution", "sharpness"),
        ("under-exposure", "skin lightness"),
        ("over-exposure", "skin lightness"),
        ("dark corners", "dark corners"),
    ],
)
def test_measurements_follow_the_grade(damage: str, measurement: str) -> None:
    photo = Photo(draw_lesion(7, "patchy", 270, 360))
    photos = [photo, *(damage_photo(photo, damage, grade, 3) for grade in GRADES)]
    steps = np.diff([measurements(own)[measurement] for own in photos])
    rising = damage in ("over-exposure", "dark corners")
    assert (steps >= -1e-6).all() if rising else (steps <= 1e-6).all()
    assert steps.any()


def test_a_sharp_large_photo_is_neither_small_nor_blurred_and_a_tiny_one_is_small(
    limits: QualityLimits,
) -> None:
    large = drawing(1500, 2000)
    assert not names(large, limits) & {"size", "blur"}
    assert "blur" in names(damage_photo(large, "gaussian blur", 4, seed=0), limits)
    found = findings(drawing(96, 128), limits)
    assert (found[0].name, found[0].value, found[0].limit) == ("size", 96, 160)


@pytest.mark.parametrize("shape", [(64, 64), (64, 400), (700, 90)])
@pytest.mark.parametrize("value", [0, 127, 255])
def test_blank_photos_do_not_crash(limits: QualityLimits, shape: tuple[int, int], value: int) -> None:
    found = findings(Photo(np.full((*shape, 3), value, np.uint8)), limits)
    assert found
    assert all(finding.value == finding.value for finding in found)


def test_what_cannot_be_measured_or_has_no_limit_is_no_finding(limits: QualityLimits) -> None:
    assert judged(dict.fromkeys(MEASUREMENTS, float("nan")), limits) == ()
    without = limits.model_copy(update={"low": {}, "high": {}})
    assert judged(dict.fromkeys(MEASUREMENTS, -1e9), without) == ()
    assert QualityLimits.model_validate_json(limits.model_dump_json()) == limits
    with pytest.raises(ValidationError):
        QualityLimits.model_validate({**limits.model_dump(), "speed": 3})


def test_sharpness_is_the_published_blur_effect(good: Photo) -> None:
    """Crété-Roffet et al. 2007, written out with OpenCV; it ignores contrast and brightness."""
    square = good.pixels[7:263, 52:308]
    view = np.ones((256, 256), bool)
    grey = square.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    blurs = []
    for kernel, axis in (((1, 9), 0), ((9, 1), 1)):
        low = cv2.blur(grey, kernel, borderType=cv2.BORDER_REFLECT)
        change, changed = (np.abs(np.diff(g, axis=axis)) for g in (grey, low))
        left = np.maximum(change - changed, 0)
        blurs.append(1 - left.sum() / change.sum())
    assert 1 - sharpness(square, view) == pytest.approx(max(blurs), abs=1e-3)
    dull = np.round(40 + 0.5 * square).astype(np.uint8)
    assert sharpness(dull, view) == pytest.approx(sharpness(square, view), abs=0.02)
