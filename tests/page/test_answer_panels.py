"""What the page says of one photo's answer: every outcome, every warning, and what is missing."""

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from skin_app.analysis import Analysis
from skin_app.context import Patient
from skin_app.diagnoses import CODES, DIAGNOSES
from skin_app.ensemble import Ensemble
from skin_app.novelty import Novelty
from skin_app.outcome import GROUNDS, REFUSALS, Outcome, Reason, refused
from skin_app.page.answer_panels import (
    diagnoses_in_set,
    members_panel,
    on_scale,
    outcome_panel,
    ranking_panel,
    thresholds_panel,
)
from skin_app.page.templates import fill, status
from skin_app.photo.read import Photo
from skin_app.quality import Finding
from skin_app.trust import StoredEstimate
from skin_app.words import page as words
from skin_app.words import patient as patient_words
from skin_app.words.language import ENGLISH
from skin_app.words.outcome import HEADLINES, OUTCOMES, REASONS, TO_CHECK
from skin_app.words.photo import ADVICE
from train.data.drawings import draw_lesion


@pytest.fixture(scope="module")
def analysis(ensemble: Ensemble) -> Analysis:
    return ensemble(Photo(draw_lesion(11, "network", 180, 240)), views=1)


def changed(analysis: Analysis, **parts: object) -> Analysis:
    assert analysis.assessment is not None
    return replace(analysis, assessment=replace(analysis.assessment, **parts))  # pyright: ignore


def decided(analysis: Analysis, **parts: object) -> Analysis:
    assert analysis.assessment is not None
    return changed(analysis, decision=replace(analysis.assessment.decision, **parts))  # pyright: ignore


def looked(analysis: Analysis, **parts: object) -> Analysis:
    assert analysis.assessment is not None
    return changed(analysis, look=replace(analysis.assessment.look, **parts))  # pyright: ignore


def with_measured(analysis: Analysis, **measured: StoredEstimate) -> Analysis:
    """As if the limits of its weights had been measured."""
    weights = analysis.weights
    assert weights.contract.trust is not None
    trust = weights.contract.trust.model_copy(update={"measured": measured})
    contract = weights.contract.model_copy(update={"trust": trust})
    return replace(analysis, weights=replace(weights, contract=contract))


@pytest.mark.parametrize(("outcome", "reason"), GROUNDS)
def test_each_outcome_has_its_headline_and_reason(
    analysis: Analysis, outcome: Outcome, reason: Reason
) -> None:
    html = outcome_panel(ENGLISH, decided(analysis, outcome=outcome, reason=reason), "t")
    assert OUTCOMES[outcome] in html
    assert REASONS[reason] in html


@pytest.mark.parametrize(("outcome", "reason"), REFUSALS.items())
def test_a_refusal_hides_no_malignant_answer(
    analysis: Analysis, outcome: Outcome, reason: Reason
) -> None:
    assert analysis.assessment is not None
    decision = refused(replace(analysis.assessment.decision, without_refusal=outcome))
    html = outcome_panel(ENGLISH, changed(analysis, decision=decision), "t")
    assert REASONS[reason] in html
    heading = re.search(r"<h2>(.*?)<button", html, re.DOTALL)
    assert heading is not None
    assert re.sub("<[^>]+>", "", heading[1]).split(maxsplit=1)[1].strip() == OUTCOMES[decision.shown]
    assert HEADLINES["not dermatoscopic"] in html


def of_malignant(analysis: Analysis, codes: tuple[str, ...]) -> Analysis:
    """With naevus and these diagnoses in the 90 % set."""
    return decided(analysis, set_90=np.array([code in ("nv", *codes) for code in CODES]))


def test_the_line_under_the_outcome_names_what_is_not_ruled_out_or_how_probable_it_is(
    analysis: Analysis,
) -> None:
    def line(outcome: Outcome, *codes: str) -> str:
        html = outcome_panel(ENGLISH, decided(of_malignant(analysis, codes), outcome=outcome), "t")
        found = re.search(r'<div class="line">(.*?)(<button|</div>)', html, re.DOTALL)
        assert found is not None
        return found[1].strip()

    ranked = [entry.diagnosis for entry in analysis.ranked if entry.diagnosis.code in ("akiec", "mel")]
    names = ", ".join(one.short for one in ranked)
    share = ENGLISH.percent(analysis.malignant_probability, digits=0)
    assert line("uncertain", "mel") == "Not ruled out: Melanoma."
    assert line("uncertain", "akiec", "mel") == f"Not ruled out: {names}."
    assert line("uncertain") == HEADLINES["nothing ruled out"]
    assert line("suspicious", "mel").startswith(f"Malignant: {share}, above the threshold")
    assert line("not suspicious").startswith(f"Malignant: {share}. This does not rule out")


def test_the_measured_share_stands_beside_its_outcome(analysis: Analysis) -> None:
    cleared = replace(decided(analysis, outcome="not suspicious", reason="benign"), views=8)
    missed = StoredEstimate(value=0.03, interval_95=(0.01, 0.05), images=444)
    measured = with_measured(cleared, melanomas_not_suspicious=missed)
    said = "In testing, 3\u00a0% (1\u00a0% to 5\u00a0%) of the melanomas"
    assert said in re.sub("<[^>]+>", "", outcome_panel(ENGLISH, measured, "t"))
    # what was measured is the full answer
    for other in (cleared, replace(measured, views=1)):
        assert "In testing" not in outcome_panel(ENGLISH, other, "t")


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ([False] * 7, words.SET_EMPTY),
        ([True] * 7, words.SET_WHOLE),
        (None, words.SET_OFF),
        ([False] * 4 + [True] + [False] * 2, words.SET.format(names="Melanoma")),
    ],
)
def test_every_kind_of_set_is_put_in_words(
    analysis: Analysis, members: list[bool] | None, sentence: str
) -> None:
    shown = decided(analysis, set_90=None if members is None else np.array(members))
    assert sentence in outcome_panel(ENGLISH, shown, "t")
    inside = diagnoses_in_set(shown)
    assert (None if inside is None else len(inside)) == (None if members is None else sum(members))
    ranking = ranking_panel(ENGLISH, shown, "t")
    assert ranking.count('class="in-set"') == sum(members or ())
    assert (words.SET_MEANING in ranking) == (members is not None)


def test_each_warning_is_shown_once_and_only_when_it_holds(analysis: Analysis) -> None:
    finding = Finding("blur", "blurred", 0.1, 0.2)
    shares = np.full(7, 0.01)
    worried = changed(analysis, heat_on_lesion=shares, heat_is_outside=True, tone_is_rare=True)
    html = outcome_panel(ENGLISH, looked(worried, findings=(finding, finding), tone_angle=-20.0), "t")
    assert html.count(ADVICE["blurred"]) == 1
    assert words.CHECK_FIRST.format(count=3) in html
    assert html.count("<li>") == 3
    assert "Unusually little of the first diagnosis" in html
    assert "estimated as brown" in html
    calm = changed(analysis, heat_on_lesion=shares, heat_is_outside=False, tone_is_rare=False)
    html = outcome_panel(ENGLISH, looked(calm, findings=(), tone_angle=50.0), "t")
    assert "check-first" not in html
    assert "<li>" not in html


def test_what_could_not_be_checked_is_said(analysis: Analysis) -> None:
    blind = changed(analysis, heat_on_lesion=None)
    html = outcome_panel(ENGLISH, looked(blind, mask=np.zeros((8, 8), bool), tone_angle=None), "t")
    assert TO_CHECK["no lesion found"] in html
    assert words.NO_TONE in html


def test_weights_without_trust_say_what_is_missing(analysis: Analysis) -> None:
    old = replace(analysis, assessment=None)
    assert words.NO_TRUST in outcome_panel(ENGLISH, old, "t")
    assert diagnoses_in_set(old) is None
    assert thresholds_panel(ENGLISH, old, 0.2) == ""


def cells(html: str, title: str) -> list[str]:
    """The text of the cells beside a row's head, the lowest threshold first."""
    (row,) = re.findall(rf'<th scope="row">{title}</th>(.*?)</tr>', html, re.DOTALL)
    return [" ".join(re.sub("<[^>]+>", "", cell).split()) for cell in re.split("</td>", row)[:-1]]


def malignant(analysis: Analysis, probability: float) -> Analysis:
    return replace(analysis, malignant_probability=probability)


def test_predictive_values_follow_the_readers_prevalence(analysis: Analysis) -> None:
    # sensitivity 0.85, specificity 0.7: 0.85 * 0.1 / (0.85 * 0.1 + 0.3 * 0.9) = 0.239
    assert cells(thresholds_panel(ENGLISH, analysis, 0.1), "PPV")[2] == "24 %"
    assert cells(thresholds_panel(ENGLISH, analysis, 0.3), "PPV")[2] != "24 %"


def test_each_threshold_has_its_measured_values_and_this_photos_side(analysis: Analysis) -> None:
    points = sorted(analysis.operating_points, key=lambda point: point.threshold)
    between = (points[0].threshold + points[1].threshold) / 2
    html = thresholds_panel(ENGLISH, malignant(analysis, between), 0.2)
    assert cells(html, "This photo") == ["above", "below", "below"]
    for point, cell in zip(points, cells(html, "Sensitivity"), strict=True):
        low, high = (ENGLISH.percent(end, digits=1) for end in point.sensitivity_interval)
        value = ENGLISH.percent(point.sensitivity, digits=0)
        assert unescape(cell) == " ".join(f"{value} {low} – {high}".split())
    for point in points:
        assert f"left:{on_scale(point.threshold):.2f}%" in html


@pytest.mark.parametrize("share", [0.0, 0.001, 0.05, 0.3, 0.99, 1.0])
def test_the_photo_lies_in_one_zone_where_its_probability_is(analysis: Analysis, share: float) -> None:
    html = thresholds_panel(ENGLISH, malignant(analysis, share), 0.2)
    first, _, last = sorted(point.threshold for point in analysis.operating_points)
    expected = "not-suspicious" if share < first else "uncertain" if share < last else "suspicious"
    assert re.findall(r'class="([\w-]+) inside"', html) == [expected]
    assert f"--at:{100 * np.cbrt(share):.2f}%" in html


def test_a_hundred_lesions_are_told_for_the_highest_threshold_that_the_photo_reaches(
    analysis: Analysis,
) -> None:
    points = sorted(analysis.operating_points, key=lambda point: point.threshold)
    html = unescape(thresholds_panel(ENGLISH, malignant(analysis, 1.0), 0.1))
    # sensitivity 0.85, specificity 0.7, of 10 malignant and 90 benign lesions
    assert "So do 35 of 100 lesions that you see" in html
    assert "8 malignant, 27 benign. Below it: 2 malignant, 63 benign." in html
    html = unescape(thresholds_panel(ENGLISH, malignant(analysis, 0.0), 0.01))
    assert f"stays below the threshold of {ENGLISH.percent(points[0].threshold, digits=1)}" in html
    assert "<\u00a01 malignant" in html  # not "0 malignant"


def test_an_outcome_that_its_zone_does_not_explain_is_explained(analysis: Analysis) -> None:
    held = decided(analysis, outcome="uncertain", reason="malignant_in_set")
    assert REASONS["malignant_in_set"] in thresholds_panel(ENGLISH, held, 0.2)
    between = decided(analysis, outcome="uncertain", reason="between_points")
    assert REASONS["between_points"] not in thresholds_panel(ENGLISH, between, 0.2)


def test_numbers_are_those_of_the_ensemble_of_age_and_of_each_network(analysis: Analysis) -> None:
    old = analysis.with_patient(Patient(85, "male"))
    assert old.in_context is not None
    html = unescape(members_panel(ENGLISH, old))
    for i, diagnosis in enumerate(DIAGNOSES):
        shares = [old.probabilities[i], old.in_context.probabilities[i], old.prior_adjusted[i]]
        shares += [member[i] for member in old.members]
        (row,) = re.findall(rf'<span class="code">{diagnosis.code}</span>(.*?)</tr>', html, re.DOTALL)
        assert re.findall(r'class="number">([^/]+)</td>', row) == [
            ENGLISH.percent(share, digits=1) for share in shares
        ]
    assert patient_words.WITH_AGE not in members_panel(ENGLISH, analysis)


def test_a_novel_photo_has_neither_thresholds_nor_agreement(analysis: Analysis) -> None:
    assert "readings" in outcome_panel(ENGLISH, analysis, "t")
    novel = changed(analysis, novelty=Novelty(3.0, 1.0))
    assert "readings" not in outcome_panel(ENGLISH, novel, "t")
    html = thresholds_panel(ENGLISH, novel, 0.2)
    assert words.POINTS_OFF in html
    assert "<table" not in html


def test_ranking_names_the_whole_percents_of_all_seven_and_of_the_malignant_together(
    analysis: Analysis,
) -> None:
    html = ranking_panel(ENGLISH, analysis, "t").replace("&lt;", "<").replace("&gt;", ">")
    assert html.count("<tr") == 9
    names = re.findall(r'<span class="name">(.*?)</span>', html)
    assert names == [own.diagnosis.short for own in analysis.ranked]
    shares = [own.probability for own in analysis.ranked]
    said = [ENGLISH.percent(share, digits=0) for share in (*shares, analysis.malignant_probability)]
    assert re.findall(r'<td class="number">(.*?)</td>', html) == said
    head, *rows = html.split("<tr")[1:]
    assert [bool(re.search('<abbr class="m"', row)) for row in rows[:7]] == [
        own.diagnosis.malignant for own in analysis.ranked
    ]
    assert words.PROBABILITY in head


def test_the_answer_with_age_stands_beside_that_of_the_photo(analysis: Analysis) -> None:
    old = analysis.with_patient(Patient(85, "male"))
    assert old.in_context is not None
    html = ranking_panel(ENGLISH, old, "t").replace("&lt;", "<").replace("&gt;", ">")
    assert patient_words.PHOTO_ALONE in html
    assert patient_words.WITH_AGE_AND_SEX in html
    for share in (*old.in_context.probabilities, old.in_context.malignant_probability):
        assert ENGLISH.percent(share, digits=0) in html
    assert html.count('<td class="number">') == 2 * 8
    for own, now in zip(analysis.ranked, old.ranked, strict=True):
        assert own.diagnosis == now.diagnosis  # nothing jumps
    assert patient_words.WITH_AGE_AND_SEX not in ranking_panel(ENGLISH, analysis, "t")
    assert patient_words.POINTS_OF_PHOTO in thresholds_panel(ENGLISH, old, 0.2)


@pytest.mark.parametrize(
    ("photo", "now", "said"),
    [
        (
            "not suspicious",
            "uncertain",
            "Photo alone: Not suspicious to the networks. With age: Uncertain.",
        ),
        ("uncertain", "uncertain", "With age: the same outcome."),
    ],
)
def test_an_outcome_that_age_raised_is_said_to_be(
    analysis: Analysis, photo: Outcome, now: Outcome, said: str
) -> None:
    old = decided(analysis.with_patient(Patient(85)), outcome=now)
    assert old.in_context is not None
    measured = with_measured(
        replace(
            old,
            in_context=replace(old.in_context, photo_outcome=photo, photo_without_refusal=photo),
            views=8,
        ),
        uncertain=StoredEstimate(value=0.4, interval_95=(0.3, 0.5), images=444),
    )
    html = " ".join(re.sub("<[^>]+>", "", outcome_panel(ENGLISH, measured, "t")).split())
    assert said in html
    assert patient_words.ONLY_RAISES in html
    assert ("In testing" in html) == (photo == now)  # measured for photos alone


def test_a_refused_photo_that_would_be_suspicious_looks_like_it_and_age_is_said_to_raise_it(
    analysis: Analysis,
) -> None:
    old = decided(
        analysis.with_patient(Patient(85)),
        outcome="not dermatoscopic",
        without_refusal="suspicious",
        reason="not_dermatoscopic_suspicious",
    )
    assert old.in_context is not None
    alone = replace(
        old.in_context, photo_outcome="not dermatoscopic", photo_without_refusal="not suspicious"
    )
    html = outcome_panel(ENGLISH, replace(old, in_context=alone), "t")
    assert 'class="outcome not-dermatoscopic suspicious"' in html
    assert ">▲</span>" in html
    assert "Photo alone: nothing suspicious. With age: suspicious." in " ".join(html.split())


def test_text_from_outside_is_escaped() -> None:
    assert "<b>" not in status("<b>bold</b>")
    assert "<b>" not in fill("opened.html", ENGLISH, place=0, file="<b>.jpg", whole="")
