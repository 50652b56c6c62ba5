"""Scores within groups of patients and lesions: sex, age, site, and how the diagnosis was confirmed."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skin_app.gallery.patient_table import patient_groups
from train.scores.estimate import Estimate, estimate_of
from train.scores.metrics import scores

AXES = {"sex": "sex", "age": "age band", "localization": "site", "dx_type": "diagnosis made by"}
SHOWN = ("accuracy", "balanced_accuracy", "malignant_auc")
FEWEST_LESIONS = 30


@dataclass(frozen=True)
class Stratum:
    """One group of `axis`. `diagnoses`: how many occur in it; balanced accuracy averages over these.

    `scores`: by name of `SHOWN`; empty for fewer than 30 lesions.
    """

    axis: str
    name: str
    images: int
    lesions: int
    diagnoses: int
    scores: dict[str, Estimate]


def strata(table: pd.DataFrame, probabilities: np.ndarray, labels: np.ndarray) -> tuple[Stratum, ...]:
    """All groups of `AXES`.

    `table`: one row per image with the columns lesion, sex, age (years), localization, dx_type, as
    `normalised` gives them; `probabilities`: (images, 7); `labels`: (images,).
    """
    lesions = table["lesion"].to_numpy(str)
    return tuple(
        _stratum(AXES[column], name, probabilities[rows], labels[rows], lesions[rows])
        for column in AXES
        for name, rows in patient_groups(table, column)
    )


def _stratum(
    axis: str, name: str, probabilities: np.ndarray, labels: np.ndarray, lesions: np.ndarray
) -> Stratum:
    count = len(np.unique(lesions))
    found = scores(probabilities, labels, lesions) if count >= FEWEST_LESIONS else None
    shown = {score: estimate_of(found, score) for score in SHOWN} if found else {}
    return Stratum(axis, name, len(labels), count, len(np.unique(labels)), shown)
