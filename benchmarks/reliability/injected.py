"""Runs app.py with faults that nothing outside can cause.

    python -m benchmarks.reliability.injected FOLDER

While FOLDER/gpu-full-above holds a number, forward passes of more images raise
`torch.OutOfMemoryError`. If FOLDER/fast exists at the start, uploads and sessions are forgotten after
seconds instead of minutes, and `time.time` is shifted by the seconds that FOLDER/clock holds.
"""

import runpy
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from skin_app import member_groups

ROOT = Path(__file__).resolve().parents[2]
UPLOAD_FOR, SESSION_FOR, LOOK_EVERY = 6.0, 12.0, 1.0  # seconds, where FOLDER/fast exists


def main() -> None:
    folder = Path(sys.argv[1])
    run_members, attributions = member_groups.run_members, member_groups.attributions

    def check(images: Tensor) -> None:
        limit = folder / "gpu-full-above"
        if limit.exists() and len(images) > int(limit.read_text()):
            raise torch.OutOfMemoryError("CUDA out of memory (simulated).")

    def limited_run(members: Any, stages: int, images: Tensor) -> Any:
        check(images)
        return run_members(members, stages, images)

    def limited_maps(member: Any, images: Tensor, *others: Any) -> Tensor:
        check(images)
        return attributions(member, images, *others)

    setattr(member_groups, "run_members", limited_run)  # noqa: B010
    setattr(member_groups, "attributions", limited_maps)  # noqa: B010
    if (folder / "fast").exists():
        clock, told = folder / "clock", time.time
        setattr(time, "time", lambda: told() + float(clock.read_text() or 0))  # noqa: B010
        from skin_app.page import serve, uploads_and_sessions

        uploads_and_sessions.SWEEP_EVERY = serve.LOOK_EVERY = LOOK_EVERY
        serve.HELD_FOR = int(SESSION_FOR)
        uploads_and_sessions.Sweeper.sweep.__defaults__ = (UPLOAD_FOR,)
    sys.argv = ["app.py"]
    runpy.run_path(str(ROOT / "app.py"), run_name="__main__")


if __name__ == "__main__":
    main()
