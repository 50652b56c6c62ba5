"""t-SNE maps of a member's last hidden layer and of the gallery, and how well neighbourhoods are kept.

van der Maaten and Hinton, "Visualizing Data using t-SNE" (2008). The hidden layers of two members
cannot be compared, so a map shows the held-out images of one fold, by the member of that fold.

Begin at `map_embeddings` (the verb `tsne`) and `gallery_map` (the verb `map`).
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import load_file
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from skin_app.hardware import best_device, precision
from skin_app.member_groups import input_square
from skin_app.photo.read import read_photo
from skin_app.result_files import replace_file
from skin_app.weights.folder import WeightsError, WeightsFolder
from train.data.folds import stratified_rows
from train.data.ham10000 import TEXT
from train.engine.checkpoint import load_fold_member, write_json
from train.engine.run import Run, RunError
from train.scores.evidence import FOLDS, gzipped_csv

NEIGHBOURS = 10
COMPONENTS = 50  # principal components before t-SNE, as its authors advise
PERPLEXITY = 30
BATCH = 8
SEED = 0


def map_embeddings(run: Run, out: Path, fold: int = 0, images: int | None = None) -> dict[str, Any]:
    """Map the held-out images of `fold` (or a stratified part of `images` of them).

    Writes `tsne.csv.gz` (image_id, x, y) and `tsne.json` into `out`, and returns the latter: how often
    the nearest images of other lesions share an image's diagnosis, on the map, in the hidden layer and
    by chance. Raises `RunError` for an unfinished fold or too few lesions.
    """
    if not (run.fold_folder(fold) / "member.safetensors").is_file():
        raise RunError(f"Fold {fold} of {run.folder} is not trained: train it, or choose another.")
    rows = np.flatnonzero(run.assignment == fold)
    if images is not None and images < len(rows):
        part = stratified_rows(run.data.labels[rows], run.data.groups[rows], images, SEED)
        rows = rows[part]
    labels, lesions = run.data.labels[rows], run.data.groups[rows]
    if len(np.unique(lesions)) <= NEIGHBOURS:
        raise RunError(f"A map needs images of more than {NEIGHBOURS} lesions: ask for more images.")
    hidden = hidden_layer(run, fold, rows)
    points = tsne_map(hidden)
    ids = run.data.table["image_id"].to_numpy()[rows]
    found = {
        "fold": fold,
        "images": len(rows),
        "lesions": len(np.unique(lesions)),
        "hidden_units": hidden.shape[1],
        "neighbours": NEIGHBOURS,
        "agreement_on_map": neighbour_agreement(points, labels, lesions),
        "agreement_in_hidden_layer": neighbour_agreement(hidden, labels, lesions),
        "agreement_by_chance": chance_agreement(labels, lesions),
        "seed": SEED,
    }
    out.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame({"image_id": ids, "x": points[:, 0], "y": points[:, 1]})
    replace_file(out / "tsne.csv.gz", gzipped_csv(table, "%.4g"))
    write_json(out / "tsne.json", found)
    return found


def gallery_map(weights: WeightsFolder) -> bytes:
    """`map.csv` (image_id, x, y) of a weights folder: the map of held-out lesions that the page shows.

    It is the t-SNE of the gallery's embeddings (member 0, one view). It shows the fold that member 0
    was not trained on, because training images lie where their label pulled them. Raises
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
    points = tsne_map(embeddings.astype(np.float32))
    table = pd.DataFrame({"image_id": gallery.to_numpy()[rows], "x": points[:, 0], "y": points[:, 1]})
    return table.to_csv(index=False, float_format="%.4g").encode()


def hidden_layer(run: Run, fold: int, rows: np.ndarray) -> np.ndarray:
    """The input of the last linear layer of a fold's member, (len(rows), hidden) float32; one view."""
    device = best_device()
    member = load_fold_member(run, fold).to(device)
    paths = run.data.table["path"].to_numpy()[rows]
    found = []
    for start in tqdm(range(0, len(rows), BATCH), f"embed fold {fold}", mininterval=10):
        photos = [read_photo(str(path)) for path in paths[start : start + BATCH]]
        squares = torch.stack([input_square(photo, member.config) for photo in photos])
        with torch.inference_mode(), precision(device):
            pooled = member.pooled(member(squares.to(device)).features)
            found.append(member.last_hidden(pooled).float().cpu().numpy())
    return np.concatenate(found)


def tsne_map(hidden: np.ndarray) -> np.ndarray:
    """t-SNE of (images, hidden), standardised and on its first principal components: (images, 2)."""
    standard = StandardScaler().fit_transform(hidden)
    components = min(COMPONENTS, *standard.shape)
    reduced = PCA(components, svd_solver="full").fit_transform(standard)
    perplexity = min(PERPLEXITY, (len(hidden) - 1) / 3)
    return TSNE(init="pca", perplexity=perplexity, random_state=SEED).fit_transform(reduced)


def neighbour_agreement(
    points: np.ndarray, labels: np.ndarray, lesions: np.ndarray, neighbours: int = NEIGHBOURS
) -> dict[str, float]:
    """Share of each image's nearest images of other lesions that have its diagnosis.

    `points`: (images, dimensions). "images": mean over images; "classes": mean over the means of the
    diagnoses, in which naevi count no more than others.
    """
    shares = np.empty(len(points))
    for row in range(len(points)):
        distances = cdist(points[row : row + 1], points)[0]
        distances[lesions == lesions[row]] = np.inf
        nearest = np.argsort(distances, kind="stable")[:neighbours]
        shares[row] = (labels[nearest] == labels[row]).mean()
    return _means(shares, labels)


def chance_agreement(labels: np.ndarray, lesions: np.ndarray) -> dict[str, float]:
    """What `neighbour_agreement` expects of neighbours drawn at random among other lesions."""
    shares = [
        (labels[lesions != lesion] == label).mean()
        for label, lesion in zip(labels, lesions, strict=True)
    ]
    return _means(np.array(shares), labels)


def _means(shares: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    by_class = [shares[labels == label].mean() for label in np.unique(labels)]
    return {"images": float(shares.mean()), "classes": float(np.mean(by_class))}
