"""Scores within groups of patients and lesions: sex, age, site, and how the diagnosis was confirmed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skin_app.gallery.patient_table import patient_groups
from train.scores.intervals import Estimate
from train.scores.metrics import scores

PATIENT_AXES = {"sex": "sex", "age": "age band"}  # column -> axis
AXES = PATIENT_AXES | {"localization": "site", "dx_type": "diagnosis made by"}
YOUNG = "under 40"  # years; it cuts a band in two, so it is an axis of its own
SCORES = ("accuracy", "balanced_accuracy", "malignant_auc")
FEWEST_LESIONS = 30


@dataclass(frozen=True)
class Stratum:
    """One group of `axis`. `diagnoses`: how many occur in it; balanced accuracy averages over these.

    `scores`: by name of `SCORES`, and "melanoma_recall"; empty for fewer than 30 lesions.
    """

    axis: str
    name: str
    images: int
    lesions: int
    diagnoses: int
    scores: dict[str, Estimate]


def patient_strata(
    table: pd.DataFrame, axes: Mapping[str, str] = AXES
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Axis, name and (images,) bool mask of each group of `axes`; after the age bands also `YOUNG`.

    `table`: as for `strata`, with the columns that `axes` names.
    """
    for column, axis in axes.items():
        for name, rows in patient_groups(table, column):
            yield axis, name, rows
        if column == "age" and (young := table["age"].to_numpy() < 40).any():
            yield "age", YOUNG, young


def strata(
    table: pd.DataFrame,
    probabilities: np.ndarray,
    labels: np.ndarray,
    axes: Mapping[str, str] = AXES,
) -> tuple[Stratum, ...]:
    """All groups of `axes`.

    `table`: one row per image with the columns lesion, sex, age (years), localization, dx_type, as
    `normalised` gives them; `probabilities`: (images, 7); `labels`: (images,).
    """
    lesions = table["lesion"].to_numpy(str)
    found = []
    for axis, name, rows in patient_strata(table, axes):
        own, count = labels[rows], len(np.unique(lesions[rows]))
        measured: dict[str, Estimate] = {}
        if count >= FEWEST_LESIONS:
            all_scores = scores(probabilities[rows], own, lesions[rows])
            measured = {score: all_scores.estimate(score) for score in SCORES}
            mel = all_scores.per_class["mel"]
            interval = mel.intervals_95.get("recall")
            measured["melanoma_recall"] = Estimate(mel.recall, interval, mel.images)
        found.append(Stratum(axis, name, len(own), count, len(np.unique(own)), measured))
    return tuple(found)
