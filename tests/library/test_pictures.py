from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skin_app.gallery.pictures import LONG_SIDE, LesionPictures, PicturesError, shrunk
from skin_app.weights.folder import read_folder
from tests.tiny import picture, write_weights


def test_thumbnails_come_from_a_local_folder(tmp_path: Path) -> None:
    weights = read_folder(write_weights(tmp_path / "weights"), "test")
    images = tmp_path / "images" / "part_1"
    images.mkdir(parents=True)
    Image.fromarray(picture(3, 600, 450)).save(images / "ISIC_9000003.jpg")
    pictures = LesionPictures(weights, tmp_path / "images")
    thumbnail = pictures.thumbnail("ISIC_9000003")
    assert thumbnail is not None
    assert thumbnail.shape == (180, LONG_SIDE, 3)
    assert pictures.thumbnail("ISIC_9000004") is None
    assert len(pictures) == 1


def test_without_a_folder_weights_without_thumbnails_have_none(tmp_path: Path) -> None:
    pictures = LesionPictures(read_folder(write_weights(tmp_path / "weights"), "test"))
    assert len(pictures) == 0
    assert pictures.thumbnail("ISIC_9000000") is None


def test_a_folder_without_images_is_one_sentence(tmp_path: Path) -> None:
    weights = read_folder(write_weights(tmp_path / "weights"), "test")
    with pytest.raises(PicturesError, match="holds no image files: set SKIN_APP_HAM10000"):
        LesionPictures(weights, tmp_path / "nowhere")


def test_a_broken_picture_is_none(tmp_path: Path) -> None:
    weights = read_folder(write_weights(tmp_path / "weights"), "test")
    (tmp_path / "ISIC_9000001.jpg").write_bytes(b"no image")
    assert LesionPictures(weights, tmp_path).thumbnail("ISIC_9000001") is None


def test_shrinking_keeps_the_shape_and_never_enlarges() -> None:
    pixels = np.full((100, 200, 3), 77, np.uint8)
    assert shrunk(pixels, 50).shape == (25, 50, 3)
    assert (shrunk(pixels, 50) == 77).all()
    assert shrunk(pixels, 500) is pixels
