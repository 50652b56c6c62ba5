"""Pictures of the gallery's lesions, from the weights folder or a local copy of HAM10000.

This repository holds none, for licence reasons; the page then links to the public archive.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from skin_app.photo.read import READ_SUFFIXES, PhotoError, read_photo
from skin_app.weights.folder import WeightsFolder

LONG_SIDE = 240
KEPT = 512  # thumbnails in memory, about 130 kB each


class PicturesError(ValueError):
    """The folder of pictures cannot be used; the message is one sentence that says what to do."""


class LesionPictures:
    """Thumbnails by image id, from the weights' `thumbnails/` and from a `folder` of ID.jpg files.

    Raises `PicturesError` when `folder` is given and holds no image files.
    """

    def __init__(self, weights: WeightsFolder, folder: str | Path | None = None) -> None:
        self._paths = {
            Path(name).stem: weights.folder / name
            for name in weights.contract.files
            if name.startswith("thumbnails/")
        }
        if folder:
            found = {
                path.stem: path
                for path in Path(folder).rglob("*")
                if path.suffix.lower() in READ_SUFFIXES
            }
            if not found:
                raise PicturesError(
                    f"{folder} holds no image files: set SKIN_APP_HAM10000 to the folder that holds "
                    "HAM10000's images, or leave it empty."
                )
            self._paths |= found
        self.thumbnail = lru_cache(KEPT)(self._thumbnail)

    def __len__(self) -> int:
        return len(self._paths)

    def _thumbnail(self, image_id: str) -> np.ndarray | None:
        """(height, width, 3) uint8, each side at most `LONG_SIDE`; None if there is no picture."""
        path = self._paths.get(image_id)
        if path is None:
            return None
        try:
            pixels = read_photo(path).pixels
        except PhotoError:
            return None  # the card then says that the picture is in the archive only
        return shrunk(pixels, LONG_SIDE)


def shrunk(pixels: np.ndarray, long_side: int) -> np.ndarray:
    """(height, width, 3) uint8, shrunk if needed until no side is longer than `long_side`."""
    scale = long_side / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = [max(1, round(side * scale)) for side in pixels.shape[:2]]
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    smaller = F.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)
    return smaller[0].round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
