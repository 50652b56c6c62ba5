"""How changes to photos alter the answers of members that had not seen their lesions.

Painted artefacts, corrections, damage and colour profiles are all measured with `ChangedPhotos`: the
answers (1 view) to the same images after each change.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from skin_app.photo.read import Photo
from train.audit.out_of_fold import OutOfFold
from train.scores.intervals import Estimate, lesion_draws, percentiles_95

UNCHANGED = "unchanged"
Change = Callable[[Photo, int], Photo]  # takes a photo and its row, which serves as a seed


@dataclass(frozen=True)
class ChangedPhotos:
    """Answers to the images `rows` after each change. `logits`: name of the change -> (rows, 7)."""

    unseen: OutOfFold
    rows: np.ndarray
    logits: dict[str, np.ndarray]

    def probabilities(self, change: str) -> dict[str, np.ndarray]:
        """(rows, 7) by decision rule."""
        return by_rule(self.unseen, self.logits[change])

    def right(self, change: str, rule: str) -> np.ndarray:
        """(rows,) 1.0 where the first diagnosis is right, else 0.0."""
        first = self.probabilities(change)[rule].argmax(axis=1)
        return 1.0 * (first == self.unseen.labels[self.rows])

    def flips(self, change: str, rule: str) -> Estimate:
        """Share of the images whose first diagnosis differs from that of the unchanged photo."""
        new, old = (self.probabilities(name)[rule].argmax(axis=1) for name in (change, UNCHANGED))
        return self.unseen.mean(new != old, self.rows)

    def accuracy_gain(self, change: str) -> Estimate:
        """Accuracy of the calibrated answers minus that of the unchanged photos."""
        after, before = (self.right(name, "calibrated") for name in (change, UNCHANGED))
        return self.unseen.mean(after - before, self.rows)

    def balanced_accuracy(self, change: str = UNCHANGED) -> Estimate:
        """Mean recall of the prior-adjusted answers."""
        return self._mean_recall(self.right(change, "prior_adjusted"))

    def balanced_gain(self, change: str, before: str = UNCHANGED) -> Estimate:
        """Balanced accuracy after `change` minus that after `before`, with a paired bootstrap."""
        after, earlier = (self.right(name, "prior_adjusted") for name in (change, before))
        return self._mean_recall(after - earlier)

    def _mean_recall(self, hits: np.ndarray) -> Estimate:
        labels, lesions = self.unseen.labels[self.rows], self.unseen.lesions[self.rows]
        drawn = [mean_recall(hits, labels, w) for w in lesion_draws(lesions, np.unique(lesions))]
        (value,) = mean_recall(hits, labels, np.ones((1, len(labels))))
        return Estimate(float(value), percentiles_95(np.concatenate(drawn)), len(labels))


def read_changed(
    unseen: OutOfFold, name: str, rows: np.ndarray, changes: Mapping[str, Change]
) -> ChangedPhotos:
    """Answers to the unchanged photos of `rows` and after each of `changes`, stored under `name`."""

    def read(change: Change) -> dict[str, list[list[float]]]:
        found = []
        for chunk, photos in unseen.chunks(rows):
            changed = [change(photo, int(row)) for row, photo in zip(chunk, photos, strict=True)]
            found += unseen.read_logits(chunk, changed).tolist()
        return {"logits": found}

    every = {UNCHANGED: lambda photo, _row: photo, **changes}
    stored = {
        title: unseen.kept(f"{name}-{len(rows)}-{title}", lambda change=change: read(change))
        for title, change in every.items()
    }
    return ChangedPhotos(unseen, rows, {title: np.array(of["logits"]) for title, of in stored.items()})


def by_rule(unseen: OutOfFold, logits: np.ndarray) -> dict[str, np.ndarray]:
    """Probabilities (images, 7) of logits from 1 view, by decision rule."""
    calibrated = unseen.calibrated(logits, 1)
    return {"calibrated": calibrated, "prior_adjusted": unseen.prior_adjusted(calibrated)}


def mean_recall(hits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of `hits`, (images,), within each class, averaged over the classes that have weight.

    With 1 where an answer is right and 0 elsewhere, this is the balanced accuracy. One value for each
    row of `weights`, (resamples, images).
    """
    of_class = np.eye(labels.max() + 1)[labels][:, np.unique(labels)]
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = (weights @ (of_class * hits[:, None])) / (weights @ of_class)
    return np.nanmean(recall, axis=1)
