"""How much better the answers are when the most doubtful ones are withheld.

Answers are the diagnoses of the prior-adjusted rule, which suits balanced accuracy. The doubt measure
and its cut-offs are chosen on some lesions and reported on others.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skin_app.calibration import prior_adjusted
from skin_app.diagnoses import CODES
from train.audit.changed_photos import mean_recall
from train.scores.crossfit import Crossfit
from train.scores.intervals import Estimate, lesion_draws, percentiles_95

SHARES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5)
ANSWERED = 0.8
Frequencies = tuple[float, ...]


@dataclass(frozen=True)
class Answered:
    """Scores of the answers given; `answered`: their share, where `target_share` was intended."""

    target_share: float
    answered: float
    accuracy: Estimate
    balanced_accuracy: Estimate


@dataclass(frozen=True)
class Abstention:
    """`measure_of_parts`: the doubt measure chosen outside each part. `rise`: gain in balanced accuracy
    when the share `ANSWERED` is answered; `answered_by_class`: share of each diagnosis answered
    then."""

    measure_of_parts: list[str]
    curve: list[Answered]
    rise: Estimate
    answered_by_class: dict[str, float]


DOUBTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "1 - highest": lambda p: 1 - p.max(axis=1),
    "entropy": lambda p: -(p * np.log(np.clip(p, 1e-12, 1))).sum(axis=1),
    "1 - (highest - second)": lambda p: 1 - np.diff(np.sort(p, axis=1)[:, -2:], axis=1)[:, 0],
}
MEASURES = tuple(f"{name}, {rule}" for rule in ("calibrated", "prior-adjusted") for name in DOUBTS)


def doubt(probabilities: np.ndarray, frequencies: Frequencies, measure: str) -> np.ndarray:
    """(images,) doubt of each answer by one of `MEASURES`; higher is more doubtful.

    `probabilities`: (images, 7) calibrated; `frequencies`: (7,) class frequencies.
    """
    name, rule = measure.rsplit(", ", 1)
    if rule == "prior-adjusted":
        probabilities = prior_adjusted(probabilities, frequencies)
    return DOUBTS[name](probabilities)


def choose(probabilities: np.ndarray, labels: np.ndarray, frequencies: Frequencies) -> str:
    """The measure with the highest balanced accuracy on average over the shares 50 to 95 %."""
    hits = prior_adjusted(probabilities, frequencies).argmax(axis=1) == labels

    def area(name: str) -> float:
        doubts = doubt(probabilities, frequencies, name)
        kept = np.stack([doubts <= np.quantile(doubts, share) for share in SHARES[1:]])
        return float(mean_recall(hits, labels, kept.astype(np.float64)).mean())

    return max(MEASURES, key=area)


def crossfit_answers(crossfit: Crossfit, frequencies: Frequencies) -> tuple[np.ndarray, list[str]]:
    """Which images are answered, (shares, images) bool, and the measure chosen outside each part."""
    chosen: list[str] = []

    def rule(probabilities: np.ndarray, labels: np.ndarray, own: np.ndarray) -> np.ndarray:
        chosen.append(choose(probabilities, labels, frequencies))
        cuts = np.quantile(doubt(probabilities, frequencies, chosen[-1]), SHARES)
        cuts[0] = np.inf
        return doubt(own, frequencies, chosen[-1])[:, None] <= cuts

    return crossfit.apply(rule).T, chosen


def measure(crossfit: Crossfit, frequencies: Frequencies) -> Abstention:
    """Scores by the share answered, and the rise at `ANSWERED`, all with the same bootstrap draws."""
    labels, lesions = crossfit.labels, crossfit.lesions
    answered, chosen = crossfit_answers(crossfit, frequencies)
    right = prior_adjusted(crossfit.own, frequencies).argmax(axis=1) == labels
    value = _scores(right, labels, answered, np.ones((1, len(labels))))
    draws = lesion_draws(lesions, np.unique(lesions))
    drawn = np.concatenate([_scores(right, labels, answered, weights) for weights in draws])
    curve = []
    for row, share in enumerate(SHARES):
        images = int(answered[row].sum())
        both = (_estimate(value[:, row, k], drawn[:, row, k], images) for k in (0, 1))
        curve.append(Answered(share, float(answered[row].mean()), *both))
    at = SHARES.index(ANSWERED)
    rise, drawn_rises = (scores[:, at, 1] - scores[:, 0, 1] for scores in (value, drawn))
    return Abstention(
        measure_of_parts=chosen,
        curve=curve,
        rise=_estimate(rise, drawn_rises, len(labels)),
        answered_by_class={
            code: float(answered[at][labels == k].mean())
            for k, code in enumerate(CODES)
            if (labels == k).any()
        },
    )


def _scores(
    right: np.ndarray, labels: np.ndarray, answered: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """(resamples, shares, 2) accuracy and balanced accuracy."""
    pairs = [
        (
            (weights[:, kept] @ right[kept]) / weights[:, kept].sum(axis=1),
            mean_recall(right[kept], labels[kept], weights[:, kept]),
        )
        for kept in answered
    ]
    return np.moveaxis(np.array(pairs), 2, 0)


def _estimate(value: np.ndarray, drawn: np.ndarray, images: int) -> Estimate:
    return Estimate(float(value[0]), percentiles_95(drawn), images)
