"""Does the answer improve with the patient's age and sex, and how do the outcomes change?

Nested: calibration, penalty and model are fitted on the other parts of the lesions. Thresholds and sets
are fitted on the photo's probabilities, as in `skin_app.outcome.decide`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skin_app.calibration import malignant_probability, prior_adjusted
from skin_app.context import ContextModel
from skin_app.diagnoses import CODES
from skin_app.gallery.patient_table import UNKNOWN
from skin_app.outcome import CLEARED_BELOW, COVERAGE, GROUNDS, SUSPICIOUS_FROM, grounds, raised
from train.audit.conformal_sets import crossfit_sets
from train.audit.fitted_context import Patients, fit_context
from train.audit.fitted_operating_points import crossfit_calls, crossfit_thresholds, is_malignant
from train.audit.out_of_fold import OutOfFold, known_mean
from train.audit.outcome_rules import Outcomes, crossfit_grounds, outcome_scores
from train.scores.crossfit import Crossfit
from train.scores.intervals import Estimate, lesion_draws, mean_estimates, percentiles_95
from train.scores.metrics import SHOWN, weighted_auc, weighted_scores
from train.scores.strata import PATIENT_AXES, patient_strata

VIEWS = 8
LEAST_LESIONS = 100  # with a known age
FEWEST_FOR_AUC = 20  # malignant images, and benign ones
POINTS = (SUSPICIOUS_FROM, CLEARED_BELOW)
SCORES = (
    "accuracy",
    "balanced_accuracy",
    "malignant_auc",
    "specificity_at_95_sensitivity",
    "negative_log_likelihood",
    "expected_calibration_error",
)
PHOTO, AGE, BOTH = "photo alone", "with age", "with age and sex"


@dataclass(frozen=True)
class ContextGroup:
    """The images of one age band or sex.

    `auc`: of the malignant probability, by `PHOTO`, by `BOTH`, and their "difference"; empty where few
    images are malignant or benign. `melanoma_sensitivity`: operating point -> `PHOTO`, `BOTH` (the
    probability with age and sex alone), their "difference", and "in use" (the more suspicious of both).
    """

    images: int
    melanomas: int
    auc: dict[str, Estimate]
    melanoma_sensitivity: dict[str, dict[str, Estimate]]


@dataclass(frozen=True)
class Raised:
    """Answers that are raised: as a share of all images, or of the benign or malignant ones.

    `counts`: kind ("images", "benign", "malignant", "melanoma") -> number, a mean over crossfits.
    """

    images: Estimate
    benign: Estimate
    malignant: Estimate
    counts: dict[str, float]


@dataclass(frozen=True)
class Step:
    """Answers raised by age and sex, compared with as many raised by a lower threshold alone.

    `by_context`: those that age and sex raise. `by_lower_threshold`: as many, those with the highest
    malignant probability of the photo. `more_malignant`: share of the malignant images that
    `by_context` raises, minus that of `by_lower_threshold`.
    """

    by_context: Raised
    by_lower_threshold: Raised
    more_malignant: Estimate


@dataclass(frozen=True)
class PatientContext:
    """All numbers of this section; images without a known age keep the photo's answer.

    `scores`: by `PHOTO`, `AGE` and `BOTH`; `gain`: `BOTH` minus `PHOTO`; `gain_of_sex`: `BOTH` minus
    `AGE`. `outcomes`: of `PHOTO` and `BOTH`; `steps`: answers that are raised from "not suspicious",
    and answers that are raised to "suspicious". All are means over crossfits. `model`: the
    `ContextModel` to ship.
    """

    model: dict[str, Any]
    repeats: int
    images: int
    without_age: int
    fewest_for_auc: int
    scores: dict[str, dict[str, Estimate]]
    gain: dict[str, Estimate]
    gain_of_sex: dict[str, Estimate]
    groups: dict[str, ContextGroup]
    outcomes: dict[str, Outcomes]
    steps: dict[str, Step]


def fit_patient_context(unseen: OutOfFold) -> ContextModel | None:
    """The model to ship, fitted on all out-of-fold images with a known age.

    None unless these show every diagnosis and at least `LEAST_LESIONS` lesions.
    """
    patients = Patients.of(unseen.table)
    labels, lesions = unseen.labels[patients.known], unseen.lesions[patients.known]
    count = len(np.unique(lesions))
    if count < LEAST_LESIONS or len(np.unique(labels)) < len(CODES):
        return None
    return fit_context(
        unseen.calibrated(unseen.logits[VIEWS], VIEWS),
        patients,
        unseen.labels,
        unseen.lesions,
        f"out-of-fold predictions from {VIEWS} views of {len(labels)} HAM10000 images of {count} "
        f"lesions with a known age, each by {unseen.answered_by}",
    )


def measure(unseen: OutOfFold) -> PatientContext | None:
    """Scores and outcomes with and without age and sex; None where no model can be fitted."""
    model = fit_patient_context(unseen)
    if model is None:
        return None
    patients, photo = Patients.of(unseen.table), unseen.crossfits[VIEWS]
    by_age = [crossfit_in_context(crossfit, patients.without_sex) for crossfit in photo]
    both = [crossfit_in_context(crossfit, patients) for crossfit in photo]
    frequencies = unseen.weights.contract.calibration.frequencies
    scores = {
        name: mean_scores(crossfits, frequencies)
        for name, crossfits in ((PHOTO, photo), (AGE, by_age), (BOTH, both))
    }
    groups = patient_strata(unseen.table.assign(age=patients.ages), PATIENT_AXES)
    before, after = crossfit_grounds(photo), grounds_in_context(photo, both)
    labels, lesions = unseen.labels, unseen.lesions
    return PatientContext(
        model=model.model_dump(),
        repeats=len(photo),
        images=len(labels),
        without_age=int((~patients.known).sum()),
        fewest_for_auc=FEWEST_FOR_AUC,
        scores={name: _estimates(own, len(labels)) for name, own in scores.items()},
        gain=_gain(scores[BOTH], scores[PHOTO], len(labels)),
        gain_of_sex=_gain(scores[BOTH], scores[AGE], len(labels)),
        groups={
            f"{axis} {name}": _group(photo, both, rows)
            for axis, name, rows in groups
            if name != UNKNOWN
        },
        outcomes={
            name: outcome_scores(found, labels, lesions)
            for name, found in ((PHOTO, before), (BOTH, after))
        },
        steps={
            "from not suspicious": _step(
                photo, _is(before, "not suspicious"), ~_is(after, "not suspicious")
            ),
            "to suspicious": _step(photo, ~_is(before, "suspicious"), _is(after, "suspicious")),
        },
    )


def crossfit_in_context(crossfit: Crossfit, patients: Patients) -> Crossfit:
    """`crossfit` with each image's own probabilities in the context of its patient.

    The model of each part is fitted on the other parts. The probabilities of these stay those of the
    photo, so that thresholds and sets, which are fitted on them, do too.
    """
    probabilities = crossfit.probabilities.copy()
    for part, (fit, apply, photo) in enumerate(crossfit.each_part()):
        on = photo[fit], patients.of_rows(fit), crossfit.labels[fit], crossfit.lesions[fit]
        known = apply & patients.known
        shown = patients.of_rows(known)
        own = fit_context(*on).probabilities(photo[known], shown.ages, shown.sexes)
        probabilities[part, known] = own
    return replace(crossfit, probabilities=probabilities)


def grounds_in_context(photo: Sequence[Crossfit], in_context: Sequence[Crossfit]) -> np.ndarray:
    """(crossfits, images) index into `GROUNDS`, as `decide` finds it with both probabilities."""
    both = malignant_probability(np.stack([[each.own for each in own] for own in (photo, in_context)]))
    return grounds(
        both.max(axis=0),
        raised(crossfit_sets(photo, COVERAGE), crossfit_sets(in_context, COVERAGE)),
        crossfit_thresholds(photo, SUSPICIOUS_FROM),
        crossfit_thresholds(photo, CLEARED_BELOW),
    )


def raised_by_lower_threshold(
    photo: Sequence[Crossfit], among: np.ndarray, raised: np.ndarray
) -> np.ndarray:
    """As many answers as are raised, but by a lower threshold on the photo's malignant probability.

    All (crossfits, images) bool; the answers are of `among`, as those `raised`.
    """
    found = np.zeros_like(among)
    for row, crossfit in enumerate(photo):
        places = np.flatnonzero(among[row])
        order = np.argsort(-malignant_probability(crossfit.own[places]), kind="stable")
        found[row, places[order[: raised[row].sum()]]] = True
    return found


def mean_scores(crossfits: Sequence[Crossfit], frequencies: tuple[float, ...]) -> dict[str, np.ndarray]:
    """Each of `SCORES`, (1 + resamples,): its mean over crossfits, then the bootstraps of that mean."""
    labels, weights = crossfits[0].labels, _weights(crossfits[0].lesions)
    found = []
    for crossfit in crossfits:
        rules = {
            "calibrated": weighted_scores(crossfit.own, labels, weights),
            "prior_adjusted": weighted_scores(
                prior_adjusted(crossfit.own, frequencies), labels, weights
            ),
        }
        found.append({name: rules[SHOWN[name]][name] for name in SCORES})
    return {name: np.mean([own[name] for own in found], axis=0) for name in SCORES}


def _group(photo: Sequence[Crossfit], in_context: Sequence[Crossfit], rows: np.ndarray) -> ContextGroup:
    """`rows`: (images,) bool, those of the group."""
    labels, lesions = photo[0].labels[rows], photo[0].lesions[rows]
    malignant, melanoma = is_malignant(labels), labels == CODES.index("mel")
    auc = {}
    if min(malignant.sum(), (~malignant).sum()) >= FEWEST_FOR_AUC:
        weights = _weights(lesions)
        by_photo, by_both = (
            np.mean(
                [
                    weighted_auc(malignant, malignant_probability(each.own[rows]), weights)
                    for each in crossfits
                ],
                axis=0,
            )
            for crossfits in (photo, in_context)
        )
        areas = {PHOTO: by_photo, BOTH: by_both, "difference": by_both - by_photo}
        auc = _estimates(areas, len(labels))
    sensitivity = {}
    for point in POINTS:
        first, second = (
            crossfit_calls(crossfits, point)[:, rows][:, melanoma] for crossfits in (photo, in_context)
        )
        called = np.column_stack([each.mean(axis=0) for each in (first, second, first | second)])
        found = mean_estimates(called, lesions[melanoma])
        sensitivity[f"{point:g}"] = dict(zip((PHOTO, BOTH, "in use"), found, strict=True)) | {
            "difference": _mean_difference(second, first, lesions[melanoma])
        }
    return ContextGroup(len(labels), int(melanoma.sum()), auc, sensitivity)


def _step(photo: Sequence[Crossfit], before: np.ndarray, after: np.ndarray) -> Step:
    """`before`, `after`: (crossfits, images) bool, whether an answer could be and has been raised."""
    labels, lesions = photo[0].labels, photo[0].lesions
    malignant, moved = is_malignant(labels), before & after
    lower = raised_by_lower_threshold(photo, before, moved)
    return Step(
        _raised(moved, labels, lesions),
        _raised(lower, labels, lesions),
        _mean_difference(moved[:, malignant], lower[:, malignant], lesions[malignant]),
    )


def _raised(moved: np.ndarray, labels: np.ndarray, lesions: np.ndarray) -> Raised:
    """`moved`: (crossfits, images) bool."""
    malignant = is_malignant(labels)
    every = np.ones(len(labels), dtype=bool)
    kinds = {"images": every, "benign": ~malignant, "malignant": malignant}
    columns = [np.where(rows, moved.mean(axis=0), np.nan) for rows in kinds.values()]
    shares = mean_estimates(np.column_stack(columns), lesions)
    kinds["melanoma"] = labels == CODES.index("mel")
    counts = {name: float(moved[:, rows].sum(axis=1).mean()) for name, rows in kinds.items()}
    return Raised(*shares, counts=counts)


def _is(found: np.ndarray, outcome: str) -> np.ndarray:
    """Bool in the shape of `found`, which indexes `GROUNDS`."""
    return np.array([name == outcome for name, _ in GROUNDS])[found]


def _mean_difference(one: np.ndarray, other: np.ndarray, lesions: np.ndarray) -> Estimate:
    """The share of `one` minus that of `other`, both (crossfits, images) bool."""
    return known_mean(one.mean(axis=0) - other.mean(axis=0), lesions)


def _weights(lesions: np.ndarray) -> np.ndarray:
    """(1 + resamples, images): ones, then how often each image counts in each bootstrap."""
    return np.concatenate([np.ones((1, len(lesions))), *lesion_draws(lesions, np.unique(lesions))])


def _estimates(found: dict[str, np.ndarray], images: int) -> dict[str, Estimate]:
    """`found`: (1 + resamples,) of each name, the value first."""
    return {
        name: Estimate(float(own[0]), percentiles_95(own[1:]), images) for name, own in found.items()
    }


def _gain(one: dict[str, np.ndarray], other: dict[str, np.ndarray], images: int) -> dict[str, Estimate]:
    return _estimates({name: own - other[name] for name, own in one.items()}, images)
