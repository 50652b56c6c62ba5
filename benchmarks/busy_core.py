"""How much slower `python -m skin_app score` is beside a process that keeps one core busy.

    python benchmarks/busy_core.py [--photos 24] [--out FILE]

GNU OpenMP lets the threads of the networks wait awake for their next piece of work, which takes a core
from others. The program shortens this (`GOMP_SPINCOUNT` in `skin_app/__main__.py` and `app.py`).
Measured: both settings, alone and beside a busy process, each in a new process; the time to start and
load is subtracted. The photos are the drawings of the page, again and again.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch

from skin_app.hardware import best_device, describe
from skin_app.result_files import OutputError, check_output, replace_file

ROOT = Path(__file__).resolve().parents[1]
DRAWN = sorted((ROOT / "skin_app" / "page" / "examples").glob("*.jpg"))
GNUS_OWN = "300000"  # libgomp's, with as many threads as cores
HEAD = "seconds a photo"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    if options.out:
        try:
            check_output(options.out, HEAD.encode())
        except OutputError as error:
            parser.error(str(error))
    rows = [
        (name, [seconds_a_photo(options.photos, spins, busy) for busy in (False, True)])
        for name, spins in (("GNU OpenMP's own", GNUS_OWN), ("the program's", None))
    ]
    (_, own), (_, ours) = rows
    lines = [
        f"{HEAD}, {options.photos} photos, {describe(best_device())}, torch {torch.__version__}",
        "",
        f"{'waiting awake':20}{'alone':>10}{'beside a busy process':>25}",
        *(f"{name:20}{alone:10.2f}{busy:25.2f}" for name, (alone, busy) in rows),
        f"{'program / GNU':20}{ours[0] / own[0]:10.2f}{ours[1] / own[1]:25.2f}",
    ]
    print("\n".join(lines))
    if options.out:
        replace_file(options.out, "\n".join(lines) + "\n")


def seconds_a_photo(count: int, spins: str | None, busy: bool) -> float:
    """Of `count` photos after the first, with `spins` as `GOMP_SPINCOUNT` (None: the program's own)."""
    with tempfile.TemporaryDirectory(prefix="busy-core-") as folder:
        photos = Path(folder) / "photos"
        photos.mkdir()
        for number in range(count + 1):
            (photos / f"{number:03}.jpg").symlink_to(DRAWN[number % len(DRAWN)])
        with busy_process() if busy else nullcontext():
            one, all_of_them = (
                seconds_of_score(which, Path(folder) / "scores.csv", spins)
                for which in (photos / "000.jpg", photos)
            )
    return (all_of_them - one) / count


@contextmanager
def busy_process() -> Iterator[None]:
    """Another process keeps one core busy while the block runs."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as beside:
        try:
            yield
        finally:
            beside.kill()


def seconds_of_score(photos: Path, out: Path, spins: str | None) -> float:
    """How long the command takes, from its start to its end."""
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    if spins:
        environment["GOMP_SPINCOUNT"] = spins
    begun = time.monotonic()
    command = [sys.executable, "-m", "skin_app", "score", str(photos), "--out", str(out)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
