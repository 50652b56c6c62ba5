"""Thumbnails of the gallery's images, for weights that are published with pictures.

HAM10000 is CC BY-NC 4.0: who publishes its pictures names its authors and licence, says what was
changed, and earns nothing by it. So no weights folder gets pictures unless its publisher asks for them.
"""

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save
from tqdm import tqdm

from skin_app.overlay import shrunk
from skin_app.photo.read import read_photo
from skin_app.weights.contract import THUMBNAILS
from skin_app.weights.folder import WeightsFolder, read_folder
from train.data.ham10000 import DataError, Dataset
from train.documents.template import filled
from train.release.weights_folder import put_into

SIDE, QUALITY = 128, 85  # pixels of the longer side; of the JPEG


@contextmanager
def with_thumbnails(weights: WeightsFolder, data: Dataset) -> Iterator[WeightsFolder]:
    """A copy of `weights` that also holds a thumbnail of each of the gallery's images, until the end.

    The weights themselves stay without pictures. Raises `DataError` if `data` lacks images of the
    gallery.
    """
    ids, paths = weights.gallery().image_ids, data.table.set_index("image_id")["path"].to_dict()
    if lacking := [image_id for image_id in ids if image_id not in paths]:
        raise DataError(
            f"{len(lacking)} of the gallery's images are not in --data (such as {lacking[0]}): pass "
            "the folder that holds all of HAM10000."
        )
    pictures = {image_id: _thumbnail(paths[image_id]) for image_id in tqdm(ids, "thumbnails")}
    files = {
        THUMBNAILS: save(pictures),
        f"{Path(THUMBNAILS).parent}/README.md": filled(
            "thumbnails.md", images=len(pictures), side=SIDE, file=Path(THUMBNAILS).name
        ).encode(),
    }
    with tempfile.TemporaryDirectory(prefix="skin-app-") as place:
        folder = Path(place) / "weights"
        shutil.copytree(weights.folder, folder)
        put_into(folder, weights.contract, files)
        yield replace(read_folder(folder, weights.source), instead=weights.instead)


def _thumbnail(path: Path) -> np.ndarray:
    """(bytes,) uint8 of a JPEG; without metadata, because `read_photo` drops it."""
    file = io.BytesIO()
    Image.fromarray(shrunk(read_photo(path).pixels, SIDE)).save(file, "JPEG", quality=QUALITY)
    return np.frombuffer(file.getvalue(), np.uint8)
