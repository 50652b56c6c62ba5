"""How much better the answers are when the most doubtful ones are set aside.

Answers are the diagnoses of the prior-adjusted rule, which is the one for balanced accuracy. The doubt
measure is chosen, and its cut-offs are set, on other lesions than those that are reported on.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from skin_app.decision import prior_adjusted
from skin_app.diagnoses import CODES
from train.audit.conformal import with_interval
from train.audit.nested import Nested
from train.documents.tables import table
from train.scores.metrics import lesion_draws, percentiles_95

SHARES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5)
ANSWERED, POINTS = 0.8, 0.05
Frequencies = tuple[float, ...]


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    return -(probabilities * np.log(np.clip(probabilities, 1e-12, 1))).sum(axis=1)


def _gap(probabilities: np.ndarray) -> np.ndarray:
    two = np.sort(probabilities, axis=1)[:, -2:]
    return 1 - (two[:, 1] - two[:, 0])


def _one_minus_top(probabilities: np.ndarray) -> np.ndarray:
    return 1 - probabilities.max(axis=1)


KINDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "1 - highest": _one_minus_top,
    "entropy": _entropy,
    "1 - (highest - second)": _gap,
}
MEASURES = tuple(f"{kind}, {rule}" for rule in ("calibrated", "prior-adjusted") for kind in KINDS)


def doubt(probabilities: np.ndarray, frequencies: Frequencies, name: str) -> np.ndarray:
    """(images,) how doubtful each answer is by one of `MEASURES`; more is more doubtful.

    `probabilities`: (images, 7) calibrated; `frequencies`: (7,) of the classes.
    """
    kind, rule = name.rsplit(", ", 1)
    if rule == "prior-adjusted":
        probabilities = prior_adjusted(probabilities, frequencies)
    return KINDS[kind](probabilities)


def balanced_accuracy(hits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(resamples,) mean recall over the classes that have weight. `weights`: (resamples, images)."""
    true = np.eye(len(CODES))[labels]
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = (weights @ (true * hits[:, None])) / (weights @ true)
    return np.nanmean(recall, axis=1)


def choose(probabilities: np.ndarray, labels: np.ndarray, frequencies: Frequencies) -> str:
    """The measure with the highest balanced accuracy on average over the shares 50 to 95 %."""
    hits = prior_adjusted(probabilities, frequencies).argmax(axis=1) == labels

    def area(name: str) -> float:
        doubts = doubt(probabilities, frequencies, name)
        kept = np.stack([doubts <= np.quantile(doubts, share) for share in SHARES[1:]])
        return float(balanced_accuracy(hits, labels, kept.astype(np.float64)).mean())

    return max(MEASURES, key=area)


def nested_answers(
    nested: Nested, frequencies: Frequencies
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Of the first division: (shares, images) answered, (images,) right, and each part's measure."""
    division, labels = nested.divisions[0], nested.labels
    answered = np.zeros((len(SHARES), len(labels)), dtype=bool)
    right, chosen = np.zeros(len(labels), dtype=bool), []
    for inside, probabilities in division.halves():
        name = choose(probabilities[~inside], labels[~inside], frequencies)
        doubts = doubt(probabilities, frequencies, name)
        cuts = np.quantile(doubts[~inside], SHARES)
        cuts[0] = np.inf
        answered[:, inside] = doubts[inside] <= cuts[:, None]
        right[inside] = (prior_adjusted(probabilities, frequencies).argmax(axis=1) == labels)[inside]
        chosen.append(name)
    return answered, right, chosen


def measure(nested: Nested, frequencies: Frequencies) -> dict[str, Any]:
    """Curve of accuracy and balanced accuracy against the share answered, and the rise at 80 %."""
    answered, right, chosen = nested_answers(nested, frequencies)
    labels, lesions = nested.labels, nested.lesions
    drawn = [
        _scores(right, labels, answered, weights)
        for weights in (
            np.ones((1, len(labels))),
            *lesion_draws(lesions, np.unique(lesions)),
        )
    ]
    value, resampled = drawn[0], np.concatenate(drawn[1:], axis=0)
    curve = [
        {
            "target_share": share,
            "answered": float(answered[row].mean()),
            **{
                name: _with_interval(value[0, row, column], resampled[:, row, column])
                for column, name in enumerate(("accuracy", "balanced_accuracy"))
            },
        }
        for row, share in enumerate(SHARES)
    ]
    at = SHARES.index(ANSWERED)
    rises = [scores[:, at, 1] - scores[:, 0, 1] for scores in (value, resampled)]
    return {
        "measure_of_parts": chosen,
        "curve": curve,
        "rise": _with_interval(rises[0][0], rises[1]),
        "answered_by_class": {
            code: float(answered[at][labels == k].mean())
            for k, code in enumerate(CODES)
            if (labels == k).any()
        },
    }


def _scores(
    right: np.ndarray, labels: np.ndarray, answered: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """(resamples, shares, 2) accuracy and balanced accuracy."""
    pairs = [
        (
            (weights[:, kept] @ right[kept]) / weights[:, kept].sum(axis=1),
            balanced_accuracy(right[kept], labels[kept], weights[:, kept]),
        )
        for kept in answered
    ]
    return np.moveaxis(np.array(pairs), 2, 0)


def _with_interval(value: float, resampled: np.ndarray) -> dict[str, Any]:
    return {"value": float(value), "interval_95": percentiles_95(resampled)}


def render(by_views: dict[str, dict[str, Any]]) -> str:
    """The part on abstention. `by_views`: number of views -> what `measure` gave."""
    lines = [
        "### Setting the most doubtful answers aside",
        "",
        f"The doubt measure is chosen among {len(MEASURES)} ({'; '.join(MEASURES)}) by the mean "
        "balanced accuracy over the shares below, and its cut-offs are set, outside the part of "
        "lesions that is reported on; so the share that is answered differs a little from the "
        "intended one. Answers are by the prior-adjusted rule. The rise is paired: the same drawn "
        "lesions on both sides.",
        "",
    ]
    rows = [
        [
            views,
            f"{point['target_share']:.0%}",
            f"{point['answered']:.1%}",
            with_interval(point["accuracy"]),
            with_interval(point["balanced_accuracy"]),
        ]
        for views, found in by_views.items()
        for point in found["curve"]
    ]
    header = ["views", "intended share", "answered", "accuracy", "balanced accuracy"]
    lines += [table(header, rows), ""]
    for views, found in by_views.items():
        rise, by_class = found["rise"], found["answered_by_class"]
        verdict = "met" if rise["value"] >= POINTS else "missed"
        chosen = ", ".join(dict.fromkeys(found["measure_of_parts"]))
        shares = ", ".join(f"{code} {share:.0%}" for code, share in by_class.items())
        lines.append(
            f"- {views} view(s): with the most doubtful {1 - ANSWERED:.0%} set aside balanced accuracy "
            f"rises by {with_interval(rise)}; target of {POINTS:.2f}: **{verdict}**. Chosen in the "
            f"parts: {chosen}. Answered then, by true diagnosis: {shares}."
        )
    return "\n".join([*lines, ""])
