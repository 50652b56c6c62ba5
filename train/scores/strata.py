"""Scores within groups of patients and lesions: sex, age, site, and how the diagnosis was confirmed."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skin_app.gallery.patient_table import patient_groups
from train.scores.intervals import Estimate
from train.scores.metrics import scores

AXES = {"sex": "sex", "age": "age band", "localization": "site", "dx_type": "diagnosis made by"}
SCORES = ("accuracy", "balanced_accuracy", "malignant_auc")
FEWEST_LESIONS = 30


@dataclass(frozen=True)
class Stratum:
    """One group of `axis`. `diagnoses`: how many occur in it; balanced accuracy averages over these.

    `scores`: by name of `SCORES`; empty for fewer than 30 lesions.
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
    found = []
    for column, axis in AXES.items():
        for name, rows in patient_groups(table, column):
            own, count = labels[rows], len(np.unique(lesions[rows]))
            measured: dict[str, Estimate] = {}
            if count >= FEWEST_LESIONS:
                all_scores = scores(probabilities[rows], own, lesions[rows])
                measured = {score: all_scores.estimate(score) for score in SCORES}
            found.append(Stratum(axis, name, len(own), count, len(np.unique(own)), measured))
    return tuple(found)
