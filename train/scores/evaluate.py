"""Score a weights folder on any labelled folder in HAM10000's layout."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from skin_app.ensemble import Ensemble
from skin_app.photo.read import PhotoError, read_photo
from skin_app.views import VIEWS
from train.data.ham10000 import TEXT, DataError, Dataset
from train.scores.metrics import RULES, Scores, scores_by_rule

CHUNK = 4


@dataclass(frozen=True)
class Evaluation:
    """Scores of a weights folder on labelled images. `rules`: decision rule -> its scores.

    `warning`: empty unless the weights were trained on some of the images.
    """

    weights: str
    weights_hash: str
    views: int
    images: int
    lesions: int
    data_fingerprint: str
    images_also_in_the_training_data: int
    warning: str
    rules: dict[str, Scores]


def evaluate(ensemble: Ensemble, data: Dataset, views: int = VIEWS) -> Evaluation:
    """Scores of the full ensemble on every image of `data`.

    Warns if the weights were trained on some of the images, because scores on those prove nothing.
    Raises `DataError` when an image cannot be decoded.
    """
    by_rule = _predict(ensemble, data, views)
    gallery = pd.read_csv(ensemble.weights.folder / "gallery.csv", dtype=TEXT)
    overlap = int(data.table["image_id"].isin(gallery["image_id"]).sum())
    return Evaluation(
        weights=ensemble.weights.identity,
        weights_hash=ensemble.weights.hash,
        views=views,
        images=len(data.table),
        lesions=len(np.unique(data.groups)),
        data_fingerprint=data.fingerprint,
        images_also_in_the_training_data=overlap,
        warning=(
            f"{overlap} of {len(data.table)} images are in the data that these weights were trained "
            "on: these scores say little about new patients."
            if overlap
            else ""
        ),
        rules=scores_by_rule(by_rule, data.labels, data.groups),
    )


def _predict(ensemble: Ensemble, data: Dataset, views: int) -> dict[str, np.ndarray]:
    """Decision rule -> (images, 7) probabilities."""
    predicted = []
    paths = data.table["path"].tolist()
    for start in tqdm(range(0, len(paths), CHUNK), "evaluate", mininterval=5):
        try:
            photos = [read_photo(path) for path in paths[start : start + CHUNK]]
        except PhotoError as error:
            names = ", ".join(Path(path).name for path in paths[start : start + CHUNK])
            raise DataError(f"One of {names} cannot be used: {error}") from error
        for analysis in ensemble.analyse_all(photos, views, with_maps=False):
            predicted.append((analysis.probabilities, analysis.prior_adjusted))
    return dict(zip(RULES, np.array(predicted).swapaxes(0, 1), strict=True))
