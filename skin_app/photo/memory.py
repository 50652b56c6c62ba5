"""What happens where memory runs out: smaller batches first, then the CPU instead of a GPU, then one
sentence.

`Ensemble` turns to the CPU, and says so in the answer: that takes many times as long, and the numbers
differ slightly from those of the GPU.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

from skin_app.photo.formats import PhotoError

Given = ParamSpec("Given")
Result = TypeVar("Result")
# torch raises plain errors where the host's memory, or that of a library on the GPU, runs out
TOLD = ("can't allocate memory", "out of memory", "ALLOC_FAILED", "OUT_OF_DEVICE_MEMORY")


class MemoryFullError(PhotoError):
    """Memory ran out; the message is one sentence that says what to do."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that the memory of this machine or of its GPU is full."""
    full = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return full or (isinstance(error, RuntimeError) and any(text in str(error) for text in TOLD))


def told_when_full(run: Callable[Given, Result]) -> Callable[Given, Result]:
    """Turns an error of full memory in `run` into `MemoryFullError`."""

    @wraps(run)
    def told(*given: Given.args, **named: Given.kwargs) -> Result:
        try:
            return run(*given, **named)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            full = MemoryFullError(
                "This machine has too little free memory for the photo: try again in a moment, or save "
                "a smaller copy and try that."
            )
        raise full  # only here, where it does not hold the frames and the tensors of the error

    return told


def in_parts(run: Callable[[slice], list[Tensor]], length: int, most: int) -> list[Tensor]:
    """What `run` returns for slices of `length` items of at most `most`, joined along the first axis.

    Each time memory runs out, half as many items are tried at once. The error goes through where a
    single one is too much.
    """
    parts: list[list[Tensor]] = []
    start = 0
    while start < length:
        part = unless_full(partial(run, slice(start, start + most)), last=most == 1)
        if part is None:
            most //= 2
        else:
            parts.append(part)
            start += most
    return [torch.cat(tensors) for tensors in zip(*parts, strict=True)]


def unless_full(run: Callable[[], Result], last: bool = False) -> Result | None:
    """What `run` returns; None where memory ran out, unless it is the `last` try.

    A function of its own: when it returns, nothing holds the tensors of a failed attempt any more.
    """
    try:
        return run()
    except (MemoryError, RuntimeError) as error:
        if last or not is_out_of_memory(error):
            raise
        return None
