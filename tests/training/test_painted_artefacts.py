"""Painted artefacts: where the mask says, repeatable, and looking like what they are."""

import numpy as np
import pytest

from skin_app.photo.read import Photo
from train.data.drawings import draw_lesion
from train.data.painted_artefacts import ARTEFACTS, paint

PHOTO = Photo(draw_lesion(2, "network", height=150, width=200))
GREY = Photo(np.full((150, 200, 3), 128, dtype=np.uint8))
LARGEST = {"dark corners": 0.75}


@pytest.mark.parametrize("artefact", list(ARTEFACTS))
def test_painted_where_the_mask_says_and_nowhere_else(artefact: str) -> None:
    before = PHOTO.pixels.copy()
    for seed in range(4):
        painted = paint(PHOTO, artefact, seed)
        assert painted.photo.pixels.dtype == np.uint8
        differs = (painted.photo.pixels != before).any(axis=2)
        assert (painted.changed == differs).all()
        assert 0 < differs.mean() < LARGEST.get(artefact, 0.35)
    assert (PHOTO.pixels == before).all()


@pytest.mark.parametrize("artefact", list(ARTEFACTS))
def test_same_seed_same_picture_upright_and_tiny_too(artefact: str) -> None:
    first, again, other = (paint(PHOTO, artefact, seed).photo.pixels for seed in (5, 5, 6))
    assert (first == again).all()
    assert (first != other).any()
    upright = Photo(np.ascontiguousarray(PHOTO.pixels.transpose(1, 0, 2)))
    assert paint(upright, artefact, 1).photo.pixels.shape == upright.pixels.shape
    assert paint(Photo(PHOTO.pixels[:64, :64].copy()), artefact, 1).changed.any()


@pytest.mark.parametrize(("artefact", "sign"), [("dark hair", -1), ("light hair", 1)])
def test_dark_hair_darkens_and_light_hair_lightens(artefact: str, sign: int) -> None:
    painted = paint(GREY, artefact, 3)
    change = painted.photo.pixels.astype(int).mean(axis=2)[painted.changed] - 128
    assert (np.sign(change) == sign).mean() > 0.95
    assert np.abs(change).max() > 50


@pytest.mark.parametrize("seed", range(6))
def test_the_ruler_keeps_to_a_border_and_ink_is_purple_or_blue_around_the_middle(seed: int) -> None:
    rows = np.flatnonzero(paint(GREY, "ruler", seed).changed.any(axis=1))
    assert rows.max() < 150 * 0.16 or rows.min() > 150 * 0.84
    ink = paint(GREY, "ink marks", seed)
    assert not ink.changed[45:105, 70:130].any()
    red, _, blue = ink.photo.pixels[ink.changed].astype(float).mean(axis=0)
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
