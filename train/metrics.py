"""Scores of seven-class predictions, with intervals from bootstraps over lesions."""

from typing import Any

import numpy as np
from sklearn.metrics import (
    confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
)

from skin_app.decision import malignant_probability
from skin_app.diagnoses import CODES, MALIGNANT

RULES = {
    "calibrated": "highest calibrated probability (under HAM10000's class frequencies)",
    "prior_adjusted": "highest of probability divided by class frequency, renormalised",
}


def top_k(probabilities: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """(images,) bool: the true class is among the `k` most probable."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return (order == labels[:, None]).any(axis=1)


def scores(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """All scores of one decision rule.

    `probabilities`: (images, 7); `labels`: (images,). A class without images gets None where a score
    is undefined, and is left out of the macro averages.
    """
    predicted = probabilities.argmax(axis=1)
    present = np.unique(labels)
    per_class = precision_recall_fscore_support(
        labels,
        predicted,
        labels=np.arange(len(CODES)),
        zero_division=0,  # pyright: ignore[reportArgumentType]
    )
    precision, recall, f1, support = (np.asarray(values) for values in per_class)
    aucs = {CODES[k]: _auc(labels == k, probabilities[:, k]) for k in range(len(CODES))}
    known = [value for value in aucs.values() if value is not None]
    malignant = np.array(MALIGNANT)[labels]
    return {
        "accuracy": float(top_k(probabilities, labels, 1).mean()),
        "top_2": float(top_k(probabilities, labels, 2).mean()),
        "top_3": float(top_k(probabilities, labels, 3).mean()),
        "balanced_accuracy": float(recall[present].mean()),
        "macro_precision": float(precision[present].mean()),
        "macro_recall": float(recall[present].mean()),
        "macro_f1": float(f1[present].mean()),
        "macro_auc": float(np.mean(known)) if known else None,
        "malignant_auc": _auc(malignant, malignant_probability(probabilities)),
        "expected_calibration_error": calibration_error(probabilities, labels),
        "per_class": {
            code: {
                "images": int(support[k]),
                "precision": float(precision[k]) if support[k] else None,
                "recall": float(recall[k]) if support[k] else None,
                "f1": float(f1[k]) if support[k] else None,
                "auc": aucs[code],
            }
            for k, code in enumerate(CODES)
        },
        "confusion_matrix": {
            "rows": "true",
            "columns": "predicted",
            "codes": list(CODES),
            "counts": confusion_matrix(labels, predicted, labels=np.arange(len(CODES))).tolist(),
        },
    }


def _auc(positive: np.ndarray, score: np.ndarray) -> float | None:
    if positive.all() or not positive.any():
        return None
    return float(roc_auc_score(positive, score))


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the top class, `bins` equal-width bins (Guo et al. 2017)."""
    confidence = probabilities.max(axis=1)
    hit = probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for index in np.unique(which):
        inside = which == index
        error += inside.mean() * abs(confidence[inside].mean() - hit[inside].mean())
    return float(error)


def intervals(
    probabilities: np.ndarray,
    labels: np.ndarray,
    lesions: np.ndarray,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals of the main scores, resampling whole lesions with replacement.

    `lesions`: (images,) any labels that are equal for images of one lesion. A resample that leaves a
    score undefined (a class drawn not once) is left out of that score's interval.
    """
    _, index = np.unique(lesions, return_inverse=True)
    count = int(index.max()) + 1
    generator = np.random.default_rng(seed)
    weights = np.stack(
        [
            np.bincount(generator.integers(0, count, count), minlength=count)[index]
            for _ in range(resamples)
        ]
    ).astype(np.float64)
    total = weights.sum(axis=1)
    true = np.eye(len(CODES))[labels]
    predicted = np.eye(len(CODES))[probabilities.argmax(axis=1)]
    present = np.unique(labels)
    with np.errstate(invalid="ignore", divide="ignore"):
        hit = (weights @ (true * predicted))[:, present]
        of_class, called = (weights @ true)[:, present], (weights @ predicted)[:, present]
        drawn = {
            **{
                name: weights @ top_k(probabilities, labels, k) / total
                for name, k in (("accuracy", 1), ("top_2", 2), ("top_3", 3))
            },
            "balanced_accuracy": (hit / of_class).mean(axis=1),
            "macro_f1": (2 * hit / (of_class + called)).mean(axis=1),
            "macro_auc": np.mean(
                [weighted_auc(true[:, k], probabilities[:, k], weights) for k in present], axis=0
            ),
            "malignant_auc": weighted_auc(
                np.array(MALIGNANT)[labels], malignant_probability(probabilities), weights
            ),
        }
    return {
        name: (float(np.nanpercentile(values, 2.5)), float(np.nanpercentile(values, 97.5)))
        for name, values in drawn.items()
        if not np.isnan(values).all()
    }


def weighted_auc(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve for each row of `weights`, (resamples, images); NaN if undefined.

    `positive`: (images,) 0 or 1; `score`: (images,). Ties count half.
    """
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    up = np.add.reduceat(weights[:, order] * positive[order], starts, axis=1)
    down = np.add.reduceat(weights[:, order] * (1 - positive[order]), starts, axis=1)
    below = np.cumsum(down, axis=1) - down / 2
    return (up * below).sum(axis=1) / (up.sum(axis=1) * down.sum(axis=1))


def score_report(
    calibrated: np.ndarray, adjusted: np.ndarray, labels: np.ndarray, lesions: np.ndarray
) -> dict[str, Any]:
    """Both decision rules side by side, each named, with scores and 95 % intervals."""
    report: dict[str, Any] = {}
    for rule, probabilities in (("calibrated", calibrated), ("prior_adjusted", adjusted)):
        report[rule] = {
            "decision_rule": RULES[rule],
            **scores(probabilities, labels),
            "intervals_95": intervals(probabilities, labels, lesions),
        }
    return report
