"""Fuzzing: what mutated files, metadata, weights and API calls do to the functions that take them.

Each target (`fuzz_targets`) gets `INPUTS` inputs in a process of its own, which a watchdog ends when it
hangs. A crash is an end of that process; the next input then goes to a new one. A hang is an input of
more than `SLOW` seconds of processor time, of all threads together: the clock on the wall also counts
what other programs do, so it decides only from `STUCK` seconds on. Peak memory is that of the process
above its size before the first input, so a leak counts too. Every finding's input is kept.

Environment: FUZZ_INPUTS (how many, for a short try), FUZZ_TARGETS (names, parted by ";"; the rows of
all others stay as an earlier run left them), FUZZ_KEEP (folder of the findings' inputs).
"""

import json
import os
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.reliability.fuzz_targets import TARGETS
from benchmarks.reliability.fuzz_worker import SLOW, TELL, Tried, fuzz, stacks_of
from benchmarks.reliability.largest_photos import LargestPhoto, largest_photos
from skin_app.photo.limits import MAX_PIXELS

NUMBERS = Path(__file__).resolve().parents[2] / "docs" / "reliability" / "fuzzing.json"
INPUTS = int(os.environ.get("FUZZ_INPUTS", "10000"))
SEED = 22
STUCK = 60.0  # seconds without an answer, after which the process is ended
MOST_MEMORY = 1000  # MB above the base
AT_ONCE = 2  # processes
BEGINS_WITHIN = 600.0  # seconds, for its imports on a busy machine
NAMED = 5  # most faults that are told of one target


@dataclass(frozen=True)
class FuzzedTarget:
    """One row. `other_errors`: exceptions that are not documented; `faults`: the most frequent of them.

    `slowest`: most processor seconds of one input; `slowest_wall`: by the clock; `peak`: MB above base.
    """

    name: str
    inputs: int
    accepted: int
    refused: int
    crashes: int
    hangs: int
    other_errors: int
    slowest: float
    slowest_wall: float
    peak: int
    seconds: int
    faults: dict[str, int]


@dataclass(frozen=True)
class Fuzzing:
    """All rows, and the goals that they are judged by. `earlier`: rows of an earlier run, by name."""

    targets: tuple[FuzzedTarget, ...]
    largest: tuple[LargestPhoto, ...]
    megapixels: int
    inputs_each: int
    slow: float
    stuck: float
    most_memory: int
    seed: int
    earlier: tuple[str, ...]


@dataclass
class _Tally:
    accepted: int = 0
    refused: int = 0
    crashes: int = 0
    hangs: int = 0
    slowest: float = 0.0
    slowest_wall: float = 0.0
    peak: float = 0.0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)


def measure() -> Fuzzing:
    """Fuzz every target."""
    names = os.environ.get("FUZZ_TARGETS", "")
    chosen = names.split(";") if names else list(TARGETS)
    kept = Path(os.environ.get("FUZZ_KEEP") or tempfile.mkdtemp(prefix="fuzz-findings-"))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows = {row.name: row for row in pool.map(lambda name: fuzzed(name, INPUTS, kept), chosen)}
    if not any(kept.iterdir()):
        kept.rmdir()
    earlier = _rows_of_an_earlier_run() if names else {}
    rows = {name: rows.get(name) or earlier[name] for name in TARGETS if name in rows | earlier}
    return Fuzzing(
        targets=tuple(rows.values()),
        largest=largest_photos(),
        megapixels=MAX_PIXELS // 1_000_000,
        inputs_each=INPUTS,
        slow=SLOW,
        stuck=STUCK,
        most_memory=MOST_MEMORY,
        seed=SEED,
        earlier=tuple(name for name in rows if name not in chosen),
    )


def _rows_of_an_earlier_run() -> dict[str, FuzzedTarget]:
    rows = json.loads(NUMBERS.read_text())["targets"] if NUMBERS.exists() else ()
    return {row["name"]: FuzzedTarget(**row) for row in rows if row["inputs"] == INPUTS}


def fuzzed(name: str, inputs: int, kept: Path) -> FuzzedTarget:
    """Give one target its inputs; copies the input of each finding to `kept`."""
    kept.mkdir(parents=True, exist_ok=True)
    tally, done = _Tally(), 0
    while done < inputs:
        done = _one_process(name, done, inputs, kept, tally)
    return FuzzedTarget(
        name=name,
        inputs=inputs,
        accepted=tally.accepted,
        refused=tally.refused,
        crashes=tally.crashes,
        hangs=tally.hangs,
        other_errors=tally.faults.total(),
        slowest=round(tally.slowest, 2),
        slowest_wall=round(tally.slowest_wall, 2),
        peak=round(tally.peak),
        seconds=round(tally.seconds),
        faults=dict(tally.faults.most_common(NAMED)),
    )


def _one_process(name: str, first: int, inputs: int, kept: Path, tally: _Tally) -> int:
    """Try inputs until the end, a crash or a hang; returns the number of the next input."""
    context = get_context("forkserver")
    context.set_forkserver_preload([fuzz.__module__])  # its imports take longer than many inputs
    ours, theirs = context.Pipe(duplex=False)
    at = Path(tempfile.mkstemp(prefix="fuzz-input-")[1])
    process = context.Process(target=fuzz, args=(name, SEED, first, inputs, at, theirs))
    process.start()
    theirs.close()
    try:
        base: float | None = _received(ours, BEGINS_WITHIN)
        if base is None:
            raise RuntimeError(f"{name}: the process did not begin (exit code {process.exitcode})")
        for number in range(first, inputs):
            tried: Tried | None = _received(ours)
            if tried is None:
                process.join(1)  # an end shows as a closed pipe before it is over
                hangs = process.is_alive()
                tally.hangs, tally.crashes = tally.hangs + hangs, tally.crashes + (not hangs)
                _keep(at.read_bytes(), kept, name, number, "hang" if hangs else "crash")
                if hangs and process.pid:
                    os.kill(process.pid, TELL)
                    time.sleep(1)
                    _keep(stacks_of(at).read_bytes(), kept, name, number, "stacks")
                return number + 1
            _count(tally, tried, base, kept, name)
        return inputs
    finally:
        process.kill()
        process.join()
        at.unlink()
        stacks_of(at).unlink(missing_ok=True)


def _received(connection: Connection, within: float = STUCK) -> Any:
    """What the process sent; None when it ended, or said nothing `within` these seconds."""
    try:
        return connection.recv() if connection.poll(within) else None
    except (EOFError, ConnectionError):
        return None


def _count(tally: _Tally, tried: Tried, base: float, kept: Path, name: str) -> None:
    tally.accepted += tried.accepted
    tally.refused += not tried.accepted and not tried.fault
    tally.slowest, tally.slowest_wall = (
        max(tally.slowest, tried.cpu),
        max(tally.slowest_wall, tried.wall),
    )
    tally.peak, tally.seconds = max(tally.peak, tried.peak - base), tally.seconds + tried.wall
    if tried.fault:
        tally.faults[tried.fault] += 1
        _keep(tried.data, kept, name, tried.number, "fault")
    if tried.cpu > SLOW:
        tally.hangs += 1
        _keep(tried.data, kept, name, tried.number, "slow")


def _keep(data: bytes, kept: Path, name: str, number: int, kind: str) -> None:
    (kept / f"{name.replace(' ', '_')}-{number}-{kind}").write_bytes(data)
