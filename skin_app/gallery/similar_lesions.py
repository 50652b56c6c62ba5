"""The confirmed lesions nearest to a photo, from the index kept in the weights, and their pictures.

This repository holds no pictures, for licence reasons. The ISIC Archive has them (`archive_pictures`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import load
from torch import Tensor

from skin_app.diagnoses import CODES
from skin_app.gallery.archive_pictures import ArchivePictures
from skin_app.gallery.patient_table import UNKNOWN, normalised
from skin_app.gallery.picture_cache import PictureCache, cache_folder
from skin_app.overlay import shrunk
from skin_app.photo.read import READ_SUFFIXES, PhotoError, read_photo
from skin_app.words.language import SpokenError

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
THUMBNAIL_SIDE = 240
THUMBNAILS_KEPT = 512  # in memory, about 130 kB each
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
        is_sound = set(table["dx"]) <= set(CODES) and not table["image_id"].duplicated().any()
        if len(embeddings) != len(table) or not is_sound:
            raise GalleryError(
                "The gallery's embeddings and its table do not fit each other: get the weights anew."
            )
        self._embeddings = torch.from_numpy(embeddings.astype(np.float32))
        self._table, _ = normalised(table.reset_index(drop=True))
        self._lesions = self._table["lesion"].astype("category").cat.codes.to_numpy()
        self._same_photo = same_photo

    @classmethod
    def load(cls, folder: Path) -> "Gallery":
        """Read `gallery.safetensors` and `gallery.csv` of a weights folder.

        Older folders do not state `same_photo`; they get `SAME_PHOTO`.
        """
        types = dict.fromkeys(COLUMNS, str) | {"age": float}
        table = pd.read_csv(folder / "gallery.csv", dtype=types, usecols=list(COLUMNS))
        stored = load((folder / "gallery.safetensors").read_bytes())
        return cls(stored["embeddings"], table, float(stored.get("same_photo", SAME_PHOTO)))

    def __len__(self) -> int:
        return len(self._table)

    @property
    def image_ids(self) -> tuple[str, ...]:
        """The archive's ids of all images, in the index's order."""
        return tuple(self._table["image_id"])

    def nearest(self, embedding: np.ndarray, count: int = NEAREST) -> tuple[SimilarLesion, ...]:
        """The `count` most similar lesions to an embedding (channels,), one image of each lesion."""
        similarity = similarity_to(embedding, self._embeddings)
        rows = nearest_rows(similarity, self._lesions, count)
        return tuple(self._lesion(row, float(similarity[row])) for row in rows)

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


def similarity_to(embedding: np.ndarray, units: Tensor) -> np.ndarray:
    """Cosine similarity (images,) of an embedding (channels,) to `units`, (images, channels)."""
    unit = torch.from_numpy(np.asarray(embedding, dtype=np.float32))
    # Not numpy: its own threads would spin on after the product and slow the next forward pass.
    return (units @ (unit / unit.norm().clamp(min=1e-12))).numpy()


def nearest_rows(similarity: np.ndarray, lesions: np.ndarray, count: int) -> np.ndarray:
    """The `count` rows of the highest similarity (images,), one of each of `lesions`, nearest first."""
    order = np.argsort(-similarity, kind="stable")
    _, first = np.unique(lesions[order], return_index=True)
    return order[np.sort(first)[:count]]


class PicturesError(SpokenError, ValueError):
    """The folder of pictures cannot be used; the message is one sentence that says what to do."""


class LesionPictures:
    """Thumbnails by image id: those `shipped` with the weights, and the ID.jpg files of a `folder`.

    `archive`: shows pictures of others, None where they are only linked to; `asks_archive`: whether it
    is asked for them without a reader's click. Raises `PicturesError` when `folder` is given and holds
    no image files.
    """

    @classmethod
    def from_environment(
        cls, shipped: Mapping[str, bytes], environment: Mapping[str, str]
    ) -> "LesionPictures":
        """As `SKIN_APP_HAM10000`, `SKIN_APP_PICTURES` and `SKIN_APP_CACHE` say."""
        wanted = environment.get("SKIN_APP_PICTURES", "")
        if wanted not in ("", "archive"):
            raise PicturesError(
                "SKIN_APP_PICTURES is “{wanted}”: set it to archive, to fetch pictures from the ISIC "
                "Archive without a click, or leave it empty.",
                wanted=wanted,
            )
        archive = ArchivePictures(PictureCache(cache_folder(environment)))
        return cls(shipped, environment.get("SKIN_APP_HAM10000"), archive, wanted == "archive")

    def __init__(
        self,
        shipped: Mapping[str, bytes],
        folder: str | Path | None = None,
        archive: ArchivePictures | None = None,
        asks_archive: bool = False,
    ) -> None:
        self.archive, self.asks_archive = archive, asks_archive
        self._files: dict[str, bytes | Path] = {**shipped}
        if folder:
            if not Path(folder).is_dir():
                raise PicturesError(
                    "{folder} is no folder: set SKIN_APP_HAM10000 to the folder that holds HAM10000's "
                    "images, or leave it empty.",
                    folder=folder,
                )
            found = {
                path.stem: path
                for path in Path(folder).rglob("*")
                if path.suffix.lower() in READ_SUFFIXES
            }
            if not found:
                raise PicturesError(
                    "{folder} holds no image files: set SKIN_APP_HAM10000 to the folder that holds "
                    "HAM10000's images, or leave it empty.",
                    folder=folder,
                )
            self._files |= found
        self.thumbnail = lru_cache(THUMBNAILS_KEPT)(self._thumbnail)

    def _thumbnail(self, image_id: str) -> np.ndarray | None:
        """(height, width, 3) uint8, each side at most `THUMBNAIL_SIDE`; None without a picture."""
        file = self._files.get(image_id)
        if file is None:
            return None
        try:
            return shrunk(read_photo(file).pixels, THUMBNAIL_SIDE)
        except PhotoError:
            return None
