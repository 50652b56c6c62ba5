"""Decodes every image once into a cache on the disk, and takes batches from it for training."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from skin_app.photo.read import PhotoError, read_photo
from skin_app.views import centre_square
from train.data.ham10000 import DataError, Dataset
from train.data.kept_files import kept_file

CHUNK = 256  # images decoded ahead of the disk
SHARE = 0.4  # of the free GPU memory, so that training itself keeps the larger part


def cached_squares(data: Dataset, side: int, folder: Path) -> np.ndarray:
    """Every image's centre square, decoded once: (images, 3, side, side) uint8, memory-mapped.

    Raises `DataError` naming the first images that cannot be decoded.
    """
    pixels = folder / f"squares-{side}-{data.fingerprint[:12]}.npy"

    def decode(partial: Path) -> None:
        needed, free = len(data.table) * 3 * side * side, shutil.disk_usage(folder).free
        if free < needed:  # not after minutes of decoding
            raise DataError(
                f"The decoded pixels need {needed / 1e9:.1f} GB in {folder}, and {free / 1e9:.1f} GB "
                "are free: free some space, or choose another --out."
            )
        _decode_all(data, side, partial)

    return np.load(kept_file(pixels, decode), mmap_mode="r")


def _decode_all(data: Dataset, side: int, path: Path) -> None:
    """Write the squares row by row: a full disk would kill a process that fills a mapped file."""
    ids, paths = data.table["image_id"].tolist(), data.table["path"].tolist()
    broken: list[str] = []

    def square(row: int) -> np.ndarray | None:
        try:
            photo = read_photo(paths[row])
        except PhotoError as error:
            broken.append(f"{ids[row]}: {error}")
            return None
        image = torch.from_numpy(photo.pixels).permute(2, 0, 1)
        return centre_square(image, side).mul(255).round().to(torch.uint8).numpy()

    header = {"descr": "|u1", "fortran_order": False, "shape": (len(ids), 3, side, side)}
    progress = tqdm(total=len(ids), desc="decode", mininterval=5)
    with progress, path.open("wb") as file, ThreadPoolExecutor(2) as pool:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(ids), CHUNK):
            for pixels in pool.map(square, range(start, min(start + CHUNK, len(ids)))):
                progress.update()
                if pixels is not None:
                    file.write(pixels.tobytes())
    if broken:
        raise DataError(
            f"{len(broken)} images cannot be decoded ({'; '.join(sorted(broken)[:3])}): replace them "
            "or take their rows out of the CSV."
        )


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
