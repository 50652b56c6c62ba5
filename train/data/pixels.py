"""Decodes every image once into a cache on the disk, and takes batches from it for training."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from skin_app.photo.read import PhotoError, read_photo
from skin_app.result_files import beside
from skin_app.views import centre_square
from train.data.ham10000 import DataError, Dataset

SHARE = 0.4  # of the free GPU memory, so that training itself keeps the larger part


def cached_squares(data: Dataset, side: int, folder: Path) -> np.ndarray:
    """Every image's centre square, decoded once: (images, 3, side, side) uint8, memory-mapped.

    Raises `DataError` naming the first images that cannot be decoded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pixels = folder / f"squares-{side}-{data.fingerprint[:12]}.npy"
    if not pixels.is_file():
        # a mapped file is filled page by page: a full disk would kill the process silently
        needed, free = len(data.table) * 3 * side * side, shutil.disk_usage(folder).free
        if free < needed:
            raise DataError(
                f"The decoded pixels need {needed / 1e9:.1f} GB in {folder}, and {free / 1e9:.1f} GB "
                "are free: free some space, or choose another --out."
            )
        with beside(pixels) as partial:
            _decode_all(data, side, partial)
    return np.load(pixels, mmap_mode="r")


def _decode_all(data: Dataset, side: int, path: Path) -> None:
    ids, paths = data.table["image_id"].tolist(), data.table["path"].tolist()
    cache = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(len(ids), 3, side, side))
    broken: list[str] = []

    def decode(row: int) -> None:
        try:
            photo = read_photo(paths[row])
        except PhotoError as error:
            broken.append(f"{ids[row]}: {error}")
            return
        image = torch.from_numpy(photo.pixels).permute(2, 0, 1)
        cache[row] = centre_square(image, side).mul(255).round().to(torch.uint8).numpy()

    with ThreadPoolExecutor(2) as pool:
        list(tqdm(pool.map(decode, range(len(ids))), "decode", len(ids), mininterval=5))
    if broken:
        raise DataError(
            f"{len(broken)} images cannot be decoded ({'; '.join(sorted(broken)[:3])}): replace them "
            "or take their rows out of the CSV."
        )
    cache.flush()


class Pixels:
    """Batches of the cached squares, (images, 3, side, side) uint8, on `device`.

    All squares move to the GPU if they fit; else they stay memory-mapped.
    """

    def __init__(self, squares: np.ndarray, device: torch.device) -> None:
        self.device = device
        self.squares = squares
        fits = device.type == "cuda" and squares.nbytes < SHARE * torch.cuda.mem_get_info(device)[0]
        self.resident = torch.from_numpy(np.ascontiguousarray(squares)).to(device) if fits else None

    def take(self, rows: np.ndarray) -> Tensor:
        """The images `rows` as (len(rows), 3, side, side) float32 in [0, 1] on the device."""
        if self.resident is not None:
            return self.resident[torch.from_numpy(rows).to(self.device)].float().div_(255)
        order = np.argsort(rows, kind="stable")  # reads the disk in ascending order
        chosen = np.empty((len(rows), *self.squares.shape[1:]), dtype=np.uint8)
        chosen[order] = self.squares[rows[order]]
        return torch.from_numpy(chosen).to(self.device).float().div_(255)
