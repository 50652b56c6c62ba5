from dataclasses import replace
from pathlib import Path

import pytest

from skin_app.ensemble import Ensemble
from skin_app.gallery import SimilarLesion
from skin_app.interface import words
from skin_app.interface.evidence import about, evidence
from skin_app.interface.fragments import percent, ranking, similar_lesions, status
from skin_app.interface.handlers import receive_example
from skin_app.interface.page import build_page


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.7134, "71.3&nbsp;%"),
        (0.0004, "&lt;&nbsp;0.1&nbsp;%"),
        (0.9996, "&gt;&nbsp;99.9&nbsp;%"),
        (1 / 3, "33.3&nbsp;%"),
    ],
)
def test_percent(value: float, text: str) -> None:
    assert percent(value) == text


def test_ranking_names_both_probabilities_of_all_seven(ensemble: Ensemble) -> None:
    photo = receive_example(1).waiting
    assert photo is not None
    analysis = ensemble.analyse(photo)
    html = ranking(analysis)
    assert html.count("<tr") == 8
    assert words.EQUALLY_COMMON in html
    for entry in analysis.ranked:
        assert percent(entry.probability) in html
        assert percent(entry.prior_adjusted) in html
    assert percent(analysis.malignant_probability) in html


def test_text_from_files_is_escaped() -> None:
    lesion = SimilarLesion("ISIC_1", "nv", "histopathology", 0.9, None, None, "<script>")
    html = similar_lesions([lesion])
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "not stated" in html
    assert "<b>" not in status("<b>bold</b>")


def test_weights_without_scores_say_so(ensemble: Ensemble) -> None:
    contract = ensemble.weights.contract
    assert words.NO_SCORES in evidence(contract)
    assert contract.licence in about(contract)


def test_scores_come_from_the_contract(ensemble: Ensemble) -> None:
    rule = {
        "accuracy": 0.8412,
        "balanced_accuracy": 0.7431,
        "macro_auc": None,
        "per_class": {"mel": {"images": 1113, "recall": 0.6123}},
        "intervals_95": {"accuracy": (0.83, 0.8523)},
    }
    scores = {
        "images": 10015,
        "lesions": 7456,
        "split": "lesion-grouped",
        "views_8": {"calibrated": rule, "prior_adjusted": replace_accuracy(rule, 0.7777)},
    }
    html = evidence(ensemble.weights.contract.model_copy(update={"scores": scores}))
    assert "10,015 images of 7,456 lesions; lesion-grouped; 8 views an image." in html
    assert "84.1&nbsp;% (83.0&nbsp;% to 85.2&nbsp;%)" in html
    assert "77.8&nbsp;%" in html
    assert "1,113" in html
    assert "61.2&nbsp;%" in html
    assert "not measured" in html
    assert words.NO_SCORES not in html


def replace_accuracy(rule: dict[str, object], accuracy: float) -> dict[str, object]:
    return {**rule, "accuracy": accuracy, "intervals_95": {}}


def test_note_about_the_weights_stands_on_the_page(
    ensemble: Ensemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = "These answers come from the embedded weights instead."
    assert note not in str(build_page(ensemble, tmp_path).config)
    monkeypatch.setattr(ensemble, "weights", replace(ensemble.weights, note=note))
    assert note in str(build_page(ensemble, tmp_path).config)


def test_a_training_image_is_said_to_be_one() -> None:
    lesion = SimilarLesion("ISIC_1", "nv", "histopathology", 0.98, 40.0, None, None)
    assert "most likely one of the training images" not in similar_lesions([lesion])
    html = similar_lesions([replace(lesion, likeness=0.9991)])
    assert "most likely one of the training images (ISIC_1)" in html
