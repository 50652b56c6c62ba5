"""The rule of the outcome, by hand."""

import numpy as np
import pytest

from skin_app.diagnoses import CODES
from skin_app.outcome import GROUNDS, Decision, agreement, decide, grounds
from tests.tiny import decision_limits

LIMITS = decision_limits((0.4, 0.3, 0.2), ((0.3,) * 7, (0.1,) * 7), least_agreement=0.75)


def answer(**parts: float) -> np.ndarray:
    """Probabilities with the rest spread over vasc."""
    probabilities = np.array([parts.get(code, 0.0) for code in CODES])
    probabilities[-1] += 1 - probabilities.sum()
    return probabilities


def decided(
    probabilities: np.ndarray,
    readings: list[np.ndarray] | None = None,
    novel: bool = False,
    damaged: bool = False,
) -> Decision:
    point = LIMITS.of(8).point_of(0.98)
    shared = agreement(probabilities, np.stack(readings or [probabilities]), point.threshold)
    return decide(probabilities, float(shared), LIMITS, 8, novel, damaged)


BENIGN, MALIGNANT = answer(nv=0.9, mel=0.1), answer(mel=0.5, bcc=0.4, nv=0.1)


def codes(members: np.ndarray | None) -> list[str]:
    assert members is not None
    return [CODES[k] for k in np.flatnonzero(members)]


def test_a_decision_states_what_it_is_based_on() -> None:
    benign = decided(BENIGN)
    assert (benign.outcome, benign.agreement) == ("not suspicious", 1)
    assert benign.operating_point.target_sensitivity == 0.98
    assert (codes(benign.set_90), codes(benign.set_95)) == (["nv"], ["mel", "nv"])


@pytest.mark.parametrize(
    ("probabilities", "named", "outcome", "reason"),
    [
        (BENIGN, {}, "not suspicious", "benign"),
        (MALIGNANT, {}, "suspicious", "malignant"),
        (answer(mel=0.45, nv=0.45), {}, "uncertain", "mixed_set"),
        (answer(nv=0.29, bkl=0.29, df=0.29), {}, "uncertain", "empty_set"),
        (answer(nv=0.75, mel=0.25), {}, "uncertain", "benign_set_high_probability"),
        (BENIGN, {"novel": True}, "not dermatoscopic", "not_dermatoscopic"),
        (BENIGN, {"damaged": True}, "uncertain", "damaged_photo"),
        (MALIGNANT, {"damaged": True}, "suspicious", "malignant"),
        (BENIGN, {"damaged": True, "novel": True}, "not dermatoscopic", "not_dermatoscopic"),
    ],
)
def test_outcome_and_reason(
    probabilities: np.ndarray, named: dict[str, bool], outcome: str, reason: str
) -> None:
    decision = decided(probabilities, None, **named)
    assert (decision.outcome, decision.reason) == (outcome, reason)
    assert (decision.set_90 is None) == (decision.set_95 is None) == ("novel" in named)


def test_a_malignant_set_below_the_point_is_a_contradiction() -> None:
    """It takes a class without a threshold, which is always in its set."""
    akiec, no = np.array([code == "akiec" for code in CODES]), np.array(False)
    ground = grounds(np.array(0.1), akiec, 0.2, disagree=no, novel=no)
    assert GROUNDS[int(ground)] == ("uncertain", "malignant_set_low_probability")


def test_readings_that_disagree_make_any_answer_uncertain() -> None:
    one, other = BENIGN, answer(nv=0.7, mel=0.3)
    at_the_limit = decided(one, [one] * 6 + [other] * 2)
    assert (at_the_limit.agreement, at_the_limit.outcome) == (0.75, "not suspicious")
    below = decided(one, [one] * 5 + [other] * 3)
    assert (below.agreement, below.outcome, below.reason) == (0.625, "uncertain", "disagreement")


def test_agreement_counts_readings_on_the_answers_side_of_the_point() -> None:
    answers = np.stack([BENIGN, answer(mel=0.9)])
    readings = np.stack([answer(mel=0.05), answer(mel=0.2), answer(bcc=0.6), answer(akiec=0.7)])
    assert agreement(answers, np.stack([readings] * 2), 0.2).tolist() == [0.25, 0.75]
