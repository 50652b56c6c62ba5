"""Scores of seven-class predictions, each with an interval from bootstraps over lesions.

Begin at `scores`. One implementation serves scores and intervals: `weighted_scores` scores many
weightings of the images at once. Weights of 1 give the score itself. For a bootstrap resample, the
weight of an image is how often its lesion was drawn.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array

from skin_app.calibration import malignant_probability
from skin_app.diagnoses import CODES, MALIGNANT
from train.scores.intervals import RESAMPLES, Estimate, Interval, interval_95, lesion_draws

RULES = {
    "calibrated": "highest calibrated probability (under HAM10000's class frequencies)",
    "prior_adjusted": "highest of probability divided by class frequency, renormalised",
}
CLASS_SCORES = ("precision", "recall", "f1", "auc", "calibration_error")
SHARES = ("accuracy", "top_1", "top_2", "top_3")  # of all images
# The scores that the documents show: name -> decision rule.
SHOWN = dict.fromkeys(
    (
        *("accuracy", "balanced_accuracy", "top_2", "top_3"),
        *("macro_precision", "macro_recall", "macro_f1", "macro_auc"),
        *("malignant_auc", "specificity_at_95_sensitivity"),
        *("brier", "negative_log_likelihood", "expected_calibration_error"),
    ),
    "calibrated",
) | {"balanced_accuracy": "prior_adjusted"}
BINS = 15


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class; None where undefined. `intervals_95`: score -> its 95 % interval."""

    images: int
    precision: float | None
    recall: float | None
    f1: float | None
    auc: float | None
    calibration_error: float | None
    intervals_95: dict[str, Interval]


@dataclass(frozen=True)
class ConfusionMatrix:
    """`counts`: (7, 7) images, by true class (rows) and predicted class (columns)."""

    rows: str
    columns: str
    codes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Scores:
    """All scores of one decision rule, as the weights store them; None where undefined.

    `per_class`: code -> its scores. `intervals_95`: score -> its 95 % interval, where there is one.
    """

    decision_rule: str
    accuracy: float
    top_1: float
    top_2: float
    top_3: float
    balanced_accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    macro_auc: float | None
    malignant_auc: float | None
    specificity_at_95_sensitivity: float | None
    brier: float
    negative_log_likelihood: float
    expected_calibration_error: float
    per_class: dict[str, ClassScores]
    confusion_matrix: ConfusionMatrix
    intervals_95: dict[str, Interval]

    def estimate(self, name: str) -> Estimate:
        """One score with its interval."""
        images = sum(own.images for own in self.per_class.values())
        return Estimate(getattr(self, name), self.intervals_95.get(name), images)


def scores_by_rule(
    by_rule: Mapping[str, np.ndarray], labels: np.ndarray, lesions: np.ndarray
) -> dict[str, Scores]:
    """`scores` for each decision rule. `by_rule`: name of `RULES` -> (images, 7) probabilities."""
    return {rule: scores(own, labels, lesions, RULES[rule]) for rule, own in by_rule.items()}


def shown_scores(by_rule: Mapping[str, Scores]) -> dict[str, Estimate]:
    """The scores of `SHOWN`, from the scores of both rules."""
    return {name: by_rule[rule].estimate(name) for name, rule in SHOWN.items()}


def scores(
    probabilities: np.ndarray, labels: np.ndarray, lesions: np.ndarray, decision_rule: str = ""
) -> Scores:
    """All scores of one decision rule with their 95 % intervals.

    `probabilities`: (images, 7); `labels`, `lesions`: (images,). Macro averages skip classes without
    images.
    """
    measured = weighted_scores(probabilities, labels, np.ones((1, len(labels))))
    drawn = resampled_scores(probabilities, labels, lesions)
    predicted = probabilities.argmax(axis=1)
    overall = [name for name in measured if name not in CLASS_SCORES]
    every = len(np.unique(lesions))
    per_class = {}
    for k, code in enumerate(CODES):
        shares_of = {"recall": lesions[labels == k], "precision": lesions[predicted == k]}
        per_class[code] = ClassScores(
            images=int((labels == k).sum()),
            **{name: _known(measured[name][0, k]) for name in CLASS_SCORES},
            intervals_95=_intervals(
                {name: drawn[name][:, k] for name in CLASS_SCORES},
                {name: len(np.unique(asked)) for name, asked in shares_of.items()},
            ),
        )
    return Scores(
        decision_rule=decision_rule,
        **{name: _known(measured[name][0]) for name in overall},  # pyright: ignore[reportArgumentType]
        per_class=per_class,
        confusion_matrix=ConfusionMatrix(
            "true", "predicted", CODES, tuple(map(tuple, confusion_counts(labels, predicted).tolist()))
        ),
        intervals_95=_intervals({name: drawn[name] for name in overall}, dict.fromkeys(SHARES, every)),
    )


def confusion_counts(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(7, 7) images, by true class (rows) and predicted class (columns)."""
    counts = np.zeros((len(CODES), len(CODES)), dtype=int)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def _intervals(drawn: dict[str, np.ndarray], lesions: dict[str, int]) -> dict[str, Interval]:
    """`interval_95` of each score that has one. `lesions`: share score -> number of lesions."""
    found = {name: interval_95(values, lesions.get(name, 0)) for name, values in drawn.items()}
    return {name: interval for name, interval in found.items() if interval is not None}


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def weighted_scores(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """All scores of one decision rule, for each row of `weights`.

    `probabilities`: (images, 7); `labels`: (images,); `weights`: (resamples, images), whole numbers
    from 0. The scores of `CLASS_SCORES` are (resamples, 7), all others (resamples,). NaN where a score
    is undefined; macro averages skip classes without images.

    Brier: squared error summed over the classes (Brier 1950). Negative log-likelihood in nats.
    Calibration errors use 15 equal-width bins: for the top class (Guo et al. 2017), and for each class
    against the rest (Nixon et al. 2019).
    """
    classes = len(CODES)
    true = np.eye(classes)[labels]
    predicted = np.eye(classes)[probabilities.argmax(axis=1)]
    present = np.unique(labels)
    confidence = probabilities.max(axis=1, keepdims=True)
    certain = np.concatenate([confidence, probabilities], axis=1)
    correct = np.concatenate([(true * predicted).sum(axis=1, keepdims=True), true], axis=1)
    of_image = np.stack(
        [
            *(top_k(probabilities, labels, k) for k in (1, 2, 3)),
            ((probabilities - true) ** 2).sum(axis=1),
            -np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, 1)),
        ],
        axis=1,
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        total = weights.sum(axis=1, keepdims=True)
        top_1, top_2, top_3, brier, nats = (weights @ of_image / total).T
        errors = np.abs(_by_bin(certain, correct, weights)).sum(axis=1) / total
        of_class, called = weights @ true, weights @ predicted
        hit = weights @ (true * predicted)
        known = np.where(of_class > 0, 1, np.nan)
        recall = hit / of_class
        precision = np.where(called > 0, hit / called, 0) * known
        f1 = 2 * hit / (of_class + called) * known
        auc = np.stack(
            [weighted_auc(true[:, k] > 0, probabilities[:, k], weights) for k in range(classes)], axis=1
        )
    malignant = np.array(MALIGNANT)[labels], malignant_probability(probabilities)
    ranked = present[~np.isnan(auc[:, present]).all(axis=0)]
    return {
        "accuracy": top_1,
        "top_1": top_1,
        "top_2": top_2,
        "top_3": top_3,
        "balanced_accuracy": recall[:, present].mean(axis=1),
        "macro_precision": precision[:, present].mean(axis=1),
        "macro_recall": recall[:, present].mean(axis=1),
        "macro_f1": f1[:, present].mean(axis=1),
        "macro_auc": auc[:, ranked].mean(axis=1) if len(ranked) else np.full(len(weights), np.nan),
        "malignant_auc": weighted_auc(*malignant, weights),
        "specificity_at_95_sensitivity": weighted_specificity(*malignant, weights),
        "brier": brier,
        "negative_log_likelihood": nats,
        "expected_calibration_error": errors[:, 0],
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "auc": auc,
        "calibration_error": errors[:, 1:] * known,
    }


def _by_bin(certain: np.ndarray, correct: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted sum of `certain` minus `correct` in each bin: (resamples, bins, columns).

    `certain`, `correct`: (images, columns).
    """
    images, columns = certain.shape
    which = np.minimum((certain * BINS).astype(int), BINS - 1) * columns + np.arange(columns)
    places = (np.repeat(np.arange(images), columns), which.ravel())
    gaps = csc_array(((certain - correct).ravel(), places), shape=(images, BINS * columns))
    return (gaps.T @ weights.T).T.reshape(len(weights), BINS, columns)


def weighted_auc(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve for each row of `weights`, (resamples, images); NaN if undefined.

    `positive`: (images,) bool; `score`: (images,). Ties count half.
    """
    negatives, below = _negatives_below(positive, score, weights)
    up = weights[:, positive]
    beaten = below[:, np.searchsorted(negatives, score[positive], "left")]
    beaten += below[:, np.searchsorted(negatives, score[positive], "right")]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.einsum("ri,ri->r", up, beaten) / (2 * up.sum(axis=1) * below[:, -1])


def weighted_specificity(
    positive: np.ndarray, score: np.ndarray, weights: np.ndarray, percent: int = 95
) -> np.ndarray:
    """Highest specificity at a sensitivity of at least `percent`, for each row of `weights`.

    An image is called positive when its score is at or above the threshold. `positive`: (images,)
    bool; `score`: (images,). NaN if undefined.
    """
    if not positive.any():
        return np.full(len(weights), np.nan)
    negatives, below = _negatives_below(positive, score, weights)
    falling = np.sort(score[positive])[::-1]
    caught = np.cumsum(weights[:, positive][:, np.argsort(-score[positive], kind="stable")], axis=1)
    # compares whole numbers, because 0.95 times a count would not be exact
    enough = (caught * 100 >= caught[:, -1:] * percent).argmax(axis=1)
    passed = np.searchsorted(negatives, falling[enough], "left")
    with np.errstate(invalid="ignore", divide="ignore"):
        share = below[np.arange(len(weights)), passed] / below[:, -1]
    return np.where(caught[:, -1] > 0, share, np.nan)


def _negatives_below(
    positive: np.ndarray, score: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The negatives' sorted scores, and for each row the weight of the first 0, 1, 2, ... of them."""
    rows = np.flatnonzero(~positive)
    rows = rows[np.argsort(score[rows], kind="stable")]
    below = np.zeros((len(weights), len(rows) + 1))
    np.cumsum(weights[:, rows], axis=1, out=below[:, 1:])
    return score[rows], below


def top_k(probabilities: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """(images,) bool: whether the true class is among the `k` most probable."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return (order == labels[:, None]).any(axis=1)


def resampled_scores(
    probabilities: np.ndarray,
    labels: np.ndarray,
    lesions: np.ndarray,
    among: np.ndarray | None = None,
    resamples: int = RESAMPLES,
) -> dict[str, np.ndarray]:
    """`weighted_scores` of `resamples` bootstraps over the lesions `among` (default: all)."""
    known = np.unique(lesions) if among is None else among
    pieces = [
        weighted_scores(probabilities, labels, weights)
        for weights in lesion_draws(lesions, known, resamples)
    ]
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
