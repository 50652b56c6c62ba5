"""The nearest confirmed lesions, from the reference index kept in the weights."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import load_file

from skin_app.diagnoses import CODES
from skin_app.patients import UNKNOWN, normalised

ARCHIVE = "https://api.isic-archive.com/images/{image_id}/"
SAME_PHOTO = 0.99  # similarity from which a photo may be one of the gallery's own images
NEAREST = 12
NOT_STATED = "not stated"
CONFIRMED = {
    "histo": "histopathology",
    "follow_up": "follow-up",
    "consensus": "expert consensus",
    "confocal": "confocal microscopy",
}
COLUMNS = ("image_id", "lesion", "dx", "dx_type", "age", "sex", "localization")


class GalleryError(ValueError):
    """The gallery files do not fit each other; the message says what to do."""


@dataclass(frozen=True)
class SimilarLesion:
    """A confirmed lesion of the training data.

    `similarity`: cosine similarity of the embeddings, at most 1. `confirmed`: how the diagnosis was
    made, in words. `age` in years, `sex` and `site` as the data set gives them, or None.
    `is_the_same_photo`: whether the analysed photo is most likely this very image.
    """

    image_id: str
    dx: str
    confirmed: str
    similarity: float
    age: float | None
    sex: str | None
    site: str | None
    is_the_same_photo: bool = False

    @property
    def link(self) -> str:
        """The image's page in the public ISIC archive."""
        return ARCHIVE.format(image_id=self.image_id)


class Gallery:
    """Reference index: unit embeddings (images, channels) of the first member, and their table."""

    def __init__(
        self, embeddings: np.ndarray, table: pd.DataFrame, same_photo: float = SAME_PHOTO
    ) -> None:
        """`same_photo`: similarity from which a photo counts as an image of the index."""
        if len(embeddings) != len(table) or not set(table["dx"]) <= set(CODES):
            raise GalleryError(
                "The gallery's embeddings and its table do not fit each other: get the weights anew."
            )
        self._embeddings = torch.from_numpy(embeddings.astype(np.float32))
        self._table, _ = normalised(table.reset_index(drop=True))
        self._same_photo = same_photo

    @classmethod
    def load(cls, folder: Path) -> "Gallery":
        """Read `gallery.safetensors` and `gallery.csv` of a weights folder.

        Older folders do not state `same_photo`; they get `SAME_PHOTO`.
        """
        text = {"image_id": str, "lesion": str, "sex": str, "localization": str, "dx_type": str}
        table = pd.read_csv(folder / "gallery.csv", dtype=text)
        stored = load_file(folder / "gallery.safetensors")
        return cls(stored["embeddings"], table, float(stored.get("same_photo", SAME_PHOTO)))

    def __len__(self) -> int:
        return len(self._table)

    def nearest(self, embedding: np.ndarray, count: int = NEAREST) -> tuple[SimilarLesion, ...]:
        """The `count` most similar lesions to an embedding (channels,), one image of each lesion."""
        unit = torch.from_numpy(np.asarray(embedding, dtype=np.float32))
        unit = unit / unit.norm().clamp(min=1e-12)
        # Not numpy: its own threads would spin on after the product and slow the next forward pass.
        similarity = (self._embeddings @ unit).numpy()
        order = np.argsort(-similarity, kind="stable")
        chosen: dict[str, int] = {}
        for row in order:
            chosen.setdefault(str(self._table["lesion"].iloc[row]), int(row))
            if len(chosen) == count:
                break
        return tuple(self._lesion(row, float(similarity[row])) for row in chosen.values())

    def _lesion(self, row: int, similarity: float) -> SimilarLesion:
        entry = self._table.iloc[row]

        def known(column: str) -> str | None:
            value = entry[column]
            return None if value == UNKNOWN else str(value)

        how = known("dx_type")
        return SimilarLesion(
            image_id=str(entry["image_id"]),
            dx=str(entry["dx"]),
            confirmed=CONFIRMED.get(how, how) if how else NOT_STATED,
            similarity=min(similarity, 1.0),
            age=None if pd.isna(entry["age"]) else float(entry["age"]),
            sex=known("sex"),
            site=known("localization"),
            is_the_same_photo=similarity >= self._same_photo,
        )
