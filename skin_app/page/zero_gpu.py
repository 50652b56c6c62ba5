"""ZeroGPU: a GPU that a Space of Hugging Face borrows for the length of one call.

Its package `spaces`, which such a Space has installed, makes torch promise a GPU from its import on.
So it is imported before the networks are loaded. What it decorates runs in a forked process: arguments
and results are pickled, and a lock that another thread holds is held there for ever.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

import torch

Task = TypeVar("Task", bound=Callable[..., Any])


def gpu_for_a_call(environ: Mapping[str, str]) -> Callable[[Task], Task]:
    """What makes a function borrow the GPU; without ZeroGPU, it leaves functions unchanged."""
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
