"""The map of held-out lesions that the page shows: the verb `map`."""

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

from skin_app.gallery.lesion_map import FILE
from skin_app.weights.contract import Contract
from skin_app.weights.folder import WeightsError, WeightsFolder
from train.data.ham10000 import TEXT
from train.explain.tsne import tsne_map
from train.release.weights_folder import FOLDS, put_into


def map_weights(weights: WeightsFolder, seed: int = 0) -> Contract:
    """Put `map.csv` (image_id, x, y) into a weights folder; returns its new contract.

    The map is the t-SNE of the gallery's embeddings (member 0, one view). It shows the fold that
    member 0 was not trained on, because training images lie where their label pulled them. Raises
    `WeightsError` for weights that do not say which images those are.
    """
    if FOLDS not in weights.contract.files:
        raise WeightsError(
            f"The weights in {weights.folder} do not say which images member 0 was trained on ({FOLDS} "
            "is missing): assemble them anew from their run."
        )
    folds = pd.read_csv(weights.folder / FOLDS, dtype=TEXT)
    fold = weights.contract.training.shipped[0]
    held_out = folds.loc[folds["fold"] == fold, "image_id"]
    gallery = pd.read_csv(weights.folder / "gallery.csv", dtype=TEXT)["image_id"]
    rows = np.flatnonzero(gallery.isin(held_out))
    if len(rows) < 2 or len(rows) != len(held_out):
        raise WeightsError(
            f"The gallery of the weights in {weights.folder} does not hold all images of fold {fold}: "
            "assemble them anew from their run."
        )
    embeddings = load_file(weights.folder / "gallery.safetensors")["embeddings"][rows]
    points = tsne_map(embeddings.astype(np.float32), seed)
    table = pd.DataFrame({"image_id": gallery.to_numpy()[rows], "x": points[:, 0], "y": points[:, 1]})
    content = table.to_csv(index=False, float_format="%.4g").encode()
    return put_into(weights.folder, weights.contract, {FILE: content})
