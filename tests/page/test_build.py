"""The page's frame and its About tab, without a browser."""

from dataclasses import replace
from pathlib import Path

import pytest

from skin_app.ensemble import Ensemble
from skin_app.page.build import about_panel, build_page
from skin_app.weights.contract import THUMBNAILS
from skin_app.weights.folder import WeightsError, open_weights
from skin_app.words import about as words_about
from skin_app.words import page as words
from skin_app.words.language import ENGLISH, GERMAN


def test_that_other_weights_answer_stands_on_the_page_without_the_reason(
    ensemble: Ensemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [say(words.EMBEDDED_INSTEAD) for say in (ENGLISH, GERMAN)]
    for reason in (None, WeightsError("The Hub does not know your token.")):
        monkeypatch.setattr(ensemble, "weights", replace(ensemble.weights, instead=reason))
        page, labels = build_page(ensemble, tmp_path)
        shown = f"{page.config} {labels.translations().translations}"
        assert [sentence in shown for sentence in said] == [bool(reason)] * 2
        assert not reason or str(reason) not in shown


def test_about_names_source_revision_data_and_licences(ensemble: Ensemble) -> None:
    weights = open_weights()
    html, training = about_panel(ENGLISH, weights), weights.contract.training
    for text in (
        *(weights.contract.name, weights.hash, weights.contract.licence, training.git_revision),
        *(training.data_fingerprint, training.start_weights),
        *(words_about.SOURCES["embedded"], words_about.PURPOSE),
    ):
        assert text in html
    assert words_about.NO_IMAGES in html
    pictured = weights.contract.model_copy(update={"files": {THUMBNAILS: ""}})
    html = about_panel(ENGLISH, replace(weights, contract=pictured))
    assert words_about.SMALL_IMAGES in html
    assert words_about.NO_IMAGES not in html
    contract = ensemble.weights.contract.model_copy(update={"name": "<script>", "licence": "<i>"})
    html = about_panel(ENGLISH, replace(ensemble.weights, contract=contract))
    assert "<script>" not in html
    assert "<i>" not in html
