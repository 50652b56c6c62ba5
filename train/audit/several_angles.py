"""Whether several photos of a lesion give a better answer than one, measured out of fold.

HAM10000 holds two to six images of some lesions. Many of these are magnifications or crops of one shot,
not other angles, so the gain in the clinic may be larger or smaller than measured here. Temperature and
biases are fitted on other lesions, because the shipped calibration was fitted on these images too.

    python -m train.audit.several_angles --weights runs/mine/weights

prints the `Gain` as JSON.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from skin_app.joint_analysis import joint_probabilities
from skin_app.views import VIEWS
from skin_app.weights.folder import WeightsError, open_weights
from train.data.ham10000 import DataError
from train.scores.evidence import weights_evidence
from train.scores.fitted_calibration import cross_fitted
from train.scores.intervals import RESAMPLES, Estimate, lesion_draws, percentiles_95
from train.scores.metrics import weighted_scores

SCORES = ("accuracy", "balanced_accuracy", "malignant_auc", "negative_log_likelihood")


@dataclass(frozen=True)
class Gain:
    """Scores of lesions with two photos or more, by score.

    `one_photo`: single photos; `average`: the average over all photos of their lesion; `difference`:
    `average` minus `one_photo`, paired. Each photo has the weight 1 / number of photos of its lesion.
    """

    lesions: int
    images: int
    one_photo: dict[str, float]
    average: dict[str, float]
    difference: dict[str, Estimate]


def measure(weights: Path, views: int = VIEWS) -> Gain:
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
    labels, lesions, weights = labels[several], lesions[several], 1 / counts[inverse][several]
    joint = {name: joint_probabilities(probabilities[several][lesions == name]) for name in among}
    sides = (np.stack([joint[name] for name in lesions]), probabilities[several])

    def scored(drawn: np.ndarray) -> list[dict[str, np.ndarray]]:
        return [weighted_scores(own, labels, drawn * weights) for own in sides]

    average, one = (
        {score: float(own[score][0]) for score in SCORES} for own in scored(np.ones((1, len(labels))))
    )
    draws = [scored(drawn) for drawn in lesion_draws(lesions, among, resamples)]
    difference = {
        score: Estimate(
            average[score] - one[score],
            percentiles_95(np.concatenate([joint[score] - single[score] for joint, single in draws])),
            len(labels),
        )
        for score in SCORES
    }
    return Gain(len(among), len(labels), one, average, difference)


def main(arguments: list[str] | None = None) -> int:
    """Print the measurement as JSON; returns 0, or 2 after one sentence on what went wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m train.audit.several_angles",
        description="Measure how much several photos of one lesion improve on a single photo.",
    )
    parser.add_argument("--weights", help="a folder (default: the embedded weights)")
    options = parser.parse_args(arguments)
    try:
        gain = measure(open_weights(options.weights).folder)
    except (WeightsError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(asdict(gain), indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
