"""A photo beside its corrected copy, as plain functions."""

import numpy as np
import pytest

from skin_app.corrections import CORRECTIONS
from skin_app.display import for_display
from skin_app.ensemble import Ensemble
from skin_app.page.html import percent
from skin_app.page.one_photo.corrected import compare
from skin_app.page.one_photo.handlers import EXAMPLES_FOLDER, Shown
from skin_app.photo.read import Photo, read_photo
from skin_app.words import page as words
from skin_app.words.language import ENGLISH

DRAWING = read_photo(EXAMPLES_FOLDER / "irregular-patchy.jpg")


def shown_of(ensemble: Ensemble, photo: Photo, is_copy: bool = False) -> Shown:
    return Shown(for_display(photo), ensemble(photo), photo, is_copy, "token")


def in_a_black_circle(photo: Photo) -> Photo:
    y, x = np.indices(photo.pixels.shape[:2])
    outside = (y - photo.height / 2) ** 2 + (x - photo.width / 2) ** 2 > (0.45 * photo.height) ** 2
    return Photo(np.where(outside[..., None], 0, photo.pixels).astype(np.uint8))


@pytest.mark.parametrize("name", ["gamma", "colour constancy"])
def test_both_answers_stand_side_by_side(ensemble: Ensemble, name: str) -> None:
    html = compare(ENGLISH, ensemble, shown_of(ensemble, DRAWING), name)
    assert html.count("<img") == 2
    for photo in (DRAWING, CORRECTIONS[name](DRAWING)):
        analysis = ensemble(photo)
        for entry in analysis.ranked[:3]:
            assert percent(ENGLISH, entry.probability) in html
        assert percent(ENGLISH, analysis.malignant_probability) in html
    assert words.CORRECTIONS[name] in html


def test_the_crop_is_drawn_on_the_photo_as_it_came(ensemble: Ensemble) -> None:
    photo = in_a_black_circle(DRAWING)
    html = compare(ENGLISH, ensemble, shown_of(ensemble, photo), "field of view")
    assert html.count('class="frame"') == 1
    assert words.CROP_DRAWN in html


def test_a_correction_that_changes_nothing_says_so(ensemble: Ensemble) -> None:
    without_surround = Photo(DRAWING.pixels[100:350, 150:450])
    html = compare(ENGLISH, ensemble, shown_of(ensemble, without_surround), "field of view")
    assert words.UNCHANGED in html
    assert "<img" not in html


def test_that_a_smaller_copy_was_corrected_is_said(ensemble: Ensemble) -> None:
    assert "smaller copy" in compare(ENGLISH, ensemble, shown_of(ensemble, DRAWING, True), "gamma")
    assert "smaller copy" not in compare(ENGLISH, ensemble, shown_of(ensemble, DRAWING), "gamma")


def test_nothing_chosen_is_nothing_and_a_forgotten_photo_is_explained(ensemble: Ensemble) -> None:
    assert compare(ENGLISH, ensemble, None, None) == ""
    assert words.NO_LONGER_HELD in compare(ENGLISH, ensemble, None, "gamma")
