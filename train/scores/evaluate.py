"""Score a weights folder on any labelled folder in HAM10000's layout."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from skin_app.ensemble import Ensemble
from skin_app.photo.read import PhotoError, read_photo
from skin_app.views import VIEWS
from train.data.ham10000 import TEXT, DataError, Dataset
from train.scores.metrics import score_report

CHUNK = 4


def evaluate(ensemble: Ensemble, data: Dataset, views: int = VIEWS) -> dict[str, Any]:
    """Scores of the shipped ensemble on every image of `data`.

    Says how many of the images the weights were trained on: scores on those prove nothing. Raises
    `DataError` when an image cannot be decoded.
    """
    probabilities, adjusted = _predict(ensemble, data, views)
    gallery = pd.read_csv(ensemble.weights.folder / "gallery.csv", dtype=TEXT)
    overlap = int(data.table["image_id"].isin(gallery["image_id"]).sum())
    return {
        "weights": ensemble.weights.identity,
        "weights_hash": ensemble.weights.hash,
        "views": views,
        "images": len(data.table),
        "lesions": len(np.unique(data.groups)),
        "data_fingerprint": data.fingerprint,
        "images_also_in_the_training_data": overlap,
        "warning": (
            f"{overlap} of {len(data.table)} images are in the data that these weights were trained "
            "on: these scores say little about new patients."
            if overlap
            else ""
        ),
        "rules": score_report(probabilities, adjusted, data.labels, data.groups),
    }


def _predict(ensemble: Ensemble, data: Dataset, views: int) -> tuple[np.ndarray, np.ndarray]:
    probabilities, adjusted = [], []
    paths = data.table["path"].tolist()
    for start in tqdm(range(0, len(paths), CHUNK), "evaluate", mininterval=5):
        try:
            photos = [read_photo(path) for path in paths[start : start + CHUNK]]
        except PhotoError as error:
            names = ", ".join(Path(path).name for path in paths[start : start + CHUNK])
            raise DataError(f"One of {names} cannot be used: {error}") from error
        for analysis in ensemble.analyse_all(photos, views):
            probabilities.append(analysis.probabilities)
            adjusted.append(analysis.prior_adjusted)
    return np.array(probabilities), np.array(adjusted)
