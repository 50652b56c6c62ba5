"""Prediction sets: which diagnoses cannot be ruled out, and how often the set holds the true one.

Class-conditional (Mondrian) split conformal sets (Vovk, ACML 2012). A diagnosis is in an image's set if
its calibrated probability reaches the diagnosis's threshold. The threshold is set so that the desired
share of the images with this diagnosis reach it. One threshold for all diagnoses would fail on the rare
ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skin_app.diagnoses import CODES
from skin_app.gallery.patient_table import patient_groups
from skin_app.operating_points import SetThresholds, prediction_set
from train.scores.crossfit import Crossfit
from train.scores.intervals import Estimate, mean_estimates

COVERAGES = (0.9, 0.95)
TOLERANCE, FEWEST_LESIONS = 0.02, 100
AXES = {"diagnosis": "dx", "sex": "sex", "age band": "age", "site": "localization"}


@dataclass(frozen=True)
class Group:
    """`coverage`: share of images whose set holds the true diagnosis; `mean_size`: mean set size."""

    coverage: Estimate
    mean_size: Estimate
    lesions: int


@dataclass(frozen=True)
class Sets:
    """The sets for one coverage, on other lesions than their thresholds were fitted on.

    `groups`: axis -> name -> group. `judged`: diagnoses with at least `FEWEST_LESIONS` lesions;
    `missed`: those of them whose coverage is off by more than `TOLERANCE`. `always_in`: diagnoses that
    are in every set because they have too few images.
    """

    coverage: Estimate
    mean_size: Estimate
    empty: Estimate
    all_seven: Estimate
    groups: dict[str, dict[str, Group]]
    judged: list[str]
    missed: list[str]
    always_in: list[str]


def kept_share_threshold(scores: np.ndarray, share: float) -> float:
    """The threshold that a new score reaches with a probability of at least `share`.

    It is the floor((1 - share) * (n + 1))-th smallest of the (n,) `scores`; 0 if that rank is 0,
    because there are too few scores.
    """
    # 1 - 0.9 is slightly below 0.1: without rounding, 9 scores would be too few for 90 %
    rank = int(np.floor(round((1 - share) * (len(scores) + 1), 9)))
    return float(np.sort(scores)[rank - 1]) if rank else 0.0


def fit_sets(probabilities: np.ndarray, labels: np.ndarray, coverage: float) -> SetThresholds:
    """Thresholds from (images, 7) calibrated probabilities of images that the networks had not seen."""
    least = [kept_share_threshold(probabilities[labels == k, k], coverage) for k in range(len(CODES))]
    return SetThresholds(coverage=coverage, least=tuple(least))


def crossfit_sets(crossfits: Sequence[Crossfit], coverage: float) -> np.ndarray:
    """(crossfits, images, 7) bool: each image's set by thresholds fitted outside its part."""

    def rule(probabilities: np.ndarray, labels: np.ndarray, own: np.ndarray) -> np.ndarray:
        return prediction_set(own, fit_sets(probabilities, labels, coverage))

    return np.stack([crossfit.apply(rule) for crossfit in crossfits])


def measure(crossfits: Sequence[Crossfit], images: pd.DataFrame) -> dict[str, Sets]:
    """The sets for each of `COVERAGES`. `images`: one row per image: dx, sex, age, localization."""
    return {f"{coverage:g}": _measured(crossfits, images, coverage) for coverage in COVERAGES}


def _measured(crossfits: Sequence[Crossfit], images: pd.DataFrame, coverage: float) -> Sets:
    labels, lesions = crossfits[0].labels, crossfits[0].lesions
    sets = crossfit_sets(crossfits, coverage)
    sizes = sets.sum(axis=2)
    covered = sets[:, np.arange(len(labels)), labels].mean(axis=0)
    size, empty, full = (of.mean(axis=0) for of in (sizes, sizes == 0, sizes == len(CODES)))
    named = [(axis, name, rows) for axis in AXES for name, rows in patient_groups(images, AXES[axis])]
    columns = [np.where(rows, values, np.nan) for *_, rows in named for values in (covered, size)]
    found = iter(mean_estimates(np.column_stack([covered, size, empty, full, *columns]), lesions))
    overall = [next(found) for _ in range(4)]
    groups: dict[str, dict[str, Group]] = {axis: {} for axis in AXES}
    for axis, name, rows in named:
        groups[axis][name] = Group(next(found), next(found), len(np.unique(lesions[rows])))
    judged = {
        code: group.coverage.value or 0.0
        for code, group in groups["diagnosis"].items()
        if group.lesions >= FEWEST_LESIONS
    }
    fitted = fit_sets(crossfits[0].own, labels, coverage)
    return Sets(
        *overall,
        groups=groups,
        judged=sorted(judged),
        missed=sorted(code for code, value in judged.items() if abs(value - coverage) > TOLERANCE),
        always_in=[code for code, least in zip(CODES, fitted.least, strict=True) if least == 0],
    )
