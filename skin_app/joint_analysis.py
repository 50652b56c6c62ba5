"""One lesion from several angles: the average of its photos' answers, and how far they disagree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skin_app.analysis import Analysis, Ranked, ranked
from skin_app.calibration import malignant_probability, prior_adjusted, softmax
from skin_app.context import NOT_STATED_PATIENT, ContextModel, InContext, Patient
from skin_app.operating_points import DecisionLimits
from skin_app.outcome import SUSPICIOUS_FROM, Decision, decide, refused, uncertain

LEAST, MOST = 2, 8


@dataclass(frozen=True, eq=False)
class JointAnalysis:
    """The joint answer for several photos of one lesion.

    `used`: positions of the photos in the average. `refused`: positions of the photos that were left
    out because they are unlike dermatoscopic images; if all photos are, all are used and the decision
    says so. `probabilities`, `prior_adjusted`: (7,) in the order of `DIAGNOSES`. `least`, `greatest`:
    (7,) smallest and largest probability among the used photos. `same_first`, `same_outcome`: whether
    the used photos have the same most probable diagnosis, and the same outcome. `views`: number of
    views of each photo. `decision`: by limits that were fitted on single photos; None for weights
    without limits. It is never "not suspicious" if a photo is damaged, or if one alone is suspicious or
    would be if it were not refused. `patient`: the same for all photos; `in_context`: the joint answer
    with age and sex, which can only raise suspicion; None without an age.
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
    patient: Patient = NOT_STATED_PATIENT
    in_context: InContext | None = None

    @property
    def malignant_probability(self) -> float:
        """Sum of the joint probabilities over akiec, bcc and mel, in [0, 1]."""
        return float(malignant_probability(self.probabilities))

    @property
    def ranked(self) -> tuple[Ranked, ...]:
        """The seven diagnoses, highest joint probability first."""
        return ranked(self.probabilities, self.prior_adjusted, self.in_context)


def join(
    analyses: Sequence[Analysis],
    frequencies: Sequence[float],
    limits: DecisionLimits | None,
    context: ContextModel | None = None,
) -> JointAnalysis:
    """Average the answers to 2 to 8 photos of one lesion.

    `frequencies`: (7,) share of each class in the training data; `context`: the model of age and sex.
    Raises `ValueError` for another number of photos, and for photos that were analysed with different
    numbers of views or for different patients.
    """
    if not LEAST <= len(analyses) <= MOST:
        raise ValueError(f"A lesion's photos are averaged {LEAST} to {MOST} at a time.")
    if len({analysis.views for analysis in analyses}) != 1:
        raise ValueError("The photos were answered from different numbers of views.")
    if len(patients := {analysis.patient for analysis in analyses}) != 1:
        raise ValueError("The photos were answered for different patients.")
    (patient,) = patients
    refused = tuple(i for i, own in enumerate(analyses) if own.outcome == "not dermatoscopic")
    used = tuple(i for i in range(len(analyses)) if i not in refused) or refused
    averaged = [analyses[place] for place in used]
    each = np.stack([analysis.probabilities for analysis in averaged])
    probabilities = joint_probabilities(each)
    beside, in_context = context and context.of_patient(probabilities, patient), None
    decision = _decision(analyses, averaged, probabilities, limits, beside)
    if beside is not None:
        alone = [own.with_patient(NOT_STATED_PATIENT) for own in analyses]
        photos = _decision(alone, averaged, probabilities, limits)
        in_context = InContext(
            beside,
            prior_adjusted(beside, tuple(frequencies)),
            float(malignant_probability(beside)),
            photos and photos.outcome,
            photos and photos.without_refusal,
        )
    return JointAnalysis(
        used=used,
        refused=refused,
        probabilities=probabilities,
        prior_adjusted=prior_adjusted(probabilities, tuple(frequencies)),
        least=each.min(axis=0),
        greatest=each.max(axis=0),
        same_first=len(set(each.argmax(axis=1).tolist())) == 1,
        same_outcome=len({analysis.outcome for analysis in averaged}) == 1,
        views=analyses[0].views,
        decision=decision,
        patient=patient,
        in_context=in_context,
    )


def joint_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Normalised geometric mean over the photos: (photos, 7) calibrated -> (7,).

    This equals averaging the photos' logits before calibration: the logarithms of a photo's
    probabilities differ from its scaled and shifted logits by a constant that all seven classes share.
    """
    least = np.finfo(np.float64).tiny  # the logarithm of 0 cannot be averaged
    return softmax(np.log(np.maximum(probabilities, least)).mean(axis=0))


def _decision(
    analyses: Sequence[Analysis],
    used: Sequence[Analysis],
    probabilities: np.ndarray,
    limits: DecisionLimits | None,
    in_context: np.ndarray | None = None,
) -> Decision | None:
    """Of the photos alone, or with the patient's context, (7,) joint probabilities."""
    assessments = [own.assessment for own in analyses if own.assessment is not None]
    if limits is None or len(assessments) < len(analyses):
        return None
    views = used[0].views
    threshold = limits.of(views).point_of(SUSPICIOUS_FROM).threshold
    above = bool(malignant_probability(probabilities) >= threshold)
    shared = float(np.mean([_on_side(analysis, above, threshold) for analysis in used]))
    joint = decide(probabilities, shared, limits, views, novel=False, in_context=in_context)
    calls = {own.decision.without_refusal for own in assessments}
    if joint.outcome != "suspicious" and "suspicious" in calls:
        joint = uncertain(joint, "one_photo_suspicious")
    elif joint.outcome == "not suspicious" and any(own.look.damaged for own in assessments):
        joint = uncertain(joint, "one_photo_damaged")
    all_refused = used[0].outcome == "not dermatoscopic"  # as all others that are used
    return refused(joint) if all_refused else joint


def _on_side(analysis: Analysis, above: bool, threshold: float) -> float:
    """Share in [0, 1] of one photo's readings on the joint answer's side of the operating point."""
    assert analysis.assessment is not None
    shared = analysis.assessment.decision.agreement
    return shared if (analysis.malignant_probability >= threshold) == above else 1 - shared
