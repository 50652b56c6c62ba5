import numpy as np
import pytest
from pydantic import ValidationError

from skin_app.diagnoses import CODES
from skin_app.outcome import (
    GROUNDS,
    Decision,
    DecisionLimits,
    OperatingPoint,
    SetThresholds,
    ViewLimits,
    agreement,
    decide,
    grounds,
)


def point(target: float, threshold: float) -> OperatingPoint:
    return OperatingPoint(
        target_sensitivity=target,
        threshold=threshold,
        sensitivity=target,
        sensitivity_interval=(target - 0.02, target + 0.02),
        specificity=0.7,
        specificity_interval=(0.6, 0.8),
    )


LIMITS = DecisionLimits(
    by_views={
        8: ViewLimits(
            sets=(
                SetThresholds(coverage=0.9, least=(0.3,) * 7),
                SetThresholds(coverage=0.95, least=(0.1,) * 7),
            ),
            operating_points=(point(0.9, 0.4), point(0.95, 0.3), point(0.98, 0.2)),
            least_agreement=0.75,
        )
    },
    fitted_on="numbers of this test",
)


def answer(**parts: float) -> np.ndarray:
    """Probabilities with the rest spread over vasc."""
    probabilities = np.array([parts.get(code, 0.0) for code in CODES])
    probabilities[-1] += 1 - probabilities.sum()
    return probabilities


def decided(probabilities: np.ndarray, readings: list[np.ndarray] | None = None) -> Decision:
    return decide(probabilities, np.stack(readings or [probabilities] * 8), LIMITS, 8, novel=False)


def test_clear_answers_are_given() -> None:
    benign = decided(answer(nv=0.9, mel=0.1))
    assert (benign.outcome, benign.agreement) == ("not suspicious", 1)
    assert benign.operating_point.target_sensitivity == 0.98
    assert benign.set_90 is not None
    assert benign.set_95 is not None
    assert [CODES[k] for k in np.flatnonzero(benign.set_90)] == ["nv"]
    assert [CODES[k] for k in np.flatnonzero(benign.set_95)] == ["mel", "nv"]
    malignant = decided(answer(mel=0.5, bcc=0.4, nv=0.1))
    assert malignant.outcome == "suspicious"
    assert malignant.reason == "malignant"


@pytest.mark.parametrize(
    ("probabilities", "reason"),
    [
        (answer(mel=0.45, nv=0.45), "mixed_set"),
        (answer(nv=0.29, bkl=0.29, df=0.29), "empty_set"),
        (answer(nv=0.75, mel=0.25), "benign_set_high_probability"),
    ],
)
def test_unclear_answers_are_uncertain(probabilities: np.ndarray, reason: str) -> None:
    decision = decided(probabilities)
    assert (decision.outcome, decision.reason) == ("uncertain", reason)


def test_a_malignant_set_below_the_point_is_a_contradiction() -> None:
    """It takes a class without a threshold, which is always in its set."""
    ground = grounds(
        np.array(0.1),
        np.array([code == "akiec" for code in CODES]),
        0.2,
        disagree=np.array(False),
        novel=np.array(False),
    )
    assert GROUNDS[int(ground)] == ("uncertain", "malignant_set_low_probability")


def test_readings_that_disagree_make_any_answer_uncertain() -> None:
    one, other = answer(nv=0.9, mel=0.1), answer(nv=0.7, mel=0.3)
    at_the_limit = decided(one, [one] * 6 + [other] * 2)
    assert (at_the_limit.agreement, at_the_limit.outcome) == (0.75, "not suspicious")
    below = decided(one, [one] * 5 + [other] * 3)
    assert (below.agreement, below.outcome) == (0.625, "uncertain")
    assert below.reason == "disagreement"


def test_agreement_counts_readings_on_the_answers_side_of_the_point() -> None:
    answers = np.stack([answer(nv=0.9, mel=0.1), answer(mel=0.9)])
    readings = np.stack([answer(mel=0.05), answer(mel=0.2), answer(bcc=0.6), answer(akiec=0.7)])
    both = agreement(answers, np.stack([readings, readings]), 0.2)
    assert both.tolist() == [0.25, 0.75]


def test_a_novel_image_has_no_sets_whatever_else_holds() -> None:
    probabilities = answer(nv=0.99)
    decision = decide(probabilities, probabilities[None], LIMITS, 8, novel=True)
    assert decision.outcome == "not dermatoscopic"
    assert decision.set_90 is None
    assert decision.set_95 is None


def test_a_damaged_photo_is_never_cleared_and_stays_suspicious() -> None:
    def of_damaged(probabilities: np.ndarray, novel: bool = False) -> Decision:
        return decide(probabilities, probabilities[None], LIMITS, 8, novel, damaged=True)

    benign, malignant = answer(nv=0.9, mel=0.1), answer(mel=0.9)
    assert (of_damaged(benign).outcome, of_damaged(benign).reason) == ("uncertain", "damaged_photo")
    assert of_damaged(malignant).outcome == decided(malignant).outcome == "suspicious"
    assert of_damaged(benign, novel=True).outcome == "not dermatoscopic"


def test_limits_survive_json_and_say_what_they_lack() -> None:
    assert DecisionLimits.model_validate_json(LIMITS.model_dump_json()) == LIMITS
    with pytest.raises(ValueError, match="decision limits for 8 views, not for 4"):
        decide(answer(nv=1), answer(nv=1)[None], LIMITS, 4, novel=False)
    with pytest.raises(ValueError, match="no prediction sets of 80% coverage"):
        LIMITS.of(8).set_of(0.8)
    with pytest.raises(ValueError, match="no operating point for 50% sensitivity"):
        LIMITS.of(8).point_of(0.5)
    with pytest.raises(ValidationError):
        DecisionLimits.model_validate({**LIMITS.model_dump(), "more": 1})
