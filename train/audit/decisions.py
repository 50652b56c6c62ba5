"""Calibration, prediction sets, operating points, agreement and abstention: fitted and measured."""

from dataclasses import dataclass, replace

import numpy as np

from skin_app.calibration import calibrated
from skin_app.operating_points import DecisionLimits, ViewLimits
from train.audit import abstention, agreement, calibration, conformal, operating, outcomes
from train.audit.abstention import Abstention
from train.audit.agreement import Agreement, Readings, crossfit_disagreement, fit_agreement
from train.audit.bench import Bench
from train.audit.calibration import Calibrated
from train.audit.conformal import Sets
from train.audit.operating import Point
from train.audit.outcomes import Outcomes
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


def with_calibration(bench: Bench) -> Bench:
    """The bench with the calibration to ship: temperatures, and biases if they help."""
    contract = bench.weights.contract
    fitted = chosen_calibration(
        contract.calibration, bench.logits, bench.labels, bench.lesions, _fitted_on(bench)
    )
    contract = contract.model_copy(update={"calibration": fitted})
    return replace(bench, weights=replace(bench.weights, contract=contract))


def fit_decisions(bench: Bench, readings: Readings) -> DecisionLimits:
    """Limits for each number of views, fitted on all out-of-fold images under the bench's calibration.

    Raises `DataError` when no image is malignant, or none benign.
    """
    own = bench.weights.contract.calibration
    every = np.ones(len(bench.labels), dtype=bool)
    by_views: dict[int, ViewLimits] = {}
    most = max(bench.logits)
    for views in sorted(bench.logits, reverse=True):
        probabilities = calibrated(bench.logits[views], own, views)
        if views > 1:
            least, _ = fit_agreement(readings, probabilities, bench.labels, views, own, every)
        else:  # one view gives too few readings: a single one always agrees with itself
            least = by_views[most].least_agreement
        ninety, ninety_five = (
            conformal.fit_sets(probabilities, bench.labels, share) for share in conformal.COVERAGES
        )
        first, second, third = operating.fit_points(bench.crossfits[views], probabilities)
        by_views[views] = ViewLimits(
            sets=(ninety, ninety_five),
            operating_points=(first, second, third),
            least_agreement=least,
        )
    return DecisionLimits(by_views=dict(sorted(by_views.items())), fitted_on=_fitted_on(bench))


def measure(bench: Bench, readings: Readings) -> Decisions:
    """Measures everything on other lesions than it was fitted on.

    Sets, points and outcomes are means over all crossfits; agreement and abstention use the first.
    """
    of = {str(views): crossfits for views, crossfits in bench.crossfits.items()}
    frequencies = bench.weights.contract.calibration.frequencies
    singles = bench.crossfits[1][0].calibrations
    agreements, agreed_outcomes = {}, {}
    for views, (first, *_) in bench.crossfits.items():
        if views > 1:
            disagree, limits = crossfit_disagreement(first, singles, readings, views)
            agreements[str(views)] = agreement.measure(first, readings, disagree, limits)
            agreed_outcomes[str(views)] = outcomes.measure_with_agreement(
                first, readings.rows, disagree
            )
    return Decisions(
        images=len(bench.labels),
        lesions=len(np.unique(bench.lesions)),
        members=len(bench.members),
        repeats=len(of["1"]),
        read_view_by_view=len(readings.rows),
        rule_in_use=outcomes.rule_name(),
        calibration=calibration.measure(bench),
        sets={views: conformal.measure(several, bench.table) for views, several in of.items()},
        operating_points={views: operating.measure(several) for views, several in of.items()},
        agreement=agreements,
        outcomes={views: outcomes.measure(several) for views, several in of.items()},
        outcomes_with_agreement=agreed_outcomes,
        abstention={
            views: abstention.measure(several[0], frequencies) for views, several in of.items()
        },
    )


def _fitted_on(bench: Bench) -> str:
    return (
        f"out-of-fold predictions of {len(bench.labels)} HAM10000 images of "
        f"{len(np.unique(bench.lesions))} lesions, each by {bench.answered_by}"
    )
