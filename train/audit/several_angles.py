"""Whether several photos of a lesion give a better answer than one, measured out of fold.

HAM10000 holds two to six images of some lesions. Many of these are magnifications or crops of one shot,
not other angles, so the gain in the clinic may be larger or smaller than measured here. Temperature and
biases are fitted on other lesions, because the shipped calibration was fitted on these images too.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skin_app.angles import joint_probabilities
from train.scores.bootstrap import RESAMPLES, lesion_draws, percentiles_95
from train.scores.crossfit import cross_fitted
from train.scores.estimate import Estimate
from train.scores.evidence import weights_evidence
from train.scores.metrics import weighted_scores

SCORES = ("accuracy", "balanced_accuracy", "malignant_auc", "negative_log_likelihood")


@dataclass(frozen=True)
class Gain:
    """Scores of lesions with two photos or more, by score.

    `one_photo`: single photos, each weighted by 1 / number of photos of its lesion; `average`: the
    average over all photos of a lesion; `difference`: `average` minus `one_photo`, paired.
    """

    lesions: int
    images: int
    one_photo: dict[str, float]
    average: dict[str, float]
    difference: dict[str, Estimate]


class _Side(NamedTuple):
    """Answers to score: (answers, 7), and their labels, lesions and weights, each (answers,)."""

    probabilities: np.ndarray
    labels: np.ndarray
    lesions: np.ndarray
    shares: np.ndarray

    def scores(self) -> dict[str, float]:
        measured = weighted_scores(self.probabilities, self.labels, self.shares[None])
        return {score: float(measured[score][0]) for score in SCORES}

    def resampled(self, among: np.ndarray, resamples: int) -> dict[str, np.ndarray]:
        """Each score in bootstraps over the lesions `among`; the draws are the same for every side."""
        pieces = [
            weighted_scores(self.probabilities, self.labels, weights * self.shares)
            for weights in lesion_draws(self.lesions, among, resamples)
        ]
        return {score: np.concatenate([piece[score] for piece in pieces]) for score in SCORES}


def measure(weights: Path, views: int = 8) -> Gain:
    """`gain_of_averaging` on the out-of-fold predictions in a weights folder.

    Raises `WeightsError` or `DataError` if the folder does not hold them.
    """
    evidence = weights_evidence(weights)
    logits, labels, lesions = evidence.logits[views], evidence.labels, evidence.lesions
    probabilities = cross_fitted(logits, labels, lesions, evidence.shift, "chosen")
    return gain_of_averaging(probabilities, labels, lesions)


def gain_of_averaging(
    probabilities: np.ndarray, labels: np.ndarray, lesions: np.ndarray, resamples: int = RESAMPLES
) -> Gain:
    """`probabilities`: (images, 7) calibrated; `labels`, `lesions`: (images,), one label per lesion."""
    names, inverse, counts = np.unique(lesions, return_inverse=True, return_counts=True)
    several, among = counts[inverse] >= 2, names[counts >= 2]
    single = _Side(
        probabilities[several], labels[several], lesions[several], 1 / counts[inverse][several]
    )
    joint = _Side(
        np.stack([joint_probabilities(probabilities[lesions == name]) for name in among]),
        np.array([labels[lesions == name][0] for name in among]),
        among,
        np.ones(len(among)),
    )
    one, average = single.scores(), joint.scores()
    drawn = [side.resampled(among, resamples) for side in (joint, single)]
    images = int(several.sum())
    difference = {
        score: Estimate(
            average[score] - one[score], percentiles_95(drawn[0][score] - drawn[1][score]), images
        )
        for score in SCORES
    }
    return Gain(len(among), images, one, average, difference)


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Path(sys.argv[1] if len(sys.argv) > 1 else "weights"))), indent=1))
