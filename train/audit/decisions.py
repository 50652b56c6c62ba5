"""Calibration, prediction sets, operating points, agreement and abstention: fitted and measured."""

from dataclasses import dataclass, replace

import numpy as np

from skin_app.calibration import calibrated
from skin_app.outcome import DecisionLimits, ViewLimits
from train.audit import (
    agreement,
    calibration,
    conformal_sets,
    operating_points,
    outcomes,
    withheld_answers,
)
from train.audit.agreement import Agreement, Readings, crossfit_disagreement, fit_agreement
from train.audit.calibration import Calibrated
from train.audit.conformal_sets import Sets
from train.audit.operating_points import Point
from train.audit.out_of_fold import OutOfFold
from train.audit.outcomes import Outcomes
from train.audit.withheld_answers import Abstention
from train.scores.crossfit import chosen_calibration


@dataclass(frozen=True)
class Decisions:
    """All numbers of this section; dictionaries are keyed by number of views.

    `repeats`: number of crossfits averaged; `read_view_by_view`: number of lesions with readings.
    """

    images: int
    lesions: int
    members: int
    repeats: int
    read_view_by_view: int
    rule_in_use: str
    calibration: dict[str, Calibrated]
    sets: dict[str, dict[str, Sets]]
    operating_points: dict[str, dict[str, Point]]
    agreement: dict[str, Agreement]
    outcomes: dict[str, dict[str, Outcomes]]
    outcomes_with_agreement: dict[str, dict[str, Outcomes]]
    abstention: dict[str, Abstention]


def with_calibration(unseen: OutOfFold) -> OutOfFold:
    """The unseen with the calibration to ship: temperatures, and biases if they help."""
    contract = unseen.weights.contract
    fitted = chosen_calibration(
        contract.calibration, unseen.logits, unseen.labels, unseen.lesions, _fitted_on(unseen)
    )
    contract = contract.model_copy(update={"calibration": fitted})
    return replace(unseen, weights=replace(unseen.weights, contract=contract))


def fit_decisions(unseen: OutOfFold, readings: Readings) -> DecisionLimits:
    """Limits for each number of views, fitted on all out-of-fold images under the unseen's calibration.

    Raises `DataError` when no image is malignant, or none benign.
    """
    own = unseen.weights.contract.calibration
    every = np.ones(len(unseen.labels), dtype=bool)
    by_views: dict[int, ViewLimits] = {}
    most = max(unseen.logits)
    for views in sorted(unseen.logits, reverse=True):
        probabilities = calibrated(unseen.logits[views], own, views)
        if views > 1:
            least, _ = fit_agreement(readings, probabilities, unseen.labels, views, own, every)
        else:  # one view gives too few readings: a single one always agrees with itself
            least = by_views[most].least_agreement
        ninety, ninety_five = (
            conformal_sets.fit_sets(probabilities, unseen.labels, share)
            for share in conformal_sets.COVERAGES
        )
        first, second, third = operating_points.fit_points(unseen.crossfits[views], probabilities)
        by_views[views] = ViewLimits(
            sets=(ninety, ninety_five),
            operating_points=(first, second, third),
            least_agreement=least,
        )
    return DecisionLimits(by_views=dict(sorted(by_views.items())), fitted_on=_fitted_on(unseen))


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
            agreed_outcomes[str(views)] = outcomes.measure_with_agreement(
                first, readings.rows, disagree
            )
    return Decisions(
        images=len(unseen.labels),
        lesions=len(np.unique(unseen.lesions)),
        members=len(unseen.members),
        repeats=len(of["1"]),
        read_view_by_view=len(readings.rows),
        rule_in_use=outcomes.rule_name(),
        calibration=calibration.measure(unseen),
        sets={views: conformal_sets.measure(several, unseen.table) for views, several in of.items()},
        operating_points={views: operating_points.measure(several) for views, several in of.items()},
        agreement=agreements,
        outcomes={views: outcomes.measure(several) for views, several in of.items()},
        outcomes_with_agreement=agreed_outcomes,
        abstention={
            views: withheld_answers.measure(several[0], frequencies) for views, several in of.items()
        },
    )


def _fitted_on(unseen: OutOfFold) -> str:
    return (
        f"out-of-fold predictions of {len(unseen.labels)} HAM10000 images of "
        f"{len(np.unique(unseen.lesions))} lesions, each by {unseen.answered_by}"
    )
