"""The Evidence tab: every number is the weights' own."""

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from skin_app.analysis import Analysis
from skin_app.ensemble import Ensemble
from skin_app.gallery.lesion_map import Place
from skin_app.page import evidence_plots as plots
from skin_app.page.evidence_tab import evidence_panel, evidence_tab
from skin_app.photo.read import Photo
from skin_app.skin_tone import TONES
from skin_app.weights.evaluation import FILE, read_evaluation
from skin_app.weights.folder import EMBEDDED, WeightsFolder, open_weights
from skin_app.weights.outside_scores import read_outside_scores
from skin_app.words import evidence as words
from skin_app.words.language import ENGLISH, GERMAN, Say
from skin_app.words.page import TAB_EVIDENCE
from tests.tiny import picture

Tab = Callable[[Say, Analysis | None], tuple[str, str]]


@pytest.fixture(scope="module")
def embedded() -> WeightsFolder:
    return open_weights()


def changed(weights: WeightsFolder, **parts: object) -> WeightsFolder:
    """Weights with another contract."""
    return replace(weights, contract=weights.contract.model_copy(update=parts))


@pytest.fixture(scope="module")
def tab(embedded: WeightsFolder) -> Tab:
    """Map and rest of the tab of the embedded weights, drawn once for all tests."""
    return evidence_tab(embedded)


def test_what_the_weights_lack_is_said(ensemble: Ensemble) -> None:
    lesions, html = evidence_tab(ensemble.weights)(ENGLISH, None)
    assert words.NO_MAP in lesions
    html += evidence_panel(ENGLISH, changed(ensemble.weights, trust=None))
    lacking = ("NO_SCORES", "NO_PREDICTIONS", "NOTHING_MEASURED", "NO_TRUST", "NO_TONE")
    assert [name for name in lacking if getattr(words, name) not in html] == []


def test_scores_come_from_the_contract(ensemble: Ensemble) -> None:
    rule = {
        "accuracy": 0.8412,
        "balanced_accuracy": 0.7431,
        "macro_auc": None,
        "per_class": {"mel": {"images": 1113, "recall": 0.6123}, "df": {"images": 46, "recall": 0}},
        "intervals_95": {"accuracy": (0.83, 0.8523)},
        "confusion_matrix": {"counts": np.diag([5, 5, 5, 5, 1, 5, 5]).tolist()},
    }
    rule["confusion_matrix"]["counts"][4][5] = 3
    adjusted = {**rule, "accuracy": 0.7777, "intervals_95": {}}
    scores = {
        "images": 10015,
        "lesions": 7456,
        "views_8": {"calibrated": rule, "prior_adjusted": adjusted},
    }
    html = evidence_panel(ENGLISH, changed(ensemble.weights, scores=scores)).replace("\u00a0", " ")
    for sentence in (
        "10,015 images of 7,456 lesions, 8 views per image.",
        words.PREDICTED["lesion"],
        '84.1 % <span class="interval">(83.0 % to 85.2 %)</span>',
        *("77.8 %", "1,113", "61.2 %", words.NOT_MEASURED),
        "Most often Melanocytic naevus comes first instead (3 images)",
        "Dermatofibroma, sensitivity 0 % (46 images)",
    ):
        assert sentence in html
    assert words.NO_SCORES not in html


def test_numbers_of_the_embedded_weights_stand_in_both_languages(
    tab: Tab, embedded: WeightsFolder
) -> None:
    scores, trust = embedded.contract.scores["views_8"]["calibrated"], embedded.contract.trust
    evaluation = read_evaluation(embedded)
    assert evaluation is not None
    assert trust is not None
    for say in (ENGLISH, GERMAN):
        _, html = tab(say, None)
        assert say.percent(scores["accuracy"], 1) in html
        assert say.number(scores["malignant_auc"], 3) in html
        assert say.number(embedded.contract.training.images) in html
        cleared = trust.measured["melanomas_not_suspicious"]
        assert html.count(say.percent(cleared.value, 1)) >= 2  # in the table and among the failures
        assert say.percent(evaluation.reliability.error, 1) in html
        assert (say(words.WEAK_MAPS) in html) == bool(trust.maps_are_weak)


@pytest.mark.parametrize("say", [ENGLISH, GERMAN])
def test_scores_outside_are_those_of_the_reports(embedded: WeightsFolder, say: Say) -> None:
    html = evidence_panel(say, embedded)
    section = html.split(f"<h2>{say(words.OUTSIDE)}</h2>")[1].split("</section>")[0]
    isic, ph2 = section.split("<h3>")[1:]
    assert "ISIC 2018 Task 3 test" in isic
    assert "PH2" in ph2
    for shown, own in zip((isic, ph2), read_outside_scores(EMBEDDED, embedded.contract), strict=True):
        assert say.number(own.images) in shown
        assert say(words.OUTSIDE_BY_OTHERS) in shown
        for scores in own.rules.values():
            assert say.number(scores["malignant_auc"], 3) in shown
            for bound in (scores["accuracy"], *scores["intervals_95"]["accuracy"]):
                assert say.percent(bound, 1) in shown
    adjusted = read_outside_scores(EMBEDDED, embedded.contract)[0].rules["prior_adjusted"]
    assert say.percent(adjusted["balanced_accuracy"], 1) in isic
    assert say(words.SHARES["balanced_accuracy"]) not in ph2  # only naevi and melanomas occur
    names = ", ".join(say(name) for name in ("Melanoma", "Melanocytic naevus"))
    assert say(words.OUTSIDE_FEW).format(names=names) in ph2
    assert say(words.OUTSIDE_PUBLISHED).format(least=10, most=30) in section
    assert say(words.OUTSIDE_SELDOM).format(names="ISIC 2018 Task 3 test, PH2") in html
    untested = (words.OUTSIDE_NOTE, words.OUTSIDE_UNKNOWN)
    assert [text for text in untested if say(text).format(least=10, most=30) in html] == []


@pytest.mark.parametrize("say", [ENGLISH, GERMAN])
def test_other_systems_stand_beside_reports_of_their_test_alone(
    embedded: WeightsFolder, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = read_outside_scores(EMBEDDED, embedded.contract)
    html = evidence_panel(say, embedded)
    isic, ph2 = html.split("<h3>ISIC 2018 Task 3 test</h3>")[1].split("<h3>PH2</h3>")
    ph2 = ph2.split("</section>")[0]
    for shown, report in zip((isic, ph2), reports, strict=True):
        assert report.published is not None
        assert say(words.PUBLISHED_CAPTION) in shown
        assert say(words.THIS_PROGRAM[report.published.rule]) in shown
        assert say(words.OUTSIDE_AGAIN) in ph2
        for own in report.published.systems:
            assert own.system in shown
            assert (own.source or say(words.NO_SOURCE)) in shown
    assert say.percent(0.885, 1) in isic
    assert say.percent(0.885, 1) not in ph2
    assert say.number(0.933, 3) in ph2
    elsewhere = tuple(replace(report, name="Clinic B") for report in reports)
    monkeypatch.setattr("skin_app.page.evidence_tab.read_outside_scores", lambda *_: elsewhere)
    html = evidence_panel(say, embedded)
    assert "<h3>Clinic B</h3>" in html
    assert say(words.PUBLISHED_CAPTION) not in html


@pytest.mark.parametrize("say", [ENGLISH, GERMAN])
def test_melanomas_of_the_young_stand_among_the_failures(embedded: WeightsFolder, say: Say) -> None:
    trust = embedded.contract.trust
    assert trust is not None
    own = trust.measured["malignant_suspicious"].model_copy(update={"value": 0.7123, "images": 35})
    measured = trust.measured | {"melanoma_sensitivity_under_40": own}
    told = trust.model_copy(update={"measured": measured})
    html = evidence_panel(say, changed(embedded, trust=told))
    failures = html.split(f"<h2>{say(words.FAILURES)}</h2>")[1].split("</section>")[0]
    before, after = say(words.UNDER_40).split("{images}")[0], say(words.UNDER_40).split("{share}")[1]
    assert f"<li>{before}35 " in failures
    assert after in failures
    assert say.percent(0.7123, 1) in failures


def test_weights_without_reports_were_not_tested_outside(ensemble: Ensemble) -> None:
    html = evidence_panel(ENGLISH, ensemble.weights)
    assert words.OUTSIDE_NOTE.format(least=10, most=30) in html
    assert words.OUTSIDE_UNKNOWN in html


def test_scores_outside_of_earlier_members_say_so(embedded: WeightsFolder) -> None:
    files = {**embedded.contract.files, "member-0/model.safetensors": "0" * 64}
    html = evidence_panel(ENGLISH, changed(embedded, files=files))
    assert html.count(words.OUTSIDE_CHANGED.format(weights="flagship (embedded, a2f99dcf)")) == 2


def test_every_name_in_the_gallery_can_be_translated() -> None:
    assert words.TONE_NAMES == TONES
    table = pd.read_csv(EMBEDDED / "gallery.csv")
    known = {*words.SEXES, *words.LARGE_SITES, *words.SMALL_SITES, *words.CONFIRMED_BY}
    assert set(table["sex"]) | set(table["localization"]) | set(table["dx_type"]) <= known


def test_every_figure_is_small_and_has_words(tab: Tab) -> None:
    html = "".join(tab(ENGLISH, None))
    images = html.split("<img ")[1:]
    assert len(images) == 4
    for image in images:
        assert ' alt="' in image.split(">")[0]
        assert len(image.split('src="')[1].split('"')[0]) < 60_000
    assert html.count(words.SHIPPED) == 3
    assert "http" not in html


CUT = """(html) => {
  document.querySelector('#evidence').innerHTML = html;
  return [...document.querySelectorAll('#evidence .wide')]
    .filter((table) => table.scrollWidth > table.clientWidth)
    .map((table) => table.innerText);
}"""


@pytest.mark.parametrize("say", [ENGLISH, GERMAN])
def test_no_table_is_cut_at_the_side_on_a_desktop(visit: Page, tab: Tab, say: Say) -> None:
    visit.get_by_role("tab", name=TAB_EVIDENCE, exact=True).click()
    expect(visit.locator("#evidence h2").first).to_be_visible()
    for width in (1024, 1200, 1280):
        visit.set_viewport_size({"width": width, "height": 900})
        assert visit.evaluate(CUT, tab(say, None)[1]) == []


def test_a_drawing_speaks_the_readers_language(embedded: WeightsFolder) -> None:
    evaluation = read_evaluation(embedded)
    assert evaluation is not None
    figure = plots.reliability_figure(GERMAN, evaluation.reliability)
    drawn = base64.b64decode(figure.split(",")[1]).decode()
    assert re.search(r"<!-- \d\.000 -->", drawn)  # with the thousands mark of German
    assert "<text" not in drawn  # letters as paths


def test_the_photo_has_a_place_between_its_neighbours(tab: Tab, embedded: WeightsFolder) -> None:
    lesions = embedded.lesion_map()
    assert lesions is not None
    before, _ = tab(ENGLISH, None)
    assert words.MAP_EMPTY in before
    assert 'class="here"' not in before
    analysis = Ensemble(embedded)(Photo(picture(3)), views=1)
    html, _ = tab(ENGLISH, analysis)
    place = lesions.place(analysis.embedding)
    left, top = plots.on_picture(lesions, place)
    assert 0 < left < 1
    assert 0 < top < 1
    assert f'style="left:{left:.2%};top:{top:.2%}"' in html
    first = max(set(place.neighbours), key=place.neighbours.count)
    assert f"<li>{place.neighbours.count(first)} " in html
    assert analysis.assessment is not None
    assert (words.MAP_NOVEL in html) == analysis.assessment.novelty.is_novel


def test_signs_differ_and_places_have_the_corners_of_the_picture(embedded: WeightsFolder) -> None:
    assert len(set(plots.SIGNS.values())) == len(set(plots.LINES.values())) == 7
    lesions = embedded.lesion_map()
    assert lesions is not None
    x, y = (lesions.points.min(axis=0) + lesions.points.max(axis=0)) / 2
    assert plots.on_picture(lesions, Place(x, y, ())) == pytest.approx((0.5, 0.5))
    x, y = lesions.points[lesions.points[:, 1].argmax()].tolist()
    assert plots.on_picture(lesions, Place(x, y, ()))[1] < 0.1  # shares from the top


def test_damaged_predictions_are_said_on_the_page(ensemble: Ensemble, tmp_path: Path) -> None:
    (tmp_path / "evaluation").mkdir()
    (tmp_path / FILE).write_text("")
    _, html = evidence_tab(replace(ensemble.weights, folder=tmp_path))(ENGLISH, None)
    assert 'role="alert"' in html
    assert "get the weights anew" in html
