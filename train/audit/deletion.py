"""Deletion and insertion curves: does the answer hang on the pixels that a map calls important?

Petsiuk et al., "RISE" (2018): the most important pixels are taken away first (the probability should
fall quickly: a small area under the curve is good), or put back first (it should rise quickly: a large
area is good). What is taken away is replaced by a strongly blurred copy of the image, in both curves.
Not by black: black areas with hard edges are unlike anything learnt from, or look like the dark corners
of a dermatoscope, and the network would answer to them and not to what is missing.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from train.explain.maps import enlarged, random_map

STEPS = 10
BLUR = 1 / 8  # standard deviation of the blur, in sides of the square
SAME = 1e-3  # maps that differ by less, on the scale of their own range, share their curves


class Curves(NamedTuple):
    """Probabilities after 0, 1, ... `STEPS` steps, (steps + 1,) each, equal shares of the pixels."""

    deletion: np.ndarray
    insertion: np.ndarray


def blurred(square: Tensor) -> Tensor:
    """`square`, (3, size, size) in [0, 1], so blurred that colours remain and structure does not."""
    sigma = BLUR * square.shape[-1]
    return torch.from_numpy(gaussian_filter(square.numpy(), (0, sigma, sigma), mode="reflect"))


def importance_order(heat: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """Flat indices of the pixels, most important first; both arguments (size, size).

    Where `heat` is equal (all places that a positive part has cut to 0), the higher `ties` comes first:
    the order of the rows would be a map of its own.
    """
    return np.lexsort((-ties.ravel(), -heat.ravel()))


def area(curve: np.ndarray) -> float:
    """Area under a curve over the share of pixels from 0 to 1, by trapezoids: a mean probability."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))


def curves(
    probability: Callable[[Tensor], np.ndarray],
    square: Tensor,
    maps: Mapping[str, np.ndarray],
    seed: int = 0,
    steps: int = STEPS,
) -> dict[str, Curves]:
    """Both curves of each map of one image.

    `probability`: from (batch, 3, size, size) to (batch,), that of the diagnosis explained. `square`:
    (3, size, size) in [0, 1]. `maps`: (rows, columns) each. `seed`: of the order among equal pixels.
    """
    size = square.shape[-1]
    smooth = blurred(square)
    whole, gone = probability(torch.stack([square, smooth]))
    found: dict[str, Curves] = {}
    for name, heat in maps.items():
        twin = next((other for other in found if like(maps[other], heat)), None)
        if twin is not None:
            found[name] = found[twin]
            continue
        ties = enlarged(random_map(*heat.shape, seed=seed), size)
        order = importance_order(enlarged(heat, size), ties)
        firsts = [_first(order, size, step / steps) for step in range(1, steps)]
        without = [torch.where(first, smooth, square) for first in firsts]
        only = [torch.where(first, square, smooth) for first in firsts]
        values = probability(torch.stack(without + only))
        found[name] = Curves(
            deletion=np.array([whole, *values[: steps - 1], gone]),
            insertion=np.array([gone, *values[steps - 1 :], whole]),
        )
    return found


def like(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two maps are the same but for their scale and what was subtracted from them."""
    return one.shape == other.shape and float(np.abs(_spread(one) - _spread(other)).max()) < SAME


def _spread(heat: np.ndarray) -> np.ndarray:
    reach = float(heat.max() - heat.min())
    return (heat - heat.min()) / reach if reach > 0 else np.zeros_like(heat)


def _first(order: np.ndarray, size: int, share: float) -> Tensor:
    """(size, size) bool: the first `share` of the pixels in `order`."""
    first = np.zeros(size * size, dtype=bool)
    first[order[: round(share * size * size)]] = True
    return torch.from_numpy(first.reshape(size, size))
