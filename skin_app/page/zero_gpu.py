"""ZeroGPU: a GPU that a Space of Hugging Face borrows for the length of one call.

Such a Space has its package `spaces` installed. Once that is imported, torch says that there is a GPU.
So it is imported before the networks are loaded. What it decorates runs in a forked process: arguments
and results are pickled, and a lock that another thread held at the fork is never released there.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

import torch

Task = TypeVar("Task", bound=Callable[..., Any])


def gpu_for_a_call(environ: Mapping[str, str]) -> Callable[[Task], Task]:
    """Makes a function borrow the GPU. Without ZeroGPU or its package, it stays unchanged."""
    if not environ.get("SPACES_ZERO_GPU"):
        return lambda task: task
    try:
        from spaces import GPU  # pyright: ignore[reportMissingImports]
    except ImportError:
        return lambda task: task
    return lambda task: GPU(_on_one_thread(task))


def _on_one_thread(task: Task) -> Task:
    """`task` for a forked process, which would wait for ever for the threads of its parent's OpenMP."""

    @wraps(task)
    def run(*args: Any, **kwargs: Any) -> Any:
        torch.set_num_threads(1)
        return task(*args, **kwargs)

    return run  # type: ignore[return-value]
