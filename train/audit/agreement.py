"""How many readings must agree: the limit below which an answer is uncertain.

A reading is one member's answer to one view. It agrees if it lies on the same side of the operating
point as the answer. Each image is read only by the members that had not seen it. The weights store only
averages over views, so the networks run again on a sample of lesions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skin_app.calibration import Calibration, calibrated, malignant_probability
from skin_app.outcome import SENSITIVITY, agreement
from skin_app.views import VIEWS
from train.audit.fitted_operating_points import crossfit_calls, fit_threshold, is_malignant
from train.audit.out_of_fold import OutOfFold, random_lesions
from train.scores.crossfit import Crossfit
from train.scores.intervals import Estimate, mean_estimates, ratio_estimates

LESIONS = 1000
MAJORITY = 0.5


@dataclass(frozen=True)
class Readings:
    """Readings of a sample of out-of-fold images, one image per lesion.

    `rows`: (n,) rows of the table of images; `logits`: (n, runs, 8, 7), by run, then view.
    """

    rows: np.ndarray
    logits: np.ndarray

    def of(self, views: int) -> np.ndarray:
        """(n, readings, 7) logits of the first `views` views, of all runs."""
        first = self.logits[:, :, :views]
        return first.reshape(len(first), -1, first.shape[-1])


@dataclass(frozen=True)
class Agreement:
    """`limits_of_parts`: the limit fitted outside each part; `disagreeing`: share of the lesions below
    it. `wrong`: share of answers on the wrong side of the operating point, by side of the answer and by
    whether its readings agree."""

    limits_of_parts: list[float]
    disagreeing: Estimate
    wrong: dict[str, Estimate]


def view_readings(unseen: OutOfFold, lesions: int = LESIONS) -> Readings:
    """Reads one image of each of `lesions` random lesions; stores the result in the work folder."""

    def read() -> dict[str, Any]:
        rows = random_lesions(unseen.lesions, lesions, seed=0)
        logits = []
        for chunk, photos in unseen.chunks(rows):
            answers = unseen.read(chunk, photos, VIEWS)
            logits.append(np.stack([answer.by_view.double().numpy() for answer in answers], axis=1))
        return {"rows": rows.tolist(), "logits": np.concatenate(logits).round(5).tolist()}

    kept = unseen.kept(f"readings-{lesions}", read)
    return Readings(np.array(kept["rows"]), np.array(kept["logits"], dtype=np.float64))


def agreements_of(
    readings: Readings, probabilities: np.ndarray, views: int, one_view: Calibration, threshold: float
) -> np.ndarray:
    """(n,) share of the readings of the first `views` views that lie on the answer's side.

    `probabilities`: (images, 7) of all out-of-fold images from `views` views; `one_view`: the
    calibration for a single view.
    """
    singles = calibrated(readings.of(views), one_view, 1)
    return agreement(probabilities[readings.rows], singles, threshold)


def error_ratios(
    agreements: np.ndarray, called: np.ndarray, wrong: np.ndarray, count: int
) -> list[Estimate]:
    """Relative error rate of the answers below each limit 1/count, 2/count, ... 1.

    Each rate is relative to that of all answers on the same side of the operating point. `agreements`:
    (n,) shares of `count` readings, one image per lesion. `called`: (n,) bool, answered at or above the
    operating point; `wrong`: (n,) bool, answered on the wrong side of it.
    """
    usual = np.where(called, *(wrong[rows].mean() if rows.any() else 0.0 for rows in (called, ~called)))
    below = agreements[:, None] < _limits(count) - 1e-9
    return ratio_estimates(below * wrong[:, None], below * usual[:, None], np.arange(len(wrong)))


def fit_least_agreement(
    agreements: np.ndarray, called: np.ndarray, wrong: np.ndarray, count: int
) -> float:
    """The highest limit below which answers are clearly more often wrong than all on their side.

    "Clearly" means that the 95 % interval of `error_ratios` lies above 1. If no limit satisfies this,
    the limit is one half: below it, most readings contradict the answer.
    """
    ratios = zip(_limits(count), error_ratios(agreements, called, wrong, count), strict=True)
    clear = [float(limit) for limit, ratio in ratios if ratio.interval_95 and ratio.interval_95[0] > 1]
    return max(clear, default=MAJORITY)


def _limits(count: int) -> np.ndarray:
    return np.arange(1, count + 1) / count


def fit_agreement(
    readings: Readings,
    probabilities: np.ndarray,
    labels: np.ndarray,
    views: int,
    one_view: Calibration,
    fit: np.ndarray,
) -> tuple[float, np.ndarray]:
    """The limit fitted on the images `fit`, (images,) bool; and the agreement of all readings, (n,).

    The operating point is fitted on all images of `fit`, the limit on those of them with readings.
    """
    threshold = fit_threshold(probabilities[fit], labels[fit], SENSITIVITY)
    agreements = agreements_of(readings, probabilities, views, one_view, threshold)
    own = fit[readings.rows]
    rows = readings.rows[own]
    called = malignant_probability(probabilities[rows]) >= threshold
    wrong = called != is_malignant(labels[rows])
    count = readings.of(views).shape[1]
    return fit_least_agreement(agreements[own], called, wrong, count), agreements


def crossfit_disagreement(
    crossfit: Crossfit, one_view: Sequence[Calibration], readings: Readings, views: int
) -> tuple[np.ndarray, list[float]]:
    """Whether readings agree less than the limit fitted outside the part, (n,) bool; and the limits.

    `one_view`: the calibrations for a single view, one fitted outside each part.
    """
    disagree, limits = np.zeros(len(readings.rows), dtype=bool), []
    for (fit, apply, probabilities), single in zip(crossfit.each_part(), one_view, strict=True):
        limit, found = fit_agreement(readings, probabilities, crossfit.labels, views, single, fit)
        own = apply[readings.rows]
        disagree[own] = (found < limit)[own]
        limits.append(limit)
    return disagree, limits


def measure(
    crossfit: Crossfit, readings: Readings, disagree: np.ndarray, limits: list[float]
) -> Agreement:
    """How often answers are wrong; `disagree`, `limits`: from `crossfit_disagreement`."""
    called = crossfit_calls([crossfit], SENSITIVITY)[0, readings.rows]
    wrong = (called != is_malignant(crossfit.labels)[readings.rows]).astype(float)
    groups = {
        f"{side}, {state}": rows & states
        for side, rows in (("at or above the point", called), ("below the point", ~called))
        for state, states in (("agreeing", ~disagree), ("disagreeing", disagree))
    }
    columns = [disagree.astype(float), *(np.where(rows, wrong, np.nan) for rows in groups.values())]
    share, *each = mean_estimates(np.column_stack(columns), crossfit.lesions[readings.rows])
    return Agreement(limits, share, dict(zip(groups, each, strict=True)))
