"""The evaluation kept in a weights folder: calibration and separation, image by image.

Each image was predicted by members that were not trained on its lesion, but the shipped
calibration was fitted on these images. Scores with calibrations fitted on other lesions are in
`Contract.scores`; what is computed here is for curves.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skin_app.calibration import calibrated, malignant_probability
from skin_app.diagnoses import CODES, DIAGNOSES, MALIGNANT, Diagnosis
from skin_app.views import VIEWS
from skin_app.weights.folder import WeightsError, WeightsFolder

FILE = "evaluation/out_of_fold.csv"
BINS = 15  # as in the expected calibration errors of the scores


@dataclass(frozen=True, eq=False)
class Reliability:
    """Answers by the probability of their first diagnosis, in equal-width bins, lowest first.

    `images`: (bins,) counts; `probability`: (bins,) mean of it; `right`: (bins,) share of the images
    that have this diagnosis. The last two are NaN for an empty bin.
    """

    images: np.ndarray
    probability: np.ndarray
    right: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error, in [0, 1] (Guo et al. 2017)."""
        held = self.images > 0
        gaps = np.abs(self.probability - self.right)[held]
        return float((gaps * self.images[held]).sum() / self.images.sum())


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Out-of-fold answers. `labels`: (images,) in [0, 7); `probabilities`: (images, 7), by the shipped
    calibration, from `VIEWS` views."""

    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def reliability(self) -> Reliability:
        """How often the first diagnosis is right, by its probability."""
        first = self.probabilities.max(axis=1)
        hit = self.probabilities.argmax(axis=1) == self.labels
        which = np.minimum((first * BINS).astype(int), BINS - 1)
        images = np.bincount(which, minlength=BINS)
        with np.errstate(invalid="ignore"):
            return Reliability(
                images,
                np.bincount(which, first, BINS) / images,
                np.bincount(which, hit, BINS) / images,
            )

    def roc_of(self, diagnosis: Diagnosis) -> tuple[np.ndarray, np.ndarray] | None:
        """`roc` of one diagnosis against the other six; None without images on both sides."""
        k = DIAGNOSES.index(diagnosis)
        return roc(self.labels == k, self.probabilities[:, k])

    @property
    def malignant_roc(self) -> tuple[np.ndarray, np.ndarray] | None:
        """`roc` of malignant against benign by the malignant probability."""
        return roc(np.array(MALIGNANT)[self.labels], malignant_probability(self.probabilities))


@dataclass(frozen=True)
class Confusion:
    """`images` of diagnosis `true` were called `called`: `share` of that diagnosis's images."""

    true: Diagnosis
    called: Diagnosis
    images: int
    share: float


def read_evaluation(weights: WeightsFolder) -> Evaluation | None:
    """The out-of-fold answers of weights; None for weights that keep none of `VIEWS` views.

    Raises `WeightsError` for a file that cannot be read.
    """
    if FILE not in weights.contract.files:
        return None
    try:
        table = pd.read_csv(weights.folder / FILE)
        columns = [f"logit_{VIEWS}views_{code}" for code in CODES]
        if not {"dx", *columns} <= set(table.columns):
            return None
        labels = pd.Index(CODES).get_indexer(pd.Index(table["dx"]))
        logits = table[columns].to_numpy(np.float64)
    except (OSError, ValueError) as error:
        raise WeightsError(
            "{name} in {folder} cannot be read ({fault}): get the weights anew.",
            name=FILE,
            folder=weights.folder,
            fault=type(error).__name__,
        ) from error
    if (labels < 0).any() or not np.isfinite(logits).all():
        raise WeightsError(
            "{name} in {folder} holds other diagnoses than the seven, or lacks numbers: get the "
            "weights anew.",
            name=FILE,
            folder=weights.folder,
        )
    return Evaluation(labels, calibrated(logits, weights.contract.calibration, VIEWS))


def roc(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """1 - specificity and sensitivity at every threshold, from (0, 0) to (1, 1).

    `positive`: (images,) bool; `score`: (images,). None unless there are positive and negative images.
    """
    if positive.all() or not positive.any():
        return None
    order = np.argsort(-score, kind="stable")
    # images of equal score are called malignant together
    steps = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    hits, alarms = np.cumsum(positive[order])[steps], np.cumsum(~positive[order])[steps]
    return np.append(0, alarms / alarms[-1]), np.append(0, hits / hits[-1])


def confusions(counts: np.ndarray) -> list[Confusion]:
    """Every confused pair that occurs, the most frequent first; `counts`: (7, 7), rows true."""
    found = [
        Confusion(true, called, int(counts[i, k]), float(counts[i, k] / counts[i].sum()))
        for i, true in enumerate(DIAGNOSES)
        for k, called in enumerate(DIAGNOSES)
        if i != k and counts[i, k]
    ]
    return sorted(found, key=lambda pair: -pair.images)
