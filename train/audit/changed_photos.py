"""How a change to photos alters the answers of members that had not seen their lesions.

The measurements of artefacts, corrections, files, heat and quality share this loop: it takes photos
from the unseen, a few at a time, gets one answer (1 view) to each, and compares first diagnoses and
correctness.
"""

from collections.abc import Callable, Iterator

import numpy as np

from skin_app.photo.read import Photo
from train.audit.out_of_fold import OutOfFold
from train.scores.bootstrap import lesion_draws, percentiles_95
from train.scores.estimate import Estimate

CHUNK = 16  # photos in memory at a time
Change = Callable[[Photo, int], Photo]


def unchanged(photo: Photo, _row: int) -> Photo:
    """The photo without any change."""
    return photo


def chunks(unseen: OutOfFold, rows: np.ndarray) -> Iterator[tuple[np.ndarray, list[Photo]]]:
    """`rows` of the unseen's table with their photos, `CHUNK` at a time."""
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        yield chunk, [unseen.photo(int(row)) for row in chunk]


def answers(unseen: OutOfFold, rows: np.ndarray, change: Change = unchanged) -> np.ndarray:
    """Logits (rows, 7) of the changed photos. `change` takes a photo and its row, used as a seed."""
    found = [
        unseen.read_logits(
            chunk, [change(photo, int(row)) for row, photo in zip(chunk, photos, strict=True)]
        )
        for chunk, photos in chunks(unseen, rows)
    ]
    return np.concatenate(found)


def by_rule(unseen: OutOfFold, logits: np.ndarray) -> dict[str, np.ndarray]:
    """Probabilities (images, 7) of logits from 1 view, by decision rule."""
    calibrated = unseen.calibrated(logits, 1)
    return {"calibrated": calibrated, "prior_adjusted": unseen.prior_adjusted(calibrated)}


def right(unseen: OutOfFold, rows: np.ndarray, logits: np.ndarray) -> dict[str, np.ndarray]:
    """(rows,) 1.0 where the first diagnosis is right, else 0.0, by decision rule."""
    labels = unseen.labels[rows]
    return {
        rule: 1.0 * (probabilities.argmax(axis=1) == labels)
        for rule, probabilities in by_rule(unseen, logits).items()
    }


def operating_threshold(positive: np.ndarray, score: np.ndarray, percent: int) -> float:
    """The highest threshold that at least `percent` of the positives reach.

    `positive`: (images,) bool with at least one True; `score`: (images,). The rule of
    `train.scores.metrics.weighted_specificity`.
    """
    falling = np.sort(score[positive])[::-1]
    caught = np.arange(1, len(falling) + 1)
    return float(falling[(caught * 100 >= len(falling) * percent).argmax()])


def balanced_accuracy(correct: np.ndarray, labels: np.ndarray) -> float:
    """Mean recall of the diagnoses. `correct`: (images,) 1.0 where right; `labels`: (images,)."""
    return float(mean_recall(correct, labels, np.ones((1, len(labels))))[0])


def balanced_accuracy_change(
    after: np.ndarray, before: np.ndarray, labels: np.ndarray, lesions: np.ndarray
) -> Estimate:
    """Balanced accuracy after minus before, on the same images, with a paired bootstrap.

    `after`, `before`: (images,) 1.0 where right; `labels`, `lesions`: (images,).
    """
    drawn = [
        mean_recall(after, labels, weights) - mean_recall(before, labels, weights)
        for weights in lesion_draws(lesions, np.unique(lesions))
    ]
    value = balanced_accuracy(after, labels) - balanced_accuracy(before, labels)
    return Estimate(value, percentiles_95(np.concatenate(drawn)), len(labels))


def mean_recall(correct: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Balanced accuracy for each row of `weights`, (resamples, images), over classes with weight."""
    of_class = np.eye(labels.max() + 1)[labels][:, np.unique(labels)]
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = (weights @ (of_class * correct[:, None])) / (weights @ of_class)
    return np.nanmean(recall, axis=1)
