import numpy as np
import pytest

from skin_app.photo.read import Photo
from train.data.drawings import draw_lesion
from train.data.painted_artefacts import ARTEFACTS, paint

PHOTO = Photo(draw_lesion(2, "network", height=150, width=200))
GREY = Photo(np.full((150, 200, 3), 128, dtype=np.uint8))
LARGEST = {"dark corners": 0.75}


@pytest.mark.parametrize("artefact", list(ARTEFACTS))
@pytest.mark.parametrize("seed", range(4))
def test_painted_where_the_mask_says_and_nowhere_else(artefact: str, seed: int) -> None:
    before = PHOTO.pixels.copy()
    painted = paint(PHOTO, artefact, seed)
    assert (PHOTO.pixels == before).all()
    assert painted.photo.pixels.shape == before.shape
    assert painted.photo.pixels.dtype == np.uint8
    assert painted.changed.dtype == bool
    differs = np.abs(painted.photo.pixels.astype(int) - before.astype(int)).sum(axis=2) > 0
    assert (painted.changed == differs).all()
    assert 0 < differs.mean() < LARGEST.get(artefact, 0.35)


@pytest.mark.parametrize("artefact", list(ARTEFACTS))
def test_same_seed_same_picture(artefact: str) -> None:
    first, again, other = (paint(PHOTO, artefact, seed).photo.pixels for seed in (5, 5, 6))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("artefact", list(ARTEFACTS))
def test_upright_and_tiny_photos(artefact: str) -> None:
    upright = Photo(np.ascontiguousarray(PHOTO.pixels.transpose(1, 0, 2)))
    assert paint(upright, artefact, 1).photo.pixels.shape == upright.pixels.shape
    assert paint(Photo(PHOTO.pixels[:64, :64].copy()), artefact, 1).changed.any()


def test_dark_hair_darkens_and_light_hair_lightens() -> None:
    for artefact, sign in (("dark hair", -1), ("light hair", 1)):
        painted = paint(GREY, artefact, 3)
        change = painted.photo.pixels.astype(int).mean(axis=2)[painted.changed] - 128
        assert (np.sign(change) == sign).mean() > 0.95
        assert np.abs(change).max() > 50


def test_ruler_keeps_to_one_long_border() -> None:
    for seed in range(6):
        rows = np.flatnonzero(paint(GREY, "ruler", seed).changed.any(axis=1))
        assert rows.max() < 150 * 0.16 or rows.min() > 150 * 0.84


def test_ink_is_purple_or_blue_and_leaves_the_middle_free() -> None:
    for seed in range(6):
        painted = paint(GREY, "ink marks", seed)
        assert not painted.changed[45:105, 70:130].any()
        red, _, blue = painted.photo.pixels[painted.changed].astype(float).mean(axis=0)
        assert blue > red + 5


def test_bubbles_have_dark_edges_and_bright_rims() -> None:
    painted = paint(GREY, "bubbles", 0)
    levels = painted.photo.pixels[painted.changed].astype(int).mean(axis=1)
    assert levels.min() < 100
    assert levels.max() > 190


def test_dark_corners_blacken_the_corners_only() -> None:
    painted = paint(GREY, "dark corners", 0)
    assert painted.photo.pixels[[0, 0, -1, -1], [0, -1, 0, -1]].max() < 20
    assert not painted.changed[40:110, 65:135].any()


def test_unknown_artefact() -> None:
    with pytest.raises(ValueError, match="dark hair"):
        paint(PHOTO, "coffee", 0)
