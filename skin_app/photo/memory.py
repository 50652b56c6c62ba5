"""What happens where memory runs out: smaller batches first, then one sentence, and nothing else.

A photo is not computed on the CPU instead of a full GPU: its answer would take many times as long, hold
up everybody behind it, and differ slightly from the same photo's answer a minute later.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

from skin_app.photo.formats import PhotoError

Given = ParamSpec("Given")
Result = TypeVar("Result")
# torch raises plain errors where the host's memory, or that of a library on the GPU, runs out
TOLD = ("can't allocate memory", "out of memory", "ALLOC_FAILED")


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
            full = _told(error)
        raise full  # only here, where it does not hold the frames and the tensors of the error

    return told


def _told(error: BaseException) -> MemoryFullError:
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return MemoryFullError(
            "This machine has too little free memory for the photo: try again in a moment, or save a "
            "smaller copy and try that."
        )
    return MemoryFullError(
        "The GPU has too little free memory for the photo: try again in a moment, when other photos "
        "and programs have freed some."
    )


def in_parts(run: Callable[[slice], list[Tensor]], length: int, most: int) -> list[Tensor]:
    """What `run` returns for slices of `length` items of at most `most`, joined along the first axis.

    Each time memory runs out, half as many items are tried at once. The error goes through where a
    single one is too much.
    """
    parts: list[list[Tensor]] = []
    start = 0
    while start < length:
        part = _tried(run, slice(start, start + most), last=most == 1)
        if part is None:
            most //= 2
        else:
            parts.append(part)
            start += most
    return [torch.cat(tensors) for tensors in zip(*parts, strict=True)]


def _tried(run: Callable[[slice], list[Tensor]], part: slice, last: bool) -> list[Tensor] | None:
    """What `run` returns; None where memory ran out, unless it is the `last` try.

    A function of its own: when it returns, nothing holds the tensors of a failed attempt any more.
    """
    try:
        return run(part)
    except (MemoryError, RuntimeError) as error:
        if last or not is_out_of_memory(error):
            raise
        return None
