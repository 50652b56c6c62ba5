"""Divides the work between processes: one CPU or GPU, several, or several machines (Accelerate)."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, gather_object

from skin_app.hardware import best_device, describe, has_bfloat16
from skin_app.one_command import only_command
from train.recipes.recipe import RunError

Result = TypeVar("Result")


def new_accelerator() -> Accelerator:
    """Accelerate's view of the processes that `accelerate launch` started (or of this one alone).

    bfloat16 where it is faster; `BatchStatistics` averages what torch would broadcast.
    """
    device = best_device()
    return Accelerator(
        cpu=device.type == "cpu",
        mixed_precision="bf16" if has_bfloat16(device) else "no",
        kwargs_handlers=[
            # some of timm's backbones hold layers that only their own heads use
            DistributedDataParallelKwargs(broadcast_buffers=False, find_unused_parameters=True)
        ],
    )


def in_turn(accelerator: Accelerator, action: Callable[[], Result]) -> Result:
    """Run `action` in one process after another, so that later ones find what the first wrote."""
    results: list[Result] = []
    for turn in range(accelerator.num_processes):
        if turn == accelerator.process_index:
            results.append(action())
        accelerator.wait_for_everyone()
    return results[0]


def only_run(place: Path, accelerator: Accelerator) -> AbstractContextManager[None]:
    """`only_command` for all processes of one command: the first keeps the place for them."""
    return only_command(place) if accelerator.is_main_process else nullcontext()


def own_parts(accelerator: Accelerator, micro_batches: int) -> range:
    """Numbers of the micro-batches that this process computes.

    Raises `RunError` when the processes cannot share them equally.
    """
    processes = accelerator.num_processes
    if micro_batches % processes:
        raise RunError(
            f"{micro_batches} micro-batches cannot be shared by {processes} processes: pass "
            f"--micro-batches {processes} (or a multiple of it)."
        )
    return range(accelerator.process_index, micro_batches, processes)


def gathered(accelerator: Accelerator, own: list[Any]) -> list[Any]:
    """The lists of all processes, concatenated."""
    return gather_object(own) if accelerator.num_processes > 1 else own


def hardware(accelerator: Accelerator) -> str:
    """The hardware in words, for a results table, such as "2 x CPU (x86_64, 2 threads), float32"."""
    number_format = "bfloat16" if accelerator.mixed_precision == "bf16" else "float32"
    count = f"{accelerator.num_processes} x " if accelerator.num_processes > 1 else ""
    return f"{count}{describe(accelerator.device)}, {number_format}"
