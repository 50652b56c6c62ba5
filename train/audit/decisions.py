"""Calibration and outcomes, measured out of fold; and all limits of a decision, fitted to ship.

`conformal_sets`, `fitted_operating_points`, `outcome_rules` and `withheld_answers` hold one question
each; `measure` puts their answers together.
"""

from dataclasses import dataclass, replace

import numpy as np

from skin_app.calibration import calibrated
from skin_app.operating_points import DecisionLimits, ViewLimits
from train.audit import conformal_sets, fitted_operating_points, outcome_rules, withheld_answers
from train.audit.conformal_sets import COVERAGES, Sets, fit_sets
from train.audit.fitted_operating_points import Point
from train.audit.out_of_fold import OutOfFold
from train.audit.outcome_rules import ComparedRules
from train.audit.withheld_answers import Abstention
from train.recipes.recipe import Bias
from train.scores.fitted_calibration import chosen_calibration, cross_fitted
from train.scores.intervals import Estimate
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


@dataclass(frozen=True)
class Calibrated:
    """Crossfit scores of both calibrations, by score; which one the weights have, and its numbers."""

    calibrations: dict[str, dict[str, Estimate]]
    adopted: str
    temperature: float
    bias: list[float]


@dataclass(frozen=True)
class Decisions:
    """All numbers of this section; dictionaries are keyed by number of views.

    `repeats`: number of crossfits averaged; `rule_in_use`: key of `ComparedRules.rules`; `patients`:
    point -> axis -> group -> its calls, from the largest number of views.
    """

    repeats: int
    rule_in_use: str
    calibration: dict[str, Calibrated]
    sets: dict[str, dict[str, Sets]]
    operating_points: dict[str, dict[str, Point]]
    patients: dict[str, dict[str, dict[str, fitted_operating_points.PatientGroupCalls]]]
    outcomes: dict[str, ComparedRules]
    abstention: dict[str, Abstention]


def with_calibration(unseen: OutOfFold) -> OutOfFold:
    """The images with the calibration to ship: temperatures, and biases if they help."""
    contract = unseen.weights.contract
    fitted = chosen_calibration(
        contract.calibration, unseen.logits, unseen.labels, unseen.lesions, _fitted_on(unseen)
    )
    contract = contract.model_copy(update={"calibration": fitted})
    return replace(unseen, weights=replace(unseen.weights, contract=contract))


def fit_decisions(unseen: OutOfFold) -> DecisionLimits:
    """Limits for each number of views, fitted on all out-of-fold images under the calibration to ship.

    Raises `DataError` when no image is malignant, or none benign.
    """
    own, labels = unseen.weights.contract.calibration, unseen.labels
    by_views: dict[int, ViewLimits] = {}
    for views in sorted(unseen.logits):
        probabilities = calibrated(unseen.logits[views], own, views)
        ninety, ninety_five = (fit_sets(probabilities, labels, share) for share in COVERAGES)
        first, second, third = fitted_operating_points.fit_points(
            unseen.crossfits[views], probabilities
        )
        by_views[views] = ViewLimits(
            sets=(ninety, ninety_five),
            operating_points=(first, second, third),
        )
    return DecisionLimits(by_views=by_views, fitted_on=_fitted_on(unseen))


def _fitted_on(unseen: OutOfFold) -> str:
    return (
        f"out-of-fold predictions of {len(unseen.labels)} HAM10000 images of "
        f"{len(np.unique(unseen.lesions))} lesions, each by {unseen.answered_by}"
    )


def measure(unseen: OutOfFold) -> Decisions:
    """Measures everything on other lesions than it was fitted on.

    Sets, points and outcomes are means over all crossfits; abstention uses the first.
    """
    of = {str(views): crossfits for views, crossfits in unseen.crossfits.items()}
    frequencies = unseen.weights.contract.calibration.frequencies
    return Decisions(
        repeats=len(of["1"]),
        rule_in_use=outcome_rules.rule_name(outcome_rules.IN_USE),
        calibration={str(views): calibration_error(unseen, views) for views in unseen.logits},
        sets={views: conformal_sets.measure(several, unseen.table) for views, several in of.items()},
        operating_points={
            views: fitted_operating_points.measure(several) for views, several in of.items()
        },
        patients=fitted_operating_points.measure_by_patient(
            unseen.crossfits[max(unseen.crossfits)], unseen.table
        ),
        outcomes={views: outcome_rules.measure(several, unseen.table) for views, several in of.items()},
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
