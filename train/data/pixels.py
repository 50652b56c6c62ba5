"""Decoded pixels for training: on the GPU if they fit, else memory-mapped from the cache."""

import numpy as np
import torch
from torch import Tensor

SHARE = 0.4  # of the free GPU memory, so that training itself keeps the larger part


class Pixels:
    """Batches of the cached squares, (images, 3, side, side) uint8, on `device`."""

    def __init__(self, squares: np.ndarray, device: torch.device) -> None:
        self.device = device
        self.squares = squares
        self.resident = (
            torch.from_numpy(np.ascontiguousarray(squares)).to(device)
            if _fits(squares, device)
            else None
        )

    def take(self, rows: np.ndarray) -> Tensor:
        """The images `rows` as (len(rows), 3, side, side) float32 in [0, 1] on the device."""
        if self.resident is not None:
            return self.resident[torch.from_numpy(rows).to(self.device)].float().div_(255)
        order = np.argsort(rows, kind="stable")  # reads the disk in ascending order
        chosen = np.empty((len(rows), *self.squares.shape[1:]), dtype=np.uint8)
        chosen[order] = self.squares[rows[order]]
        return torch.from_numpy(chosen).to(self.device).float().div_(255)


def _fits(squares: np.ndarray, device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return squares.nbytes < SHARE * free
