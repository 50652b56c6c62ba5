"""The outcome of an answer: suspicious, not suspicious, uncertain, or not dermatoscopic.

The rule combines the 90 % prediction set with the operating point of 98 % sensitivity. The outcome is
"suspicious" or "not suspicious" only where the diagnoses in the set are all malignant or all benign and
the point agrees. This pair of set and point was chosen among six on out-of-fold images; docs/trust.md
has their table. Calling a melanoma "not suspicious" is the worst error, so the pair clears few
melanomas and still calls some malignant lesions suspicious. "uncertain" is no all-clear.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from skin_app.calibration import malignant_probability
from skin_app.diagnoses import MALIGNANT
from skin_app.operating_points import DecisionLimits, OperatingPoint, prediction_set

COVERAGE, SENSITIVITY = 0.9, 0.98
Outcome = Literal["suspicious", "not suspicious", "uncertain", "not dermatoscopic"]

# Reasons for an outcome; `skin_app.words.outcome.REASONS` puts each into words.
Reason = Literal[
    "not_dermatoscopic",
    "disagreement",
    "mixed_set",
    "empty_set",
    "malignant_set_low_probability",
    "benign_set_high_probability",
    "malignant",
    "benign",
    "damaged_photo",
    "one_photo_suspicious",
    "one_photo_damaged",
]

# In order: the first ground that applies decides.
GROUNDS: tuple[tuple[Outcome, Reason], ...] = (
    ("not dermatoscopic", "not_dermatoscopic"),
    ("uncertain", "disagreement"),
    ("uncertain", "mixed_set"),
    ("uncertain", "empty_set"),
    ("uncertain", "malignant_set_low_probability"),
    ("uncertain", "benign_set_high_probability"),
    ("suspicious", "malignant"),
    ("not suspicious", "benign"),
)


@dataclass(frozen=True, eq=False)
class Decision:
    """The outcome of one answer, with what it is based on.

    `set_90`, `set_95`: (7,) bool, which diagnoses cannot be ruled out; None for a novel image, to
    which coverage does not apply. `operating_point`: the one that decides the outcome. `agreement`:
    share of readings on the answer's side of it, in [0, 1]. `reason`: why this outcome.
    """

    set_90: np.ndarray | None
    set_95: np.ndarray | None
    operating_point: OperatingPoint
    agreement: float
    outcome: Outcome
    reason: Reason


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
    `agreement` of the readings at the operating point `SENSITIVITY`; `novel`: the image is unlike the
    training images; `damaged`: some of its pixels are not as the camera recorded them, so it is never
    "not suspicious"; `in_context`: (7,) probabilities with the patient's context, which can only raise
    suspicion (`raised`). Raises `ValueError` when no limits were fitted for `views`.
    """
    own = limits.of(views)
    point = own.point_of(SENSITIVITY)
    set_90, set_95 = (prediction_set(probabilities, own.set_of(share)) for share in (COVERAGE, 0.95))
    malignant = malignant_probability(probabilities)
    if in_context is not None:
        malignant = np.maximum(malignant, malignant_probability(in_context))
        set_90, set_95 = (
            raised(photo, prediction_set(in_context, own.set_of(share)))
            for photo, share in ((set_90, COVERAGE), (set_95, 0.95))
        )
    ground = grounds(
        malignant,
        set_90,
        point.threshold,
        disagree=np.array(shared < own.least_agreement),
        novel=np.array(novel),
    )
    outcome, reason = GROUNDS[int(ground)]
    if damaged and outcome == "not suspicious":
        outcome, reason = "uncertain", "damaged_photo"
    sets = (None, None) if novel else (set_90, set_95)
    return Decision(*sets, point, shared, outcome, reason)


def raised(photo: np.ndarray, in_context: np.ndarray) -> np.ndarray:
    """The photo's prediction set with the malignant diagnoses of the set in context: bool (..., 7)."""
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
    threshold: float | np.ndarray,
    disagree: np.ndarray,
    novel: np.ndarray,
) -> np.ndarray:
    """(...,) index into `GROUNDS` of the first ground that applies to each answer.

    `malignant`: (...,) malignant probability; `sets`: (..., 7) bool; `disagree`, `novel`: bool.
    """
    bad = (sets & np.array(MALIGNANT)).any(axis=-1)
    good = (sets & ~np.array(MALIGNANT)).any(axis=-1)
    high = malignant >= threshold
    asked = [novel, disagree, bad & good, ~bad & ~good, bad & ~high, good & high, high]
    return np.select(asked, range(len(asked)), default=len(asked))
