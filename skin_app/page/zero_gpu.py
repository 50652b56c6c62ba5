"""ZeroGPU: a GPU that a Space of Hugging Face borrows for the length of one call.

Its package `spaces`, which such a Space has installed, makes torch promise a GPU from its import on.
So it is imported before the networks are loaded. What it decorates runs in a forked process: arguments
and results are pickled, and a lock that another thread holds is held there for ever.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Task = TypeVar("Task", bound=Callable[..., Any])


def gpu_for_a_call(environ: Mapping[str, str]) -> Callable[[Task], Task]:
    """What makes a function borrow the GPU; without ZeroGPU, it leaves functions unchanged."""
    if not environ.get("SPACES_ZERO_GPU"):
        return lambda task: task
    try:
        from spaces import GPU  # pyright: ignore[reportMissingImports]
    except ImportError:
        return lambda task: task
    return GPU
