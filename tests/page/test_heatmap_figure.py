"""The figure of the heatmaps, without a browser: what is in it, in pictures and in words."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from skin_app.analysis import Analysis
from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble
from skin_app.overlay import STOPS, for_display
from skin_app.page.heatmap_figure import LAYER, map_controls, photo_figure, where
from skin_app.page.one_photo_handlers import EXAMPLES_FOLDER
from skin_app.photo.read import Photo, read_photo
from skin_app.trust import StoredEstimate
from skin_app.words import page as words
from skin_app.words.language import ENGLISH
from tests.page.test_answer_panels import with_measured

PHOTO = read_photo(EXAMPLES_FOLDER / "globules.jpg")


@pytest.fixture(scope="module")
def analysis(ensemble: Ensemble) -> Analysis:
    return ensemble(PHOTO, 1, with_maps=True)


def layer(html: str, code: str) -> np.ndarray:
    """The transparent picture of one class, (LAYER, LAYER, 4) uint8."""
    found = re.search(
        f'<img data-code="{code}" data-method="attribution" src="data:image/png;base64,([^"]+)"', html
    )
    assert found is not None
    return np.array(Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("RGBA"))


def test_layers_are_opaque_where_their_map_is_strong(analysis: Analysis) -> None:
    maps = {code: np.zeros((4, 4)) for code in CODES}
    maps["mel"][0, 3] = 1
    html = map_controls(ENGLISH, replace(analysis, maps=maps), "t")
    alpha = layer(html, "mel")[..., 3]
    assert alpha.shape == (LAYER, LAYER)
    assert alpha[5, -5] == 255
    assert alpha[-5, 5] == 0
    assert tuple(layer(html, "mel")[5, -5]) == (*STOPS[-1], 255)
    assert layer(html, "nv")[..., 3].max() == 0


def test_words_say_what_the_picture_shows(analysis: Analysis) -> None:
    maps = {code: np.zeros((6, 6)) for code in CODES if code != "vasc"}
    maps["mel"][0, 5] = 0.5
    html = map_controls(ENGLISH, replace(analysis, maps=maps, grad_cam_maps=maps), "t")
    lines = re.findall(r'<p data-code="(\w+)"[^>]*>(.*?)</p>', html, re.DOTALL)
    said = {code: " ".join(line for own, line in lines if own == code) for code in CODES}
    assert words.MAP_FOR.format(name="Melanoma") in said["mel"]
    assert "at the upper right" in said["mel"]
    assert "50\u00a0% of the highest peak" in said["mel"]
    assert words.MAP_EMPTY in said["nv"]
    assert "Vascular lesion has no heatmap: its probability is below 1\u00a0%" in said["vasc"]
    shown = set(re.findall(r'<img data-code="(\w+)"', html))
    beside = html[html.index('<select class="beside">') :].partition("</select>")[0]
    assert shown == set(re.findall(r'<option value="(\w+)"', beside)) == set(maps)


def test_the_first_ranked_diagnosis_is_shown_first(analysis: Analysis) -> None:
    html = map_controls(ENGLISH, analysis, "t")
    first = analysis.ranked[0].diagnosis.code
    assert f'data-first="{first}"' in html
    lines = re.findall(r'<p data-code="(\w+)"(?: data-method="\w+")?( hidden)?', html)
    assert {code for code, hidden in lines if not hidden} == {first}
    assert len(lines) == 2 * len(CODES)


@pytest.mark.parametrize("is_answered", [True, False])
def test_before_there_are_heatmaps_the_controls_are_off_and_a_line_says_so(
    analysis: Analysis, is_answered: bool
) -> None:
    html = map_controls(ENGLISH, replace(analysis, maps=None) if is_answered else None, "t")
    assert '<fieldset class="controls" disabled>' in html
    assert words.MAP_FOLLOWS in html
    assert "<img" not in html
    ready = map_controls(ENGLISH, analysis, "t")
    assert '<fieldset class="controls">' in ready
    assert words.MAP_FOLLOWS not in ready


def test_parts_of_one_photo_share_its_name(analysis: Analysis) -> None:
    for html in (
        photo_figure(ENGLISH, for_display(PHOTO), "t1"),
        map_controls(ENGLISH, analysis, "t1"),
    ):
        assert html.count('data-photo="t1"') == 1


def test_only_the_photo_in_the_fields_place_has_buttons_for_another() -> None:
    display = for_display(PHOTO)
    for tools in (True, False):
        html = photo_figure(ENGLISH, display, "t", tools=tools)
        found = [name in html for name in ("data-new-photo", "data-start-over", words.DROP_HERE)]
        assert found == [tools] * 3


def ninths(row: int, column: int) -> np.ndarray:
    class_map = np.full((9, 9), 0.01)
    class_map[3 * row : 3 * row + 3, 3 * column : 3 * column + 3] = 1
    return class_map


BETWEEN = np.zeros((9, 9))
BETWEEN[4, 2:4], BETWEEN[8, 8] = 1, 0.1  # half of it in either of two ninths


@pytest.mark.parametrize(
    ("class_map", "place"),
    [
        (ninths(0, 0), "at the upper left"),
        (ninths(1, 1), "in the middle"),
        (ninths(2, 1), "at the bottom"),
        (np.full((10, 10), 0.3), words.NO_PLACE),
        (BETWEEN, words.NO_PLACE),
    ],
)
def test_the_ninth_with_most_heat_is_named_if_there_is_one(class_map: np.ndarray, place: str) -> None:
    assert place in where(ENGLISH, class_map)


def test_the_seen_square_is_where_the_networks_looked() -> None:
    wide = for_display(Photo(PHOTO.pixels[:300]))  # 600 x 300: the square is the middle half
    html = photo_figure(ENGLISH, wide, "t")
    assert "left:25.000%;top:0.000%;width:50.000%;height:100.000%" in html


@pytest.mark.parametrize(("low", "is_weak"), [(-0.01, True), (0.01, False)])
def test_that_the_maps_are_weak_is_said_where_they_do_not_beat_the_middle(
    analysis: Analysis, low: float, is_weak: bool
) -> None:
    estimate = StoredEstimate(value=0.02, interval_95=(low, 0.05), images=70, is_share=False)
    measured = with_measured(analysis, map_above_centre=estimate)
    assert (words.MAP_IS_WEAK in map_controls(ENGLISH, measured, "t")) == is_weak
    assert words.MAP_IS_WEAK not in map_controls(ENGLISH, analysis, "t")
    quick = replace(measured, maps=None)
    assert words.MAP_IS_WEAK not in map_controls(ENGLISH, quick, "t")  # nor of maps that are not there
