"""From which likeness on a photo is taken for one of the gallery's own images."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from skin_app.gallery.index import SAME_PHOTO, Gallery
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


def test_lesions_that_are_alike_raise_the_limit(embeddings: np.ndarray, tmp_path: Path) -> None:
    assert same_photo(embeddings, LESIONS) == SAME_PHOTO
    near = embeddings.copy()
    near[1] = near[0] + 0.11 * near[1]
    near[1] /= np.linalg.norm(near[1])
    likeness = float(near[0] @ near[1])
    assert same_photo(near, LESIONS) == pytest.approx(likeness + 5e-4, abs=1e-6)
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
