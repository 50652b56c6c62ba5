"""Whether a training survives kill -9, a full disk, damaged files and a second command on its folder.

The tries are those of `trainer_faults`, in a process with `disk_faults.c` loaded; for that a C compiler
(`cc`) must be there. Each small run has its recipe's stages, losses and schedules, a small network and
made-up images. A run checks its decoded pixels when it starts: the time for those of HAM10000 is
computed from that for a file of `SAMPLE` bytes.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reliability.trainer_faults import SMALL
from skin_app.weights.verify import file_hash

HERE = Path(__file__).parent
KILLS = os.environ.get("TRAINING_KILLS", "20")  # of each recipe; less only for a short try
EVERY = os.environ.get("TRAINING_EVERY", "1")  # the disk is filled at every n-th file operation
SAMPLE = 512 << 20
PIXELS = 10_015 * 3 * 256 * 256  # bytes of HAM10000's decoded pixels
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # a process with idle threads cannot be forked
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
    "GIT_DIR": os.devnull,  # weights state the revision, which a commit meanwhile would change
    "PYTHONPATH": str(HERE.parents[1]),
}


@dataclass(frozen=True)
class TrainingFaults:
    """`killed`, `filled`, `damaged`, `refused`: as `trainer_faults` prints them."""

    kills: int
    every: int
    killed: list[dict[str, Any]]
    filled: dict[str, Any]
    damaged: list[dict[str, Any]]
    refused: list[dict[str, Any]]
    checksum_gb_per_second: float
    checksum_seconds: float


def measure() -> TrainingFaults:
    """Run all tries in a temporary folder, as many at a time as there are processor cores."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speed = _checksum_bytes_per_second(folder / "sample")
        jobs = [("--part", "killed", "--kills", KILLS, "--recipe", recipe) for recipe in SMALL]
        jobs += [("--part", "filled", "--every", EVERY), ("--part", "damaged", "--part", "refused")]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            places = (folder / str(number) for number in range(len(jobs)))
            parts = list(pool.map(lambda place, job: tried(place, *job), places, jobs))
    found = {name: values for part in parts for name, values in part.items()}
    found["killed"] = [run for part in parts for run in part.get("killed", ())]
    return TrainingFaults(
        kills=int(KILLS),
        every=int(EVERY),
        **found,
        checksum_gb_per_second=round(speed / 1e9, 2),
        checksum_seconds=round(PIXELS / speed, 1),
    )


def tried(folder: Path, *options: str) -> dict[str, Any]:
    """What `trainer_faults` with these options finds, in the new folder `folder`."""
    folder.mkdir()
    library = folder / "disk_faults.so"
    source = HERE / "disk_faults.c"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    command = [sys.executable, "-m", "benchmarks.reliability.trainer_faults"]
    done = subprocess.run(
        [*command, str(folder / "runs"), *options],
        env={**os.environ, **ENVIRONMENT, "LD_PRELOAD": str(library)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def _checksum_bytes_per_second(path: Path) -> float:
    path.write_bytes(os.urandom(SAMPLE))
    started = time.perf_counter()
    file_hash(path)
    seconds = time.perf_counter() - started
    path.unlink()
    return SAMPLE / seconds
