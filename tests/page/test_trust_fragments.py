"""What the page says of an answer's trust: every outcome, every warning, and what is missing."""

import re
from dataclasses import replace

import numpy as np
import pytest

from skin_app.analysis import Analysis
from skin_app.ensemble import Ensemble
from skin_app.novelty import Novelty
from skin_app.outcome import GROUNDS, Outcome, Reason
from skin_app.page.one_photo import outcome as fragments
from skin_app.photo.read import Photo
from skin_app.quality import Finding
from skin_app.trust import StoredEstimate, Trust
from skin_app.words import page as words
from skin_app.words.language import ENGLISH
from skin_app.words.outcome import OUTCOMES, REASONS, TO_CHECK
from skin_app.words.photo import ADVICE
from train.data.drawings import draw_lesion


@pytest.fixture(scope="module")
def analysis(ensemble: Ensemble) -> Analysis:
    return ensemble(Photo(draw_lesion(11, "network", 180, 240)), views=1)


@pytest.fixture(scope="module")
def limits(ensemble: Ensemble) -> Trust:
    assert ensemble.trust is not None
    return ensemble.trust


def changed(analysis: Analysis, **parts: object) -> Analysis:
    assert analysis.assessment is not None
    return replace(analysis, assessment=replace(analysis.assessment, **parts))  # pyright: ignore


def decided(analysis: Analysis, **parts: object) -> Analysis:
    assert analysis.assessment is not None
    return changed(analysis, decision=replace(analysis.assessment.decision, **parts))  # pyright: ignore


def looked(analysis: Analysis, **parts: object) -> Analysis:
    assert analysis.assessment is not None
    return changed(analysis, look=replace(analysis.assessment.look, **parts))  # pyright: ignore


@pytest.mark.parametrize(("outcome", "reason"), GROUNDS)
def test_each_outcome_has_its_headline_and_reason(
    analysis: Analysis, limits: Trust, outcome: Outcome, reason: Reason
) -> None:
    html = fragments.outcome_panel(ENGLISH, decided(analysis, outcome=outcome, reason=reason), limits)
    assert OUTCOMES[outcome] in html
    assert REASONS[reason] in html


def test_the_measured_share_stands_beside_its_outcome(analysis: Analysis, limits: Trust) -> None:
    estimate = StoredEstimate(value=0.03, interval_95=(0.01, 0.05), images=444)
    measured = limits.model_copy(update={"measured": {"melanomas_not_suspicious": estimate}})
    cleared = replace(decided(analysis, outcome="not suspicious", reason="benign"), views=8)
    html = fragments.outcome_panel(ENGLISH, cleared, measured)
    said = "In testing, 3.0\u00a0% (1.0\u00a0% to 5.0\u00a0%) of the melanomas"
    assert said in re.sub("<[^>]+>", "", html)
    quick = replace(cleared, views=1)  # what was measured is the full answer
    for answer, own in ((cleared, limits), (quick, measured)):
        assert "In testing" not in fragments.outcome_panel(ENGLISH, answer, own)


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
    analysis: Analysis, limits: Trust, members: list[bool] | None, sentence: str
) -> None:
    mask = None if members is None else np.array(members)
    shown = decided(analysis, set_90=mask)
    assert sentence in fragments.outcome_panel(ENGLISH, shown, limits)
    marks = fragments.in_set(shown)
    assert (marks is None) == (mask is None)
    if marks is not None and mask is not None:
        assert sum(marks) == mask.sum()


def test_each_warning_is_shown_once_and_only_when_it_holds(analysis: Analysis, limits: Trust) -> None:
    finding = Finding("blur", "blurred", 0.1, 0.2)
    shares = np.full(7, 0.01)
    worried = changed(analysis, heat_on_lesion=shares, heat_is_outside=True, tone_is_rare=True)
    worried = looked(worried, findings=(finding, finding), tone_angle=-20.0)
    html = fragments.outcome_panel(ENGLISH, worried, limits)
    assert html.count(ADVICE["blurred"]) == 1
    assert "Unusually little of the first diagnosis" in html
    assert "estimated as brown" in html
    calm = changed(analysis, heat_on_lesion=shares, heat_is_outside=False, tone_is_rare=False)
    calm = looked(calm, findings=(), tone_angle=50.0)
    assert words.CHECK_FIRST not in fragments.outcome_panel(ENGLISH, calm, limits)


def test_what_could_not_be_checked_is_said(analysis: Analysis, limits: Trust) -> None:
    nothing = np.zeros((8, 8), bool)
    blind = looked(changed(analysis, heat_on_lesion=None), mask=nothing, tone_angle=None)
    html = fragments.outcome_panel(ENGLISH, blind, limits)
    assert TO_CHECK["no lesion found"] in html
    assert words.NO_TONE in html


def test_weights_without_trust_say_what_is_missing(analysis: Analysis) -> None:
    old = replace(analysis, assessment=None)
    assert words.NO_TRUST in fragments.outcome_panel(ENGLISH, old, None)
    assert fragments.in_set(old) is None
    assert fragments.operating_points(ENGLISH, old, None, 0.2) == ""


def test_predictive_values_follow_the_readers_prevalence(analysis: Analysis, limits: Trust) -> None:
    # sensitivity 0.9, specificity 0.7: 0.9 * 0.1 / (0.9 * 0.1 + 0.3 * 0.9) = 0.25
    assert "25.0\u00a0%" in fragments.operating_points(ENGLISH, analysis, limits, 0.1)
    assert "25.0\u00a0%" not in fragments.operating_points(ENGLISH, analysis, limits, 0.3)


def test_a_novel_photo_gets_no_line_between_malignant_and_benign(
    analysis: Analysis, limits: Trust
) -> None:
    novel = changed(analysis, novelty=Novelty(3.0, 1.0))
    html = fragments.operating_points(ENGLISH, novel, limits, 0.2)
    assert words.POINTS_OFF in html
    assert "<table" not in html


def test_a_novel_photo_has_no_agreement_to_speak_of(analysis: Analysis, limits: Trust) -> None:
    assert "readings" in fragments.outcome_panel(ENGLISH, analysis, limits)
    novel = changed(analysis, novelty=Novelty(3.0, 1.0))
    assert "readings" not in fragments.outcome_panel(ENGLISH, novel, limits)


@pytest.mark.parametrize(("low", "weak"), [(-0.01, True), (0.01, False)])
def test_maps_are_called_weak_when_they_do_not_beat_the_middle(
    limits: Trust, low: float, weak: bool
) -> None:
    estimate = StoredEstimate(value=0.02, interval_95=(low, 0.05), images=70, is_share=False)
    measured = limits.model_copy(update={"measured": {"map_above_centre": estimate}})
    assert measured.maps_are_weak == weak
    assert limits.maps_are_weak is None
