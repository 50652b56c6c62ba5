from dataclasses import replace
from pathlib import Path

import pytest

from skin_app.ensemble import Ensemble
from skin_app.gallery.similar_lesions import LesionPictures, SimilarLesion
from skin_app.page.build import build_page
from skin_app.page.html import percent, status
from skin_app.page.one_photo.handlers import EXAMPLES_FOLDER
from skin_app.page.one_photo.ranking import ranking_panel
from skin_app.page.one_photo.similar import counted, similar_lesions
from skin_app.photo.read import read_photo
from skin_app.words import page as words
from skin_app.words.language import ENGLISH, GERMAN


@pytest.fixture
def pictures(ensemble: Ensemble) -> LesionPictures:
    return LesionPictures(ensemble.weights.thumbnails)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.7134, "71.3\u00a0%"),
        (0.0004, "&lt;\u00a00.1\u00a0%"),
        (0.9996, "&gt;\u00a099.9\u00a0%"),
        (1 / 3, "33.3\u00a0%"),
    ],
)
def test_percent(value: float, text: str) -> None:
    assert percent(ENGLISH, value) == text


def test_ranking_names_both_probabilities_of_all_seven(ensemble: Ensemble) -> None:
    analysis = ensemble(read_photo(EXAMPLES_FOLDER / "globules.jpg"))
    html = ranking_panel(ENGLISH, analysis)
    assert html.count("<tr") == 8
    assert words.EQUALLY_COMMON in html
    for entry in analysis.ranked:
        assert percent(ENGLISH, entry.probability) in html
        assert percent(ENGLISH, entry.prior_adjusted) in html
    assert percent(ENGLISH, analysis.malignant_probability) in html


def test_text_from_files_is_escaped(pictures: LesionPictures) -> None:
    lesion = SimilarLesion("ISIC_1", "nv", "histopathology", 0.9, None, None, "<script>")
    html = similar_lesions(ENGLISH, [lesion], pictures)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "not stated" in similar_lesions(ENGLISH, [replace(lesion, site=None)], pictures)
    assert "<b>" not in status("<b>bold</b>")


def test_that_other_weights_answer_stands_on_the_page_without_the_reason(
    ensemble: Ensemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown() -> str:
        page, labels = build_page(ensemble, tmp_path)
        return f"{page.config} {labels.translations().translations}"

    said = [say(words.EMBEDDED_INSTEAD) for say in (ENGLISH, GERMAN)]
    assert not any(sentence in shown() for sentence in said)
    reason = "The Hub does not know your token."
    monkeypatch.setattr(ensemble, "weights", replace(ensemble.weights, instead=reason))
    assert all(sentence in shown() for sentence in said)
    assert reason not in shown()


def test_a_training_image_is_said_to_be_one(pictures: LesionPictures) -> None:
    lesion = SimilarLesion("ISIC_1", "nv", "histopathology", 0.98, 40.0, None, None)
    assert "most likely a training image" not in similar_lesions(ENGLISH, [lesion], pictures)
    html = similar_lesions(ENGLISH, [replace(lesion, is_the_same_photo=True)], pictures)
    assert "most likely a training image (ISIC_1)" in html


def test_the_nearest_lesions_are_counted_by_diagnosis_and_by_how_they_were_confirmed() -> None:
    ways = (
        ("mel", "histopathology"),
        ("nv", "follow-up"),
        ("mel", "histopathology"),
        ("nv", "histopathology"),
    )
    ways = (*ways, ("mel", "confocal microscopy"))
    lesions = [
        SimilarLesion(f"ISIC_{i}", dx, how, 0.9, None, None, None) for i, (dx, how) in enumerate(ways)
    ]
    html = counted(ENGLISH, lesions)
    assert "The 5 most similar lesions:" in html
    first, second = html.split("<li>")[1:]
    assert "<strong>3</strong> Melanoma" in first
    assert "(2 confirmed by histopathology, 1 confirmed by confocal microscopy)" in first
    assert "<strong>2</strong> Melanocytic naevus" in second
