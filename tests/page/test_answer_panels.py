"""What the page says of one photo's answer: every outcome, every warning, and what is missing."""

import re
from dataclasses import replace

import numpy as np
import pytest

from skin_app.analysis import Analysis
from skin_app.context import Patient
from skin_app.ensemble import Ensemble
from skin_app.gallery.similar_lesions import LesionPictures, SimilarLesion
from skin_app.novelty import Novelty
from skin_app.outcome import GROUNDS, REFUSALS, Outcome, Reason, refused
from skin_app.page.answer_panels import (
    diagnoses_in_set,
    outcome_panel,
    ranking_panel,
    similar_lesions,
    thresholds_panel,
)
from skin_app.page.templates import fill, status
from skin_app.photo.read import Photo
from skin_app.quality import Finding
from skin_app.trust import StoredEstimate
from skin_app.words import page as words
from skin_app.words import patient as patient_words
from skin_app.words.language import ENGLISH
from skin_app.words.outcome import OUTCOMES, REASONS, TO_CHECK
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
    html = outcome_panel(ENGLISH, decided(analysis, outcome=outcome, reason=reason))
    assert OUTCOMES[outcome] in html
    assert REASONS[reason] in html


@pytest.mark.parametrize(("outcome", "reason"), REFUSALS.items())
def test_a_refusal_hides_no_malignant_answer(
    analysis: Analysis, outcome: Outcome, reason: Reason
) -> None:
    assert analysis.assessment is not None
    decision = refused(replace(analysis.assessment.decision, without_refusal=outcome))
    html = outcome_panel(ENGLISH, changed(analysis, decision=decision))
    assert REASONS[reason] in html
    assert f"{OUTCOMES[decision.shown]}</h2>" in html


def test_the_measured_share_stands_beside_its_outcome(analysis: Analysis) -> None:
    cleared = replace(decided(analysis, outcome="not suspicious", reason="benign"), views=8)
    missed = StoredEstimate(value=0.03, interval_95=(0.01, 0.05), images=444)
    measured = with_measured(cleared, melanomas_not_suspicious=missed)
    said = "In testing, 3\u00a0% (1\u00a0% to 5\u00a0%) of the melanomas"
    assert said in re.sub("<[^>]+>", "", outcome_panel(ENGLISH, measured))
    # what was measured is the full answer
    for other in (cleared, replace(measured, views=1)):
        assert "In testing" not in outcome_panel(ENGLISH, other)


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
    assert sentence in outcome_panel(ENGLISH, shown)
    inside = diagnoses_in_set(shown)
    assert (None if inside is None else len(inside)) == (None if members is None else sum(members))
    marked = ranking_panel(ENGLISH, shown, "t").count(f"<strong>{words.YES}</strong>")
    assert marked == sum(members or ())


def test_each_warning_is_shown_once_and_only_when_it_holds(analysis: Analysis) -> None:
    finding = Finding("blur", "blurred", 0.1, 0.2)
    shares = np.full(7, 0.01)
    worried = changed(analysis, heat_on_lesion=shares, heat_is_outside=True, tone_is_rare=True)
    html = outcome_panel(ENGLISH, looked(worried, findings=(finding, finding), tone_angle=-20.0))
    assert html.count(ADVICE["blurred"]) == 1
    assert "Unusually little of the first diagnosis" in html
    assert "estimated as brown" in html
    calm = changed(analysis, heat_on_lesion=shares, heat_is_outside=False, tone_is_rare=False)
    html = outcome_panel(ENGLISH, looked(calm, findings=(), tone_angle=50.0))
    assert words.CHECK_FIRST not in html


def test_what_could_not_be_checked_is_said(analysis: Analysis) -> None:
    blind = changed(analysis, heat_on_lesion=None)
    html = outcome_panel(ENGLISH, looked(blind, mask=np.zeros((8, 8), bool), tone_angle=None))
    assert TO_CHECK["no lesion found"] in html
    assert words.NO_TONE in html


def test_weights_without_trust_say_what_is_missing(analysis: Analysis) -> None:
    old = replace(analysis, assessment=None)
    assert words.NO_TRUST in outcome_panel(ENGLISH, old)
    assert diagnoses_in_set(old) is None
    assert thresholds_panel(ENGLISH, old, 0.2) == ""


def test_predictive_values_follow_the_readers_prevalence(analysis: Analysis) -> None:
    # sensitivity 0.85, specificity 0.7: 0.85 * 0.1 / (0.85 * 0.1 + 0.3 * 0.9) = 0.239
    assert "23.9\u00a0%" in thresholds_panel(ENGLISH, analysis, 0.1)
    assert "23.9\u00a0%" not in thresholds_panel(ENGLISH, analysis, 0.3)


def test_a_novel_photo_has_neither_thresholds_nor_agreement(analysis: Analysis) -> None:
    assert "readings" in outcome_panel(ENGLISH, analysis)
    novel = changed(analysis, novelty=Novelty(3.0, 1.0))
    assert "readings" not in outcome_panel(ENGLISH, novel)
    html = thresholds_panel(ENGLISH, novel, 0.2)
    assert words.POINTS_OFF in html
    assert "<table" not in html


def test_ranking_names_both_probabilities_of_all_seven(analysis: Analysis) -> None:
    html = ranking_panel(ENGLISH, analysis, "t").replace("&lt;", "<").replace("&gt;", ">")
    assert html.count("<tr") == 8
    assert words.EQUALLY_COMMON in html
    shares = [share for own in analysis.ranked for share in (own.probability, own.prior_adjusted)]
    for share in (*shares, analysis.malignant_probability):
        assert ENGLISH.percent(share) in html


def test_the_answer_with_age_stands_beside_that_of_the_photo(analysis: Analysis) -> None:
    old = analysis.with_patient(Patient(85, "male"))
    assert old.in_context is not None
    html = ranking_panel(ENGLISH, old, "t").replace("&lt;", "<").replace("&gt;", ">")
    assert patient_words.PHOTO_ALONE in html
    assert patient_words.WITH_AGE_AND_SEX in html
    for share in (*old.in_context.probabilities, old.in_context.malignant_probability):
        assert ENGLISH.percent(share) in html
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
    html = " ".join(re.sub("<[^>]+>", "", outcome_panel(ENGLISH, measured)).split())
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
    html = outcome_panel(ENGLISH, replace(old, in_context=alone))
    assert 'class="panel outcome not-dermatoscopic suspicious"' in html
    assert ">▲</span>" in html
    said = (
        "Photo alone: Unlike the training images. With age: Unlike the training images, but suspicious."
    )
    assert said in " ".join(html.split())


@pytest.fixture
def pictures(ensemble: Ensemble) -> LesionPictures:
    return LesionPictures(ensemble.weights.thumbnails)


LESION = SimilarLesion("ISIC_1", "nv", "histopathology", 0.98, None, None, "<script>")


def test_text_from_outside_is_escaped(pictures: LesionPictures) -> None:
    html = similar_lesions(ENGLISH, [LESION], pictures)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "not stated" in similar_lesions(ENGLISH, [replace(LESION, site=None)], pictures)
    assert "<b>" not in status("<b>bold</b>")
    assert "<b>" not in fill("opened.html", ENGLISH, place=0, file="<b>.jpg", whole="")


def test_a_training_image_is_said_to_be_one(pictures: LesionPictures) -> None:
    assert "most likely a training image" not in similar_lesions(ENGLISH, [LESION], pictures)
    html = similar_lesions(ENGLISH, [replace(LESION, is_the_same_photo=True)], pictures)
    assert "most likely a training image (ISIC_1)" in html


def test_the_nearest_lesions_are_counted_by_diagnosis_and_by_how_they_were_confirmed(
    pictures: LesionPictures,
) -> None:
    ways = [("mel", "histopathology"), ("nv", "follow-up"), ("mel", "histopathology")]
    ways += [("nv", "histopathology"), ("mel", "confocal microscopy")]
    lesions = [replace(LESION, dx=dx, confirmed=confirmed) for dx, confirmed in ways]
    html = similar_lesions(ENGLISH, lesions, pictures)
    assert "The 5 most similar lesions:" in html
    first, second = html.split("<li>")[1:]
    assert "<strong>3</strong> Melanoma" in first
    assert "(2 confirmed by histopathology, 1 confirmed by confocal microscopy)" in first
    assert "<strong>2</strong> Melanocytic naevus" in second
