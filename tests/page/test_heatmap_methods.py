"""The two kinds of heatmaps: their maps, and what is said about each."""

import pytest

from skin_app.analysis import Analysis
from skin_app.ensemble import Ensemble
from skin_app.page.heatmap_methods import heatmap_methods
from skin_app.photo.read import Photo
from skin_app.trust import StoredEstimate
from skin_app.words import page as words
from skin_app.words.language import ENGLISH, GERMAN, LANGUAGES, Say
from tests.page.test_answer_panels import with_measured
from tests.tiny import picture


@pytest.fixture(scope="module")
def answers(ensemble: Ensemble) -> list[Analysis]:
    return list(ensemble.refine(Photo(picture(0))))


def test_a_full_answer_has_both_methods_and_a_quick_one_none(answers: list[Analysis]) -> None:
    quick, full = answers
    assert heatmap_methods(ENGLISH, quick) == ()
    ours, grad_cam = heatmap_methods(ENGLISH, full)
    assert (ours.key, grad_cam.key) == tuple(words.METHODS) == ("attribution", "grad_cam")
    assert ours.maps is full.maps
    assert grad_cam.maps is full.grad_cam_maps


@pytest.mark.parametrize("say", LANGUAGES.values(), ids=LANGUAGES)
def test_each_says_what_it_shows_and_how_it_was_tested(answers: list[Analysis], say: Say) -> None:
    numbers = {
        name: StoredEstimate(value=value, interval_95=(0.0, 1.0), images=9)
        for name, value in {"heat_on_lesion": 0.4, "lesion_area": 0.22}.items()
    }
    ours, grad_cam = heatmap_methods(say, with_measured(answers[1], **numbers))
    assert "40\u00a0%" in ours.sentence
    assert "22\u00a0%" in ours.sentence
    assert "%" not in grad_cam.sentence
    assert ("nicht getestet" if say is GERMAN else "not tested") in grad_cam.sentence
    (untested, _) = heatmap_methods(say, with_measured(answers[1]))
    assert untested.sentence.endswith(say(words.METHOD_NOT_TESTED))
