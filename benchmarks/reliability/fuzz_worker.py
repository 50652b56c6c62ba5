"""One target's inputs, in a process of its own: it may be killed, or end itself, at any of them.

Reports to its parent before the first input and after each; what it is at lies in a file meanwhile.
"""

import faulthandler
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from types import FunctionType
from typing import NamedTuple

from benchmarks.reliability.fuzz_targets import TARGETS, Target, clean_up
from benchmarks.reliability.mutations import mutated

TELL = signal.SIGUSR1
SLOW = 2.0  # seconds of processor time; from here on an input counts as a hang
LONGEST = 65_536  # bytes of an input that coverage chooses
MOST_MEMORY = 6_000_000_000  # bytes of address space above what a worker begins with


class Tried(NamedTuple):
    """One input: accepted or not, or the exception that should not have come; seconds; MB.

    `data`: the input where it is a finding.
    """

    number: int
    accepted: bool
    fault: str
    cpu: float
    wall: float
    peak: float
    data: bytes = b""


def fuzz(name: str, seed: int, first: int, inputs: int, at: Path, parent: Connection) -> None:
    """Try the inputs from `first` to `inputs` of a target; `at`: where the newest lies."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders write their warnings there
    with stacks_of(at).open("wb") as stacks:
        faulthandler.register(TELL, stacks)
        _fuzz(TARGETS[name], seed, first, inputs, at, parent)


def stacks_of(at: Path) -> Path:
    """Where a worker writes what all its threads are at, when it gets `TELL`."""
    return at.with_suffix(".stacks")


def _fuzz(target: Target, seed: int, first: int, inputs: int, at: Path, parent: Connection) -> None:
    seeds = target.seeds()
    for data in seeds:
        target.tried(data)
    own = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (own + MOST_MEMORY, own + MOST_MEMORY))
    base = _peak()
    parent.send(base)
    try:
        if target.guided:
            _guided(target, seeds, seed, range(first, inputs), at, parent)
        for number in range(first, inputs):
            parent.send(_tried(target, number, changed(target, seeds, seed, number), at))
    finally:
        clean_up()


def changed(target: Target, seeds: Sequence[bytes], seed: int, number: int) -> bytes:
    """Input `number` of a target: always the same for the same seed."""
    random = Random(f"{seed} {target.name} {number}")
    return target.change(seeds[number % len(seeds)], random.choice(seeds), random)


def _tried(target: Target, number: int, data: bytes, at: Path) -> Tried:
    at.write_bytes(data)
    accepted, fault = False, ""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        accepted = target.tried(data)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is what we look for
        fault = f"{type(error).__name__}: {error}"[:300]
        fault += _where(error)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Tried(number, accepted, fault, cpu, wall, _peak(), data if fault or cpu > SLOW else b"")


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return (
        "" if trace is None else f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def _guided(
    target: Target, seeds: Sequence[bytes], seed: int, numbers: range, at: Path, parent: Connection
) -> None:
    """Atheris chooses inputs by the lines of `skin_app.photo` that they reach; ends this process."""
    import atheris  # pyright: ignore[reportMissingImports] # not for every platform

    for name, module in list(sys.modules.items()):
        for own in list(vars(module).values()) if name.startswith("skin_app.photo.") else ():
            if isinstance(own, FunctionType) and own.__module__ == name:
                atheris.instrument_func(own)  # pyright: ignore[reportAttributeAccessIssue]
    left = iter(numbers)

    def one(data: bytes) -> None:
        number = next(left)
        parent.send(_tried(target, number, data, at))
        if number == numbers[-1]:
            clean_up()
            parent.close()
            os._exit(0)  # libFuzzer would count on

    def change(data: bytes, most: int, number: int) -> bytes:
        random = Random(number)
        if random.random() < 0.5:
            return atheris.Mutate(data, most)
        return mutated(data, random.choice(seeds), random)[:most]

    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(seeds):
            Path(corpus, str(number)).write_bytes(data)
        options = (
            f"-seed={seed + numbers[0] + 1}",
            f"-max_len={LONGEST}",
            "-rss_limit_mb=0",
            "-timeout=0",
        )
        atheris.Setup(["fuzz", *options, corpus], one, custom_mutator=change)
        atheris.Fuzz()
