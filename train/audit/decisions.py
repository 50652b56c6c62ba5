"""Calibration and outcomes, measured out of fold; and all limits of a decision, fitted to ship.

`conformal_sets`, `fitted_operating_points`, `agreement` and `withheld_answers` hold one question each;
`measure` puts their answers together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from skin_app.calibration import calibrated, malignant_probability
from skin_app.diagnoses import CODES
from skin_app.operating_points import DecisionLimits, ViewLimits
from skin_app.outcome import COVERAGE, GROUNDS, SENSITIVITY, grounds
from train.audit import agreement, conformal_sets, fitted_operating_points, withheld_answers
from train.audit.agreement import Agreement, Readings, crossfit_disagreement, fit_agreement
from train.audit.conformal_sets import COVERAGES, Sets, crossfit_sets, fit_sets
from train.audit.fitted_operating_points import SENSITIVITIES, Point, crossfit_thresholds, is_malignant
from train.audit.out_of_fold import OutOfFold
from train.audit.withheld_answers import Abstention
from train.recipes.recipe import Bias
from train.scores.crossfit import Crossfit
from train.scores.fitted_calibration import chosen_calibration, cross_fitted
from train.scores.intervals import Estimate, ratio_estimates
from train.scores.metrics import scores_by_rule

CALIBRATIONS: dict[str, Bias] = {
    "temperature": "none",
    "temperature and bias, where it helps": "chosen",
}
SCORES = {  # score -> decision rule
    "expected_calibration_error": "calibrated",
    "negative_log_likelihood": "calibrated",
    "accuracy": "calibrated",
    "malignant_auc": "calibrated",
    "balanced_accuracy": "prior_adjusted",
}
RULE_IN_USE = f"{COVERAGE:g} set, {SENSITIVITY:g} point"


@dataclass(frozen=True)
class Calibrated:
    """Crossfit scores of both calibrations, by score; which one the weights have, and its numbers."""

    calibrations: dict[str, dict[str, Estimate]]
    adopted: str
    temperature: float
    bias: list[float]


@dataclass(frozen=True)
class Outcomes:
    """Shares of the outcomes, and of right and wrong answers among them.

    `missed_melanomas`: number of melanoma images called "not suspicious"; `missed_melanoma_lesions`:
    number of their lesions; both are means over crossfits. `grounds`: share of the images by reason.
    """

    suspicious: Estimate
    not_suspicious: Estimate
    uncertain: Estimate
    malignant_not_cleared: Estimate
    benign_among_not_suspicious: Estimate
    malignant_among_suspicious: Estimate
    malignant_called_suspicious: Estimate
    benign_not_called_suspicious: Estimate
    melanomas_cleared: Estimate
    melanomas: int
    missed_melanomas: float
    missed_melanoma_lesions: float
    grounds: dict[str, float]


@dataclass(frozen=True)
class Decisions:
    """All numbers of this section; dictionaries are keyed by number of views.

    `repeats`: number of crossfits averaged; `read_view_by_view`: number of lesions with readings.
    `patients`: point -> axis -> group -> its calls, from the largest number of views.
    """

    repeats: int
    read_view_by_view: int
    rule_in_use: str
    calibration: dict[str, Calibrated]
    sets: dict[str, dict[str, Sets]]
    operating_points: dict[str, dict[str, Point]]
    patients: dict[str, dict[str, dict[str, fitted_operating_points.PatientGroupCalls]]]
    agreement: dict[str, Agreement]
    outcomes: dict[str, dict[str, Outcomes]]
    outcomes_with_agreement: dict[str, dict[str, Outcomes]]
    abstention: dict[str, Abstention]


def with_calibration(unseen: OutOfFold) -> OutOfFold:
    """The images with the calibration to ship: temperatures, and biases if they help."""
    contract = unseen.weights.contract
    fitted = chosen_calibration(
        contract.calibration, unseen.logits, unseen.labels, unseen.lesions, _fitted_on(unseen)
    )
    contract = contract.model_copy(update={"calibration": fitted})
    return replace(unseen, weights=replace(unseen.weights, contract=contract))


def fit_decisions(unseen: OutOfFold, readings: Readings) -> DecisionLimits:
    """Limits for each number of views, fitted on all out-of-fold images under the calibration to ship.

    Raises `DataError` when no image is malignant, or none benign.
    """
    own, labels = unseen.weights.contract.calibration, unseen.labels
    every = np.ones(len(labels), dtype=bool)
    by_views: dict[int, ViewLimits] = {}
    most = max(unseen.logits)
    for views in sorted(unseen.logits, reverse=True):
        probabilities = calibrated(unseen.logits[views], own, views)
        if views > 1:
            least, _ = fit_agreement(readings, probabilities, labels, views, own, every)
        else:  # one view gives too few readings: a single one always agrees with itself
            least = by_views[most].least_agreement
        ninety, ninety_five = (fit_sets(probabilities, labels, share) for share in COVERAGES)
        first, second, third = fitted_operating_points.fit_points(
            unseen.crossfits[views], probabilities
        )
        by_views[views] = ViewLimits(
            sets=(ninety, ninety_five),
            operating_points=(first, second, third),
            least_agreement=least,
        )
    return DecisionLimits(by_views=dict(sorted(by_views.items())), fitted_on=_fitted_on(unseen))


def _fitted_on(unseen: OutOfFold) -> str:
    return (
        f"out-of-fold predictions of {len(unseen.labels)} HAM10000 images of "
        f"{len(np.unique(unseen.lesions))} lesions, each by {unseen.answered_by}"
    )


def measure(unseen: OutOfFold, readings: Readings) -> Decisions:
    """Measures everything on other lesions than it was fitted on.

    Sets, points and outcomes are means over all crossfits; agreement and abstention use the first.
    """
    of = {str(views): crossfits for views, crossfits in unseen.crossfits.items()}
    frequencies = unseen.weights.contract.calibration.frequencies
    singles = unseen.crossfits[1][0].calibrations
    agreements, agreed_outcomes = {}, {}
    for views, (first, *_) in unseen.crossfits.items():
        if views > 1:
            disagree, limits = crossfit_disagreement(first, singles, readings, views)
            agreements[str(views)] = agreement.measure(first, readings, disagree, limits)
            agreed_outcomes[str(views)] = outcomes_with_agreement(first, readings.rows, disagree)
    return Decisions(
        repeats=len(of["1"]),
        read_view_by_view=len(readings.rows),
        rule_in_use=RULE_IN_USE,
        calibration={str(views): calibration_error(unseen, views) for views in unseen.logits},
        sets={views: conformal_sets.measure(several, unseen.table) for views, several in of.items()},
        operating_points={
            views: fitted_operating_points.measure(several) for views, several in of.items()
        },
        patients=fitted_operating_points.measure_by_patient(
            unseen.crossfits[max(unseen.crossfits)], unseen.table
        ),
        agreement=agreements,
        outcomes={views: outcomes_by_rule(several) for views, several in of.items()},
        outcomes_with_agreement=agreed_outcomes,
        abstention={
            views: withheld_answers.measure(several[0], frequencies) for views, several in of.items()
        },
    )


def calibration_error(unseen: OutOfFold, views: int) -> Calibrated:
    """Expected calibration error and other scores of both calibrations, crossfit."""
    own = unseen.weights.contract.calibration
    logits, shift = unseen.logits[views], np.array(own.log_prior_shift)
    found = {}
    for name, bias in CALIBRATIONS.items():
        probabilities = cross_fitted(logits, unseen.labels, unseen.lesions, shift, bias, unseen.parts)
        rules = {"calibrated": probabilities, "prior_adjusted": unseen.prior_adjusted(probabilities)}
        scores = scores_by_rule(rules, unseen.labels, unseen.lesions)
        found[name] = {score: scores[rule].estimate(score) for score, rule in SCORES.items()}
    return Calibrated(
        calibrations=found,
        adopted=list(CALIBRATIONS)[int(views in own.biases)],
        temperature=own.temperatures[views],
        bias=list(own.biases.get(views, ())),
    )


def outcomes_by_rule(crossfits: Sequence[Crossfit]) -> dict[str, Outcomes]:
    """Outcomes of all images for every pair of set and point; ignores the agreement of readings."""
    labels, lesions = crossfits[0].labels, crossfits[0].lesions
    return {
        f"{coverage:g} set, {sensitivity:g} point": outcome_scores(
            crossfit_grounds(crossfits, coverage, sensitivity), labels, lesions
        )
        for coverage in COVERAGES
        for sensitivity in SENSITIVITIES
    }


def outcomes_with_agreement(
    crossfit: Crossfit, rows: np.ndarray, disagree: np.ndarray
) -> dict[str, Outcomes]:
    """Outcomes of the images `rows`, without and with the agreement of their readings.

    `disagree`: (n,) bool, whether the readings of each of these images disagree.
    """
    below = np.zeros(len(crossfit.labels), dtype=bool)
    below[rows] = disagree
    return {
        name: outcome_scores(
            crossfit_grounds([crossfit], COVERAGE, SENSITIVITY, asked)[:, rows],
            crossfit.labels[rows],
            crossfit.lesions[rows],
        )
        for name, asked in (("without agreement", None), ("with agreement", below))
    }


def crossfit_grounds(
    crossfits: Sequence[Crossfit],
    coverage: float,
    sensitivity: float,
    disagree: np.ndarray | None = None,
) -> np.ndarray:
    """(crossfits, images) index into `GROUNDS`, from limits fitted outside each image's part.

    `disagree`: (images,) bool, whether the readings disagree; None counts as False for all images.
    """
    no = np.array(False)
    return grounds(
        malignant_probability(np.stack([crossfit.own for crossfit in crossfits])),
        crossfit_sets(crossfits, coverage),
        crossfit_thresholds(crossfits, sensitivity),
        disagree=no if disagree is None else disagree,
        novel=no,
    )


def outcome_scores(found: np.ndarray, labels: np.ndarray, lesions: np.ndarray) -> Outcomes:
    """`found`: (crossfits, images) index into `GROUNDS`; `labels`, `lesions`: (images,)."""
    names = np.array([outcome for outcome, _ in GROUNDS])[found]
    called, cleared, unsure = (
        (names == name).mean(axis=0) for name in ("suspicious", "not suspicious", "uncertain")
    )
    malignant, melanoma = is_malignant(labels), labels == CODES.index("mel")
    every = np.ones(len(labels))
    ratios = {
        "suspicious": (called, every),
        "not_suspicious": (cleared, every),
        "uncertain": (unsure, every),
        "malignant_not_cleared": (malignant * (1 - cleared), malignant),
        "benign_among_not_suspicious": (cleared * ~malignant, cleared),
        "malignant_among_suspicious": (called * malignant, called),
        "malignant_called_suspicious": (called * malignant, malignant),
        "benign_not_called_suspicious": ((1 - called) * ~malignant, ~malignant),
        "melanomas_cleared": (cleared * melanoma, melanoma),
    }
    above, below = (np.column_stack(columns) for columns in zip(*ratios.values(), strict=True))
    measured = dict(zip(ratios, ratio_estimates(above, below, lesions), strict=True))
    missed = [(row == "not suspicious") & melanoma for row in names]
    return Outcomes(
        **measured,
        melanomas=int(melanoma.sum()),
        missed_melanomas=float(np.mean([rows.sum() for rows in missed])),
        missed_melanoma_lesions=float(np.mean([len(np.unique(lesions[rows])) for rows in missed])),
        grounds={reason: float((found == place).mean()) for place, (_, reason) in enumerate(GROUNDS)},
    )
