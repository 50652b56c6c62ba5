"""Scores within groups of patients and lesions: sex, age, site, how the diagnosis was made."""

from typing import Any

import numpy as np
import pandas as pd

from skin_app.diagnoses import CODES
from skin_app.patients import UNKNOWN, age_bands
from train.scores.metrics import scores_with_intervals

AXES = {"sex": "sex", "age": "age band", "localization": "site", "dx_type": "diagnosis made by"}
SHOWN = ("accuracy", "balanced_accuracy", "malignant_auc")
FEWEST_LESIONS = 30


def strata_scores(
    table: pd.DataFrame, probabilities: np.ndarray, labels: np.ndarray
) -> dict[str, dict[str, dict[str, Any]]]:
    """Scores by axis and stratum, each with `intervals_95`.

    `table`: one row an image with the columns lesion, sex, age (years), localization, dx_type, as
    `normalised` gives them;
    `probabilities`: (images, 7); `labels`: (images,). `balanced_accuracy` is over the `classes` that a
    stratum holds. A stratum of fewer than 30 lesions has its counts and no scores.
    """
    lesions = table["lesion"].to_numpy(str)
    report: dict[str, dict[str, dict[str, Any]]] = {}
    for axis in AXES:
        names = (age_bands(table[axis]) if axis == "age" else table[axis]).to_numpy(str)
        report[axis] = {
            name: _stratum(probabilities[rows], labels[rows], lesions[rows])
            for name in sorted(set(names), key=lambda name: (name == UNKNOWN, name))
            for rows in [names == name]
        }
    return report


def _stratum(probabilities: np.ndarray, labels: np.ndarray, lesions: np.ndarray) -> dict[str, Any]:
    count = len(np.unique(lesions))
    stratum: dict[str, Any] = {
        "images": len(labels),
        "lesions": count,
        "classes": [CODES[k] for k in np.unique(labels)],
    }
    if count < FEWEST_LESIONS:
        return stratum
    report = scores_with_intervals(probabilities, labels, lesions)
    drawn = report["intervals_95"]
    return {
        **stratum,
        **{name: report[name] for name in SHOWN},
        "intervals_95": {name: drawn[name] for name in SHOWN if name in drawn},
    }
