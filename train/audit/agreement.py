"""How many readings must agree: the limit below which an answer is uncertain.

A reading is one member's answer to one view; it agrees when it lies on the answer's side of the
operating point. On these images only the members that had not seen them can be asked.
"""

from typing import Any

import numpy as np

from skin_app.decision import Calibration, calibrated, malignant_probability
from skin_app.outcome import SENSITIVITY, agreement
from train.audit.conformal import with_interval
from train.audit.nested import Nested, means_with_intervals, ratios_with_intervals
from train.audit.operating import fit_threshold, is_malignant
from train.audit.readings import Readings
from train.documents.tables import table

MAJORITY = 0.5


def agreements_of(
    readings: Readings, probabilities: np.ndarray, views: int, one_view: Calibration, threshold: float
) -> np.ndarray:
    """(n,) share of the readings of the first `views` views that are on the answer's side.

    `probabilities`: (images, 7) of all the bench's images by `views` views; `one_view`: the calibration
    of a single view.
    """
    singles = calibrated(readings.of(views), one_view, 1)
    return agreement(probabilities[readings.rows], singles, threshold)


def error_ratios(
    agreements: np.ndarray, called: np.ndarray, wrong: np.ndarray, count: int
) -> list[Any]:
    """For each limit 1/count, 2/count, ... 1 of `count` readings: how often the answers below it are on
    the wrong side, over how often all answers of the same side are; with 95 % intervals, one image a
    lesion.

    `called`: (n,) bool, answered at or above the operating point; `wrong`: (n,) bool.
    """
    usual = np.where(called, *(wrong[rows].mean() if rows.any() else 0.0 for rows in (called, ~called)))
    below = agreements[:, None] < _limits(count) - 1e-9
    return ratios_with_intervals(below * wrong[:, None], below * usual[:, None], np.arange(len(wrong)))


def fit_least_agreement(
    agreements: np.ndarray, called: np.ndarray, wrong: np.ndarray, count: int
) -> float:
    """The highest limit below which answers are clearly more often wrong than others of their side.

    Clearly: the 95 % interval of `error_ratios` lies above 1. Where that holds for no limit it is one
    half: below it most readings contradict the answer.
    """
    ratios = error_ratios(agreements, called, wrong, count)
    clear = [
        float(limit)
        for limit, ratio in zip(_limits(count), ratios, strict=True)
        if ratio["interval_95"] is not None and ratio["interval_95"][0] > 1
    ]
    return max(clear, default=MAJORITY)


def _limits(count: int) -> np.ndarray:
    return np.arange(1, count + 1) / count


def limit_of(
    readings: Readings,
    probabilities: np.ndarray,
    labels: np.ndarray,
    views: int,
    one_view: Calibration,
    fit: np.ndarray,
) -> tuple[float, float, np.ndarray]:
    """Threshold and least agreement fitted on the images `fit`, and all readings' agreements.

    `fit`: (images,) bool. The point is fitted on all of these images, the limit on those with readings.
    """
    threshold = fit_threshold(probabilities[fit], labels[fit], SENSITIVITY)
    agreements = agreements_of(readings, probabilities, views, one_view, threshold)
    rows = readings.rows[fit[readings.rows]]
    called = malignant_probability(probabilities[rows]) >= threshold
    wrong = called != is_malignant(labels[rows])
    count = readings.of(views).shape[1]
    limit = fit_least_agreement(agreements[fit[readings.rows]], called, wrong, count)
    return threshold, limit, agreements


def nested_disagreement(
    nested: Nested, one_view: Nested, readings: Readings
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Of the first division: (n,) agreements, (n,) bool below the limit fitted outside, the limits."""
    agreements = np.zeros(len(readings.rows))
    disagree, limits = np.zeros(len(readings.rows), dtype=bool), []
    division = nested.divisions[0]
    singles = one_view.divisions[0].calibrations
    for (inside, probabilities), single in zip(division.halves(), singles, strict=True):
        _, limit, found = limit_of(
            readings, probabilities, nested.labels, nested.views, single, ~inside
        )
        own = inside[readings.rows]
        agreements[own], disagree[own] = found[own], (found < limit)[own]
        limits.append(limit)
    return agreements, disagree, limits


def measure(nested: Nested, one_view: Nested, readings: Readings) -> dict[str, Any]:
    """How often readings disagree, and how often the answer's side is wrong then."""
    _, disagree, limits = nested_disagreement(nested, one_view, readings)
    malignant = is_malignant(nested.labels)
    called = np.zeros(len(malignant), dtype=bool)
    for inside, probabilities in nested.divisions[0].halves():
        threshold = fit_threshold(probabilities[~inside], nested.labels[~inside], SENSITIVITY)
        called[inside] = malignant_probability(probabilities[inside]) >= threshold
    called, malignant = called[readings.rows], malignant[readings.rows]
    wrong = (called != malignant).astype(float)
    groups = [
        (f"{side}, {state}", rows & states)
        for side, rows in _sides(called)
        for state, states in (("agreeing", ~disagree), ("disagreeing", disagree))
    ]
    columns = [disagree.astype(float), *(np.where(rows, wrong, np.nan) for _, rows in groups)]
    found = means_with_intervals(np.column_stack(columns), nested.lesions[readings.rows])
    return {
        "limits_of_parts": limits,
        "disagreeing": found[0],
        "wrong": {name: one for (name, _), one in zip(groups, found[1:], strict=True)},
    }


def _sides(called: np.ndarray) -> tuple[tuple[str, np.ndarray], ...]:
    return ("at or above the point", called), ("below the point", ~called)


def render(by_views: dict[str, dict[str, Any]]) -> str:
    """The part on agreement. `by_views`: number of views -> what `measure` gave."""
    rows = [
        [views, name, str(one["images"]), with_interval(one)]
        for views, found in by_views.items()
        for name, one in found["wrong"].items()
    ]
    lines = [
        "### Agreement of the readings",
        "",
        "Agreement is the share of readings (each member's answer to each view, calibrated as an "
        f"answer of one view) on the answer's side of the {SENSITIVITY:.0%} operating point. The "
        "limit is the highest below which answers are clearly more often on the wrong side than "
        "others of the same side (95 % interval of the ratio above 1), fitted on other lesions; one "
        "half where there is no such limit. **Not known:** what the disagreement of *all* members "
        "adds, because only those of its own fold had not seen an image. With more readings full "
        "agreement is rarer, so the program will be uncertain more often than here. For one view there "
        "are too few readings here, so its limit is that of the most views.",
        "",
        table(["views", "answer", "images", "on the wrong side"], rows),
        "",
    ]
    for views, found in by_views.items():
        limits = ", ".join(f"{limit:g}" for limit in found["limits_of_parts"])
        lines.append(
            f"- {views} views: {with_interval(found['disagreeing'])} of "
            f"{found['disagreeing']['images']} lesions are below the limit (in the parts: {limits})."
        )
    return "\n".join([*lines, ""])
