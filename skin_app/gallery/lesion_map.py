"""A map of held-out lesions (t-SNE, made by `python -m train map`), and a new photo's place on it.

t-SNE (van der Maaten & Hinton 2008) cannot place new points. A photo is placed between its nearest
held-out images instead; how well this works is measured on the map's own images.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import load

from skin_app.gallery.similar_lesions import nearest_rows, similarity_to

FILE = "map.csv"
NEIGHBOURS = 12


class LesionMapError(ValueError):
    """The map does not fit the gallery; the message says what to do."""


@dataclass(frozen=True)
class Place:
    """A photo's position on the map: `x`, `y` in the map's units.

    `neighbours`: (up to `NEIGHBOURS`,) codes of its nearest held-out images' diagnoses, nearest first,
    one image of each lesion.
    """

    x: float
    y: float
    neighbours: tuple[str, ...]


@dataclass(frozen=True)
class Placing:
    """How well placing works: each image of the map is placed as if new, with its lesion left out.

    `distance`: median distance from the computed place to the true one; `by_chance`: median distance
    between two images of the map; both in the map's units. `agreement`: share of neighbours with the
    image's own diagnosis, mean over the images; `agreement_of_classes`: mean over the diagnoses;
    `agreement_by_chance`: mean over the images for neighbours drawn at random.
    """

    distance: float
    by_chance: float
    agreement: float
    agreement_of_classes: float
    agreement_by_chance: float


class LesionMap:
    """Images that member 0 was not trained on.

    `points`: (images, 2); `diagnoses`: (images,) codes; `images`: (images,) ISIC ids; `confirmed`:
    (images,) HAM10000's word for how the diagnosis was confirmed.
    """

    def __init__(self, table: pd.DataFrame, embeddings: np.ndarray) -> None:
        """`table`: columns image_id, x, y, dx, dx_type, lesion; `embeddings`: (images, channels), of
        unit length."""
        self.points = table[["x", "y"]].to_numpy(np.float64)
        self.diagnoses = table["dx"].to_numpy(str)
        self.images = table["image_id"].to_numpy(str)
        self.confirmed = table["dx_type"].to_numpy(str)
        self._lesions = table["lesion"].astype("category").cat.codes.to_numpy()
        self._embeddings = torch.from_numpy(embeddings.astype(np.float32))
        if not len(table) or not np.isfinite(self.points).all():
            raise LesionMapError("The map is empty or holds no numbers: get the weights anew.")

    @classmethod
    def load(cls, folder: Path) -> "LesionMap":
        """Read `map.csv` and the gallery of a weights folder. Raises `LesionMapError`."""
        text = dict.fromkeys(("image_id", "lesion", "dx", "dx_type"), str)
        places = pd.read_csv(folder / FILE, dtype=text)
        gallery = pd.read_csv(folder / "gallery.csv", dtype=text, usecols=list(text))
        rows = pd.Index(gallery["image_id"]).get_indexer_for(pd.Index(places["image_id"]))
        if len(rows) != len(places) or (rows < 0).any() or places["image_id"].duplicated().any():
            raise LesionMapError("The map shows images that the gallery lacks: get the weights anew.")
        table = gallery.iloc[rows].reset_index(drop=True).assign(x=places["x"], y=places["y"])
        return cls(table, load((folder / "gallery.safetensors").read_bytes())["embeddings"][rows])

    def __len__(self) -> int:
        return len(self.points)

    def place(self, embedding: np.ndarray) -> Place:
        """The place of a photo, from its embedding (channels,) by member 0, view 0: the mean of its
        neighbours' places, weighted by similarity."""
        similarity = similarity_to(embedding, self._embeddings)
        rows = nearest_rows(similarity, self._lesions, NEIGHBOURS)
        x, y = self._between(rows, similarity)
        return Place(float(x), float(y), tuple(self.diagnoses[rows].tolist()))

    @cached_property
    def placing(self) -> Placing:
        """How well `place` works on the map's own images."""
        similarity = (self._embeddings @ self._embeddings.T).numpy()
        errors, shares, chances = np.empty((3, len(self)))
        for row, own in enumerate(self._lesions):
            others = np.where(self._lesions == own, -np.inf, similarity[row])
            rows = nearest_rows(others, self._lesions, NEIGHBOURS)
            rows = rows[np.isfinite(others[rows])]
            errors[row] = np.linalg.norm(self._between(rows, others) - self.points[row])
            shares[row] = (self.diagnoses[rows] == self.diagnoses[row]).mean()
            chances[row] = (self.diagnoses[self._lesions != own] == self.diagnoses[row]).mean()
        return Placing(
            distance=float(np.median(errors)),
            by_chance=float(torch.pdist(torch.from_numpy(self.points)).median()),
            agreement=float(shares.mean()),
            agreement_of_classes=float(
                np.mean([shares[self.diagnoses == code].mean() for code in np.unique(self.diagnoses)])
            ),
            agreement_by_chance=float(chances.mean()),
        )

    def _between(self, rows: np.ndarray, similarity: np.ndarray) -> np.ndarray:
        """The mean place (2,) of `rows`, weighted by similarity; negative similarity has weight 0."""
        weights = np.maximum(similarity[rows], 1e-6)
        return (weights[:, None] * self.points[rows]).sum(axis=0) / weights.sum()
