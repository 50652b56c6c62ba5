"""Thumbnails of the gallery: what they are of, who gets them, and what is said of their licence."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skin_app.gallery.similar_lesions import LesionPictures
from skin_app.weights.folder import WeightsFolder, open_weights, read_folder
from tests.hub import WRITER, stand_in, use_hub
from tests.tiny import picture, write_weights
from train.__main__ import main
from train.data.ham10000 import DataError, read_dataset
from train.release.thumbnails import SIDE, with_thumbnails

ID = "ISIC_9000003"


@pytest.fixture
def weights(tmp_path: Path) -> WeightsFolder:
    return read_folder(write_weights(tmp_path / "weights", images=8), "test")


@pytest.fixture
def data(tmp_path: Path, weights: WeightsFolder) -> Path:
    """A folder like HAM10000 with a larger photo of each image of the gallery, with metadata."""
    folder = tmp_path / "ham"
    folder.mkdir()
    table = pd.read_csv(weights.folder / "gallery.csv").rename(columns={"lesion": "lesion_id"})
    table.to_csv(folder / "HAM10000_metadata.csv", index=False)
    for number, image_id in enumerate(table["image_id"]):
        exif = Image.Exif()
        exif[0x010E] = "a name of somebody"
        Image.fromarray(picture(number, 600, 450)).save(folder / f"{image_id}.jpg", exif=exif)
    return folder


def test_the_copy_holds_a_small_picture_of_each_image_and_the_licence(
    weights: WeightsFolder, data: Path
) -> None:
    with with_thumbnails(weights, read_dataset(data)) as published:
        pictures = published.thumbnails()
        assert {*pictures} == {*weights.gallery().image_ids}
        own = Image.open(io.BytesIO(pictures[ID]))
        assert (own.format, own.size, len(own.getexif())) == ("JPEG", (SIDE, 96), 0)
        whole = Image.open(data / f"{ID}.jpg").resize(own.size, Image.Resampling.BOX)
        difference = np.abs(np.asarray(own, float) - np.asarray(whole, float)).mean()
        others = [np.asarray(Image.open(io.BytesIO(other)), float) for other in pictures.values()]
        assert difference < 0.5 * np.mean([np.abs(o - np.asarray(whole, float)).mean() for o in others])
        shown = LesionPictures(pictures).thumbnail(ID)
        assert shown is not None
        assert shown.shape == (96, SIDE, 3)
        licence = (published.folder / "thumbnails/README.md").read_text()
        for part in ("Tschandl", "10.1038/sdata.2018.161", "licenses/by-nc/4.0", "128 pixels"):
            assert part in licence
        assert "`thumbnails` holds small copies" in (published.folder / "README.md").read_text()
        with with_thumbnails(weights, read_dataset(data)) as again:
            assert again.hash == published.hash  # so that nothing is sent anew
    assert not published.folder.exists()
    assert weights.thumbnails() == {}
    assert "thumbnails" not in {path.name for path in weights.folder.iterdir()}


def test_images_that_lack_are_told(weights: WeightsFolder, data: Path) -> None:
    table = pd.read_csv(data / "HAM10000_metadata.csv").query("image_id != @ID")
    table.to_csv(data / "HAM10000_metadata.csv", index=False)
    lacks = pytest.raises(DataError, match=f"1 of the gallery's images are not in --data .such as {ID}")
    with lacks, with_thumbnails(weights, read_dataset(data)):
        pass


def test_they_are_published_and_pulled_on_request(
    weights: WeightsFolder, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.release.publish.IDS", frozenset(weights.gallery().image_ids))
    command = ["publish", "--weights", str(weights.folder), "--repo", "me/lesions"]
    assert main([*command, "--gallery-thumbnails"]) == 2
    with stand_in() as hub:
        use_hub(monkeypatch, hub.url, tmp_path / "cache", WRITER)
        assert main([*command, "--gallery-thumbnails", "--data", str(data)]) == 0
        pulled = open_weights(f"me/lesions@{hub.repos['model', 'me/lesions'].head}")
        assert len(pulled.thumbnails()) == 8
        assert "CC BY-NC 4.0" in (pulled.folder / "thumbnails/README.md").read_text()
        assert main(command) == 0  # without them again
        assert not open_weights(f"me/lesions@{hub.repos['model', 'me/lesions'].head}").thumbnails()
