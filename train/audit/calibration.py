"""Whether the probabilities are calibrated: expected calibration error, out of fold."""

from dataclasses import dataclass

import numpy as np

from train.audit.out_of_fold import OutOfFold
from train.scores.bootstrap import percentiles_95
from train.scores.crossfit import Bias, cross_fitted
from train.scores.estimate import Estimate
from train.scores.metrics import resampled_scores, weighted_scores

CALIBRATORS: dict[str, Bias] = {"temperature": "none", "temperature and bias, where it helps": "chosen"}
SCORES = ("expected_calibration_error", "negative_log_likelihood", "accuracy", "malignant_auc")


@dataclass(frozen=True)
class Calibrated:
    """Crossfit scores of both calibrators, by score; which one the weights have, and its numbers.

    Balanced accuracy is computed from the same probabilities after prior adjustment.
    """

    calibrators: dict[str, dict[str, Estimate]]
    adopted: str
    temperature: float
    bias: list[float]


def measure(unseen: OutOfFold) -> dict[str, Calibrated]:
    """By number of views; the bias is adopted where it lowers the negative log-likelihood."""
    return {str(views): _measured(unseen, views) for views in unseen.logits}


def _measured(unseen: OutOfFold, views: int) -> Calibrated:
    own = unseen.weights.contract.calibration
    logits, shift = unseen.logits[views], np.array(own.log_prior_shift)
    found = {}
    for name, bias in CALIBRATORS.items():
        probabilities = cross_fitted(logits, unseen.labels, unseen.lesions, shift, bias, unseen.parts)
        adjusted = unseen.prior_adjusted(probabilities)
        found[name] = _scores(probabilities, unseen, SCORES)
        found[name] |= _scores(adjusted, unseen, ("balanced_accuracy",))
    return Calibrated(
        calibrators=found,
        adopted=list(CALIBRATORS)[int(views in own.biases)],
        temperature=own.temperatures[views],
        bias=list(own.biases.get(views, ())),
    )


def _scores(
    probabilities: np.ndarray, unseen: OutOfFold, names: tuple[str, ...]
) -> dict[str, Estimate]:
    images = len(probabilities)
    value = weighted_scores(probabilities, unseen.labels, np.ones((1, images)))
    drawn = resampled_scores(probabilities, unseen.labels, unseen.lesions)
    return {
        name: Estimate(float(value[name][0]), percentiles_95(drawn[name]), images) for name in names
    }
