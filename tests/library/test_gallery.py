"""Nearest lesions, the limit for "the same photo", thumbnails, and counts of the patients."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from skin_app.gallery.patient_table import UNKNOWN
from skin_app.gallery.similar_lesions import (
    SAME_PHOTO,
    THUMBNAIL_SIDE,
    Gallery,
    LesionPictures,
    PicturesError,
)
from skin_app.weights.folder import EMBEDDED, open_weights
from tests.tiny import picture, write_weights
from train.release.gallery_index import HIGHEST, same_photo, tells_photos_apart

LESIONS = np.array([f"lesion {number}" for number in range(50)])


@pytest.fixture
def embeddings() -> np.ndarray:
    """Of 50 lesions, all different."""
    random = np.random.default_rng(0).normal(size=(50, 64))
    return random / np.linalg.norm(random, axis=1, keepdims=True)


def stored(folder: Path, limit: float) -> Path:
    save_file({"same_photo": torch.tensor(limit)}, folder / "gallery.safetensors")
    return folder


def test_similar_lesions_raise_the_limit(embeddings: np.ndarray, tmp_path: Path) -> None:
    assert same_photo(embeddings, LESIONS) == SAME_PHOTO
    near = embeddings.copy()
    near[1] = near[0] + 0.11 * near[1]
    near[1] /= np.linalg.norm(near[1])
    similarity = float(near[0] @ near[1])
    assert same_photo(near, LESIONS) == pytest.approx(similarity + 5e-4, abs=1e-6)
    assert tells_photos_apart(stored(tmp_path, same_photo(near, LESIONS)))


def test_a_photo_is_found_again_even_if_another_lesion_has_the_same(
    embeddings: np.ndarray, tmp_path: Path
) -> None:
    embeddings[1] = embeddings[0]
    limit = same_photo(embeddings, LESIONS)
    assert limit == HIGHEST < 1
    assert not tells_photos_apart(stored(tmp_path, limit))
    columns = {"image_id": LESIONS, "lesion": LESIONS, "dx": "nv", "dx_type": "histo"}
    table = pd.DataFrame(columns).assign(age=np.nan, sex="unknown", localization="back")
    gallery = Gallery(embeddings.astype(np.float16), table, limit)
    assert all(gallery.nearest(own)[0].is_the_same_photo for own in embeddings)


def test_each_similar_lesion_is_another_lesion(tmp_path: Path) -> None:
    gallery = open_weights(write_weights(tmp_path / "weights", images=8)).gallery()
    nearest = gallery.nearest(np.ones(gallery._embeddings.shape[1]), count=6)
    assert len(nearest) == 4  # eight images of four lesions


def test_thumbnails_come_from_a_local_folder_and_a_broken_picture_is_none(tmp_path: Path) -> None:
    images = tmp_path / "images" / "part_1"
    images.mkdir(parents=True)
    Image.fromarray(picture(3, 600, 450)).save(images / "ISIC_9000003.jpg")
    (images / "ISIC_9000001.jpg").write_bytes(b"no image")
    shipped = tmp_path / "ISIC_9000002.png"
    Image.fromarray(picture(2)).save(shipped)
    pictures = LesionPictures({"ISIC_9000002": shipped.read_bytes()}, tmp_path / "images")
    thumbnail = pictures.thumbnail("ISIC_9000003")
    assert thumbnail is not None
    assert thumbnail.shape == (180, THUMBNAIL_SIDE, 3)
    assert pictures.thumbnail("ISIC_9000002") is not None
    assert pictures.thumbnail("ISIC_9000001") is None
    assert pictures.thumbnail("ISIC_9000004") is None


def test_embedded_weights_have_no_thumbnails_and_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert open_weights().thumbnails() == {}
    with pytest.raises(PicturesError, match="holds no image files: set SKIN_APP_HAM10000"):
        LesionPictures({}, tmp_path)
    with pytest.raises(PicturesError, match="is no folder: set SKIN_APP_HAM10000"):
        LesionPictures({}, tmp_path / "nowhere")


def test_the_cohort_is_counted_as_pandas_counts_the_gallery(tmp_path: Path) -> None:
    cohort = open_weights().cohort()
    table = pd.read_csv(EMBEDDED / "gallery.csv")
    assert (cohort.images, cohort.lesions) == (len(table), table["lesion"].nunique())
    for axis, groups in cohort.groups.items():
        assert sum(group.images for group in groups) == len(table), axis
    diagnoses = {group.name: (group.images, group.lesions) for group in cohort.groups["dx"]}
    melanomas = table.loc[table["dx"] == "mel", "lesion"]
    assert diagnoses["mel"] == (len(melanomas), len(set(melanomas)))
    assert [group.images for group in cohort.groups["dx"]] == sorted(
        (group.images for group in cohort.groups["dx"]), reverse=True
    )
    ages = cohort.groups["age"]
    assert (ages[0].name, ages[0].images) == ("0-29", (table["age"] < 30).sum())
    assert ages[-1].name == cohort.groups["sex"][-1].name == UNKNOWN
    (only,) = open_weights(write_weights(tmp_path / "weights", images=30)).cohort().groups["age"]
    assert (only.name, only.images, only.lesions) == ("45-59", 30, 15)
