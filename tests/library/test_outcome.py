"""The rule of the outcome, by hand."""

import itertools

import numpy as np
import pytest

from skin_app.diagnoses import CODES, MALIGNANT
from skin_app.novelty import Novelty
from skin_app.outcome import GROUNDS, REFUSALS, Decision, agreement, decide, grounds
from skin_app.words.outcome import OUTCOMES, REASONS
from tests.tiny import decision_limits

LIMITS = decision_limits((0.4, 0.3, 0.2), ((0.15, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3), (0.1,) * 7))
ORDER = ("not suspicious", "uncertain", "suspicious")


def answer(**parts: float) -> np.ndarray:
    """Probabilities with the rest spread over vasc."""
    probabilities = np.array([parts.get(code, 0.0) for code in CODES])
    probabilities[-1] += 1 - probabilities.sum()
    return probabilities


def decided(probabilities: np.ndarray, novel: bool = False, damaged: bool = False) -> Decision:
    return decide(probabilities, 1.0, LIMITS, 8, novel, damaged)


BENIGN, MIDDLE, MALIGNANT_ANSWER = answer(nv=0.9, mel=0.1), answer(mel=0.39), answer(mel=0.4)


def codes(members: np.ndarray | None) -> list[str]:
    assert members is not None
    return [CODES[k] for k in np.flatnonzero(members)]


def test_a_decision_states_what_it_is_based_on() -> None:
    benign = decided(BENIGN)
    assert (benign.outcome, benign.without_refusal, benign.agreement) == ("not suspicious",) * 2 + (1,)
    assert (codes(benign.set_90), codes(benign.set_95)) == (["nv"], ["mel", "nv"])


@pytest.mark.parametrize(
    ("probabilities", "named", "outcome", "reason"),
    [
        (BENIGN, {}, "not suspicious", "benign"),
        (answer(nv=0.81, mel=0.19), {}, "not suspicious", "benign"),
        (answer(nv=0.8, mel=0.2), {}, "uncertain", "between_points"),
        (MIDDLE, {}, "uncertain", "between_points"),
        (MALIGNANT_ANSWER, {}, "suspicious", "malignant"),
        (answer(nv=0.85, akiec=0.15), {}, "uncertain", "malignant_in_set"),
        (BENIGN, {"damaged": True}, "uncertain", "damaged_photo"),
        (MALIGNANT_ANSWER, {"damaged": True}, "suspicious", "malignant"),
        (BENIGN, {"novel": True}, "not dermatoscopic", "not_dermatoscopic"),
    ],
)
def test_outcome_and_reason(
    probabilities: np.ndarray, named: dict[str, bool], outcome: str, reason: str
) -> None:
    decision = decided(probabilities, **named)
    assert (decision.outcome, decision.reason) == (outcome, reason)
    assert (decision.set_90 is None) == (decision.set_95 is None) == ("novel" in named)


@pytest.mark.parametrize("damaged", [False, True])
@pytest.mark.parametrize("probabilities", [BENIGN, MIDDLE, MALIGNANT_ANSWER])
def test_a_refusal_says_what_it_would_hide(probabilities: np.ndarray, damaged: bool) -> None:
    whole, refused = (decided(probabilities, novel, damaged) for novel in (False, True))
    assert (refused.outcome, refused.without_refusal) == ("not dermatoscopic", whole.outcome)
    assert refused.reason == REFUSALS[whole.outcome]
    hides = whole.outcome != "not suspicious"
    assert (f"“{whole.outcome}”" in REASONS[refused.reason]) == hides
    assert ("suspicious" in OUTCOMES[refused.shown] or "malignancy" in OUTCOMES[refused.shown]) == hides
    assert whole.shown == whole.outcome


def test_more_signs_of_a_malignant_lesion_never_lower_the_outcome() -> None:
    """Every set, with probabilities on both sides of both points and on them."""
    sets = np.array(list(itertools.product([False, True], repeat=7)))
    rising = np.array([0.0, 0.19, 0.2, 0.21, 0.39, 0.4, 0.41, 1.0])
    found = grounds(rising[:, None], sets[None], 0.4, 0.2)
    rank = np.array([ORDER.index(outcome) for outcome, _ in GROUNDS])[found]
    assert set(rank.ravel().tolist()) == {0, 1, 2}
    assert (np.diff(rank, axis=0) >= 0).all()
    place = {tuple(own): row for row, own in enumerate(sets.tolist())}
    for row, own in enumerate(sets):
        for code in np.flatnonzero(np.array(MALIGNANT) & ~own):
            more = own.copy()
            more[code] = True
            assert (rank[:, place[tuple(more.tolist())]] >= rank[:, row]).all()


def test_a_probability_that_is_no_number_is_never_not_suspicious_and_its_photo_refused() -> None:
    assert decided(np.full(7, np.nan)).outcome == "uncertain"
    assert Novelty(score=float("nan"), limit=1.0).is_novel


def test_agreement_counts_readings_on_the_answers_side_of_the_point() -> None:
    answers = np.stack([BENIGN, answer(mel=0.9)])
    readings = np.stack([answer(mel=0.05), answer(mel=0.2), answer(bcc=0.6), answer(akiec=0.7)])
    assert agreement(answers, np.stack([readings] * 2), 0.2).tolist() == [0.25, 0.75]
