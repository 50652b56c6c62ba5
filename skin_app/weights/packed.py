"""Weights as 8-bit integers: half the size of float16, multiplied out when they are loaded.

Matrices and convolution kernels (names in `.weight`, two axes or more) are stored as int8 with one
scale for each output channel, `value = integer * scale`; all other tensors as float16. The networks
then run in the precision of the machine, as if they had been stored in full.
"""

import torch
from torch import Tensor

SCALE = ".scale"
MOST = 127


def packed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`state` with its matrices as int8, and a tensor NAME.scale (float32, (outputs,)) beside each."""
    stored: dict[str, Tensor] = {}
    for name, value in state.items():
        if not value.is_floating_point():
            stored[name] = value
        elif name.endswith(".weight") and value.ndim > 1:
            most = value.float().flatten(1).abs().amax(dim=1)
            scale = torch.where(most > 0, most / MOST, 1.0)
            whole = (value.float() / _along_outputs(scale, value)).round()
            stored[name], stored[name + SCALE] = whole.to(torch.int8), scale
        else:
            stored[name] = value.half()
    return stored


def unpacked(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Float32 weights of what `packed` gave, or of plain float16 weights; integers stay integers.

    Raises `KeyError` when an int8 matrix comes without its scale.
    """
    state: dict[str, Tensor] = {}
    for name, value in stored.items():
        if value.dtype == torch.int8:
            state[name] = value.float() * _along_outputs(stored[name + SCALE], value)
        elif not name.endswith(SCALE):
            state[name] = value.float() if value.is_floating_point() else value
    return state


def _along_outputs(scale: Tensor, value: Tensor) -> Tensor:
    return scale.float().view(-1, *[1] * (value.ndim - 1))
