"""Stores weights as float16, or as 8-bit integers in half the space.

As "int8", matrices and convolution kernels (names in `.weight`, two axes or more) are integers with one
scale for each output channel, `value = integer * scale`; all other tensors are float16. Storage
does not affect the precision in which the networks run, which depends on the machine.
"""

from typing import Literal

import torch
from torch import Tensor

Stored = Literal["float16", "int8"]
SCALE = ".scale"
MOST = 127


def packed(state: dict[str, Tensor], stored: Stored) -> dict[str, Tensor]:
    """`state` as `stored`; int8 puts a tensor NAME.scale (float32, (outputs,)) beside each matrix."""
    tensors: dict[str, Tensor] = {}
    for name, value in state.items():
        if stored == "int8" and name.endswith(".weight") and value.ndim > 1:
            most = value.float().flatten(1).abs().amax(dim=1)
            scale = torch.where(most > 0, most / MOST, 1.0)
            whole = (value.float() / _along_outputs(scale, value)).round()
            tensors[name], tensors[name + SCALE] = whole.to(torch.int8), scale
        else:
            tensors[name] = value.half() if value.is_floating_point() else value
    return tensors


def unpacked(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights that `packed` stored, as float32; integers stay integers.

    Raises `KeyError` when an int8 matrix comes without its scale.
    """
    state: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if value.dtype == torch.int8:
            state[name] = value.float() * _along_outputs(tensors[name + SCALE], value)
        elif not name.endswith(SCALE):
            state[name] = value.float() if value.is_floating_point() else value
    return state


def _along_outputs(scale: Tensor, value: Tensor) -> Tensor:
    return scale.float().view(-1, *[1] * (value.ndim - 1))
