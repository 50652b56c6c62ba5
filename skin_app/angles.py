"""One lesion from several angles: averages the photos' answers and measures their disagreement."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from skin_app.analysis import Analysis, Ranked, ranked
from skin_app.calibration import malignant_probability, prior_adjusted, softmax
from skin_app.outcome import SENSITIVITY, Decision, DecisionLimits, Outcome, decide_by

LEAST, MOST = 2, 8
REFUSED: Outcome = "not dermatoscopic"
SUSPICIOUS: Outcome = "suspicious"
UNSETTLED: Outcome = "uncertain"
CLEARED: Outcome = "not suspicious"


@dataclass(frozen=True, eq=False)
class JointAnalysis:
    """The joint answer for several photos of one lesion.

    `used`: positions of the photos in the average. `refused`: positions of the photos that were left
    out because they are unlike dermatoscopic images; if all photos are, all are used and the decision
    says so. `probabilities`, `prior_adjusted`: (7,) in the order of `DIAGNOSES`. `least`, `greatest`:
    (7,) smallest and largest probability among the used photos. `same_first`, `same_outcome`: whether
    the used photos have the same most probable diagnosis, and the same outcome. `views`: number of
    views of each photo. `decision`: by limits that were fitted on single photos; never "not
    suspicious" where one photo alone is suspicious, or any is damaged; None for weights without limits.
    """

    used: tuple[int, ...]
    refused: tuple[int, ...]
    probabilities: np.ndarray
    prior_adjusted: np.ndarray
    least: np.ndarray
    greatest: np.ndarray
    same_first: bool
    same_outcome: bool
    views: int
    decision: Decision | None

    @property
    def malignant_probability(self) -> float:
        """Sum of the joint probabilities over akiec, bcc and mel, in [0, 1]."""
        return float(malignant_probability(self.probabilities))

    @property
    def ranked(self) -> tuple[Ranked, ...]:
        """The seven diagnoses, highest joint probability first."""
        return ranked(self.probabilities, self.prior_adjusted)


def join(
    analyses: Sequence[Analysis], frequencies: Sequence[float], limits: DecisionLimits | None
) -> JointAnalysis:
    """Average the answers to 2 to 8 photos of one lesion.

    `frequencies`: (7,) share of each class in the training data. Raises `ValueError` for another number
    of photos, and for photos that were analysed with different numbers of views.
    """
    if not LEAST <= len(analyses) <= MOST:
        raise ValueError(f"A lesion's photos are averaged {LEAST} to {MOST} at a time.")
    views = {analysis.views for analysis in analyses}
    if len(views) != 1:
        raise ValueError("The photos were answered from different numbers of views.")
    refused = tuple(place for place, analysis in enumerate(analyses) if _is_refused(analysis))
    used = tuple(place for place in range(len(analyses)) if place not in refused)
    used = used or refused
    own = np.stack([analyses[place].probabilities for place in used])
    probabilities = joint_probabilities(own)
    decision = _decision([analyses[place] for place in used], probabilities, limits)
    if decision is not None and decision.outcome == CLEARED and any(map(_is_damaged, analyses)):
        decision = replace(decision, outcome=UNSETTLED, reason="one_photo_damaged")
    return JointAnalysis(
        used=used,
        refused=refused,
        probabilities=probabilities,
        prior_adjusted=prior_adjusted(probabilities, tuple(frequencies)),
        least=own.min(axis=0),
        greatest=own.max(axis=0),
        same_first=len(set(own.argmax(axis=1).tolist())) == 1,
        same_outcome=len({_outcome(analyses[place]) for place in used}) == 1,
        views=analyses[0].views,
        decision=decision,
    )


def joint_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Normalised geometric mean over the photos: (photos, 7) calibrated -> (7,).

    This equals averaging the photos' logits before calibration: the logarithms of a photo's
    probabilities differ from its scaled and shifted logits by a constant that all seven classes share.
    """
    least = np.finfo(np.float64).tiny  # the logarithm of 0 cannot be averaged
    return softmax(np.log(np.maximum(probabilities, least)).mean(axis=0))


def _outcome(analysis: Analysis) -> str | None:
    return None if analysis.assessment is None else analysis.assessment.decision.outcome


def _is_refused(analysis: Analysis) -> bool:
    return _outcome(analysis) == REFUSED


def _is_damaged(analysis: Analysis) -> bool:
    return analysis.assessment is not None and analysis.assessment.look.damaged


def _decision(
    analyses: Sequence[Analysis], probabilities: np.ndarray, limits: DecisionLimits | None
) -> Decision | None:
    if limits is None or any(analysis.assessment is None for analysis in analyses):
        return None
    views = analyses[0].views
    threshold = limits.of(views).point_of(SENSITIVITY).threshold
    above = malignant_probability(probabilities) >= threshold
    shared = float(np.mean([_on_side(analysis, bool(above), threshold) for analysis in analyses]))
    joint = decide_by(probabilities, shared, limits, views, novel=all(map(_is_refused, analyses)))
    if joint.outcome != SUSPICIOUS and any(_outcome(analysis) == SUSPICIOUS for analysis in analyses):
        return replace(joint, outcome=UNSETTLED, reason="one_photo_suspicious")
    return joint


def _on_side(analysis: Analysis, above: bool, threshold: float) -> float:
    """Share in [0, 1] of one photo's readings on the joint answer's side of the operating point."""
    assert analysis.assessment is not None
    shared = analysis.assessment.decision.agreement
    return shared if (analysis.malignant_probability >= threshold) == above else 1 - shared
