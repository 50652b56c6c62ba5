"""The outcome of an answer: suspicious, not suspicious, uncertain, or not dermatoscopic.

Two operating points divide the malignant probability. From the point of 85 % sensitivity on, the
outcome is "suspicious". Below the point of 99 % it is "not suspicious", unless the 90 % prediction set
holds a malignant diagnosis. Everything else is "uncertain", which is no all-clear. docs/trust.md
compares this rule with others. Calling a melanoma "not suspicious" is the worst error.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from skin_app.calibration import malignant_probability
from skin_app.diagnoses import MALIGNANT
from skin_app.operating_points import DecisionLimits, prediction_set

COVERAGE, WIDE_COVERAGE = 0.9, 0.95  # of the two prediction sets
SUSPICIOUS_FROM, CLEARED_BELOW = 0.85, 0.99  # target sensitivities of the two points
Outcome = Literal["suspicious", "not suspicious", "uncertain", "not dermatoscopic"]

# Reasons for an outcome; `skin_app.words.outcome.REASONS` puts each into words.
Reason = Literal[
    "malignant",
    "between_points",
    "malignant_in_set",
    "benign",
    "damaged_photo",
    "one_photo_suspicious",
    "one_photo_damaged",
    "not_dermatoscopic",
    "not_dermatoscopic_uncertain",
    "not_dermatoscopic_suspicious",
]

# In order: the first ground that applies decides.
GROUNDS: tuple[tuple[Outcome, Reason], ...] = (
    ("suspicious", "malignant"),
    ("uncertain", "between_points"),
    ("uncertain", "malignant_in_set"),
    ("not suspicious", "benign"),
)
# Why a photo is refused, by the outcome that it would have without the refusal.
REFUSALS: dict[Outcome, Reason] = {
    "suspicious": "not_dermatoscopic_suspicious",
    "uncertain": "not_dermatoscopic_uncertain",
    "not suspicious": "not_dermatoscopic",
}


@dataclass(frozen=True, eq=False)
class Decision:
    """The outcome of one answer, with what it is based on.

    `set_90`, `set_95`: (7,) bool, which diagnoses cannot be ruled out; None for a novel image, to
    which coverage does not apply. `agreement`: share of readings on the answer's side of the point
    `SUSPICIOUS_FROM`, in [0, 1]; it does not change the outcome. `without_refusal`: the outcome if the
    image were not novel; a refused image may still look malignant. `reason`: why this outcome.
    """

    set_90: np.ndarray | None
    set_95: np.ndarray | None
    agreement: float
    outcome: Outcome
    reason: Reason
    without_refusal: Outcome

    @property
    def shown(self) -> str:
        """Key of the outcome's words; for a refused image it adds the outcome without refusal."""
        return shown_outcome(self.outcome, self.without_refusal)


def decide(
    probabilities: np.ndarray,
    shared: float,
    limits: DecisionLimits,
    views: int,
    novel: bool,
    damaged: bool = False,
    in_context: np.ndarray | None = None,
) -> Decision:
    """Decide on one answer; see `grounds` for the rule.

    `probabilities`: (7,) calibrated, of the average over members and `views` views; `shared`: the
    `agreement` of the readings at the operating point `SUSPICIOUS_FROM`; `novel`: the image is unlike
    the training images; `damaged`: some of its pixels are not as the camera recorded them, so it is
    never "not suspicious"; `in_context`: (7,) probabilities with the patient's age and sex, which can
    only raise suspicion (`raised`). Raises `ValueError` when no limits were fitted for `views`.
    """
    own = limits.of(views)
    set_90, set_95 = (
        prediction_set(probabilities, own.set_of(share)) for share in (COVERAGE, WIDE_COVERAGE)
    )
    malignant = malignant_probability(probabilities)
    if in_context is not None:
        malignant = np.maximum(malignant, malignant_probability(in_context))
        set_90, set_95 = (
            raised(photo, prediction_set(in_context, own.set_of(share)))
            for photo, share in ((set_90, COVERAGE), (set_95, WIDE_COVERAGE))
        )
    points = (own.point_of(target).threshold for target in (SUSPICIOUS_FROM, CLEARED_BELOW))
    outcome, reason = GROUNDS[int(grounds(malignant, set_90, *points))]
    decision = Decision(set_90, set_95, shared, outcome, reason, without_refusal=outcome)
    if damaged and outcome == "not suspicious":
        decision = uncertain(decision, "damaged_photo")
    return refused(decision) if novel else decision


def uncertain(decision: Decision, reason: Reason) -> Decision:
    """The same, but uncertain for `reason`."""
    return replace(decision, outcome="uncertain", reason=reason, without_refusal="uncertain")


def refused(decision: Decision) -> Decision:
    """The same for a novel image: no set applies, and the reason says what the outcome would be."""
    reason = REFUSALS[decision.without_refusal]
    return replace(decision, set_90=None, set_95=None, outcome="not dermatoscopic", reason=reason)


def shown_outcome(outcome: Outcome, without_refusal: Outcome) -> str:
    """A key of `skin_app.words.outcome.OUTCOMES`.

    For a refused image that would not be "not suspicious", it also has the outcome without refusal.
    """
    both = outcome == "not dermatoscopic" and without_refusal != "not suspicious"
    return f"{outcome}, {without_refusal}" if both else outcome


def raised(photo: np.ndarray, in_context: np.ndarray) -> np.ndarray:
    """The photo's prediction set plus the malignant diagnoses of the set in context: bool (..., 7)."""
    return photo | (in_context & np.array(MALIGNANT))


def agreement(probabilities: np.ndarray, readings: np.ndarray, threshold: float) -> np.ndarray:
    """(...,) share in [0, 1] of readings on the same side of the operating point as the answer.

    `probabilities`: (..., 7); `readings`: (..., readings, 7), each member's answer to each view,
    calibrated for one view.
    """
    answer = malignant_probability(probabilities) >= threshold
    return ((malignant_probability(readings) >= threshold) == answer[..., None]).mean(axis=-1)


def grounds(
    malignant: np.ndarray,
    sets: np.ndarray,
    suspicious_from: float | np.ndarray,
    cleared_below: float | np.ndarray,
) -> np.ndarray:
    """(...,) index into `GROUNDS` of the first ground that applies to each answer.

    `malignant`: (...,) malignant probability; `sets`: (..., 7) bool; `suspicious_from`,
    `cleared_below`: thresholds of the two points. A higher probability or one more malignant diagnosis
    in the set never makes the outcome less suspicious.
    """
    held = (sets & np.array(MALIGNANT)).any(axis=-1)
    # not ">=": a probability that is no number must not end as "not suspicious"
    asked = [malignant >= suspicious_from, ~(malignant < cleared_below), held]
    return np.select(asked, range(len(asked)), default=len(asked))
