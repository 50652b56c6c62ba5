"""Calibration, prediction sets, operating points, outcomes and abstention: fitted, measured, told."""

from typing import Any

import numpy as np

from skin_app.decision import Calibration, calibrated
from skin_app.outcome import DecisionLimits, ViewLimits
from train.audit import abstention, agreement, calibration, conformal, operating, outcomes
from train.audit.agreement import limit_of
from train.audit.bench import Bench
from train.audit.nested import Nested, nested
from train.audit.readings import Readings, view_readings
from train.scores.crossfit import chosen_calibration


def fit_calibration(bench: Bench) -> Calibration:
    """The calibration to ship with `fit_decisions`: temperatures, and biases where they help."""
    return chosen_calibration(
        bench.weights.contract.calibration, bench.logits, bench.labels, bench.lesions, _fitted_on(bench)
    )


def divisions(bench: Bench) -> dict[int, Nested]:
    """Number of views -> its nested divisions; they take a minute, so both below can be given them."""
    return {views: nested(bench, views) for views in bench.logits}


def fit_decisions(
    bench: Bench, readings: Readings | None = None, divided: dict[int, Nested] | None = None
) -> DecisionLimits:
    """Limits for each number of views, fitted on all out-of-fold images under `fit_calibration`.

    `readings`: by default `view_readings(bench)`; `divided`: by default `divisions(bench)`. Raises
    `DataError` when no image is malignant, or none benign.
    """
    fitted, singles = fit_calibration(bench), readings or view_readings(bench)
    parted = divided or divisions(bench)
    every = np.ones(len(bench.labels), dtype=bool)
    by_views: dict[int, ViewLimits] = {}
    most = max(bench.logits)
    for views in sorted(bench.logits, reverse=True):
        probabilities = calibrated(bench.logits[views], fitted, views)
        least = (
            limit_of(singles, probabilities, bench.labels, views, fitted, every)[1]
            if views > 1
            else by_views[most].least_agreement  # too few readings: one alone agrees with itself
        )
        ninety, ninety_five = (
            conformal.fit_sets(probabilities, bench.labels, share) for share in conformal.COVERAGES
        )
        first, second, third = operating.fit_points(parted[views], probabilities)
        by_views[views] = ViewLimits(
            sets=(ninety, ninety_five),
            operating_points=(first, second, third),
            least_agreement=least,
        )
    return DecisionLimits(by_views=dict(sorted(by_views.items())), fitted_on=_fitted_on(bench))


def measure(
    bench: Bench, readings: Readings | None = None, divided: dict[int, Nested] | None = None
) -> dict[str, Any]:
    """All numbers of this section, nested; arguments as those of `fit_decisions`."""
    singles, parted = readings or view_readings(bench), divided or divisions(bench)
    frequencies = bench.weights.contract.calibration.frequencies
    several = {views: one for views, one in parted.items() if views > 1}
    return {
        "images": len(bench.labels),
        "lesions": len(np.unique(bench.lesions)),
        "members": len(bench.members),
        "repeats": len(parted[1].divisions),
        "read_view_by_view": len(singles.rows),
        "calibration": calibration.measure(bench),
        "sets": {str(v): conformal.measure(one, bench.table) for v, one in parted.items()},
        "operating_points": {str(v): operating.measure(one) for v, one in parted.items()},
        "agreement": {str(v): agreement.measure(one, parted[1], singles) for v, one in several.items()},
        "outcomes": {str(v): outcomes.measure(one) for v, one in parted.items()},
        "outcomes_with_agreement": {
            str(v): outcomes.measure_with_agreement(one, parted[1], singles)
            for v, one in several.items()
        },
        "abstention": {str(v): abstention.measure(one, frequencies) for v, one in parted.items()},
    }


def render(numbers: dict[str, Any]) -> str:
    """The section of docs/trust.md on what is decided."""
    return "\n".join(
        [
            "## Decisions",
            "",
            f"Measured on {numbers['images']} out-of-fold images of {numbers['lesions']} lesions, each "
            f"answered by those of {numbers['members']} shipped members that had not seen its "
            "lesion; the average of all members, which the program shows, has no images here that it "
            "has not seen, so how it does is not known. Everything is nested: calibration, thresholds "
            "and limits are fitted on four of five lesion-grouped, stratified parts and measured on "
            f"the fifth. Sets, operating points and outcomes are means over {numbers['repeats']} such "
            "divisions with other seeds (calibration, agreement and abstention use the first); "
            "intervals are 95 % bootstraps over lesions, with the fitted limits held. All of it holds "
            "for images like these.",
            "",
            calibration.render(numbers["calibration"]),
            conformal.render(numbers["sets"]),
            operating.render(numbers["operating_points"]),
            agreement.render(numbers["agreement"]),
            outcomes.render(numbers["outcomes"], numbers["outcomes_with_agreement"]),
            abstention.render(numbers["abstention"]),
        ]
    )


def _fitted_on(bench: Bench) -> str:
    return (
        f"out-of-fold predictions of {len(bench.labels)} HAM10000 images of "
        f"{len(np.unique(bench.lesions))} lesions, each by {bench.answered_by}"
    )
