"""Starts commands of the trainer in forks of one process, and kills them or fills their disk.

A try is a whole command in a process of its own. Only the imports are shared, because they take longer
than a small run. `disk_faults.c` must have been loaded by LD_PRELOAD.
"""

import ctypes
import hashlib
import json
import os
import re
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from train.__main__ import main
from train.engine import fold

CHECKPOINT_STEPS = 2  # 50 otherwise: the small runs have few steps
TICK = 0.005
SECONDS = os.sysconf("SC_CLK_TCK")
TIMINGS = (
    *("seconds", "minutes", "embedding_ms_per_image", "minutes_per_1000_images", "fitting_seconds"),
    *("answer_seconds", "answer_reached"),
)


class Fault(IntEnum):
    """What happens at the chosen file operation; the numbers are those of `disk_faults.c`."""

    NONE = 1
    KILL = 2
    FULL = 3


@dataclass(frozen=True)
class Ended:
    """A try that ended. `code`: its exit status, or minus the signal; `operations`: "WHAT PATH" of each
    file operation under its folder; `said`: stdout and stderr; `busy`: seconds of processor time."""

    code: int
    operations: tuple[str, ...]
    said: str
    busy: float

    @property
    def sentence(self) -> str:
        """The last line on stderr if it is the trainer's error, and the only one; else ""."""
        errors = re.findall(r"^error: .*$", self.said, re.MULTILINE)
        told = (
            len(errors) == 1 and "Traceback" not in self.said and self.said.endswith(errors[0] + "\n")
        )
        return errors[0] if told else ""


class Tries:
    """Tries in the folder `place`, which is emptied by `clear`."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.notes = place.with_name("notes")
        self.notes.mkdir(parents=True)
        self.faults = ctypes.CDLL(os.environ["LD_PRELOAD"])
        self.clear()

    def clear(self) -> None:
        """Begin with an empty folder."""
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()

    def run(
        self,
        command: Sequence[str],
        fault: Fault = Fault.NONE,
        number: int = 0,
        killed_after: float | None = None,
    ) -> Ended:
        """Run a command to its end, to the fault at file operation `number`, or to its kill.

        `killed_after`: seconds of processor time, so that the load of the machine does not matter.
        """
        process = self.begin(lambda: main(list(command)), fault, number)
        if killed_after is not None:
            while busy_seconds(process) < killed_after and not _has_ended(process):
                time.sleep(TICK)
            os.kill(process, signal.SIGKILL)
        return self.end(process)

    def begin(self, work: Callable[[], int], fault: Fault = Fault.NONE, number: int = 0) -> int:
        """Start `work` in a fork; returns its process id."""
        sys.stdout.flush()
        process = os.fork()
        if process:
            return process
        code = 70
        try:
            said = os.open(self.notes / f"said-{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1)
            os.dup2(said, 2)
            fold.CHECKPOINT_STEPS = CHECKPOINT_STEPS
            log = self.notes / f"operations-{os.getpid()}"
            arguments = (
                os.fsencode(f"{self.place}/"),
                int(fault),
                ctypes.c_long(number),
                os.fsencode(log),
            )
            self.faults.disk_faults_begin(*arguments)
            code = work()
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def end(self, process: int) -> Ended:
        """Wait for a process that `begin` started."""
        _, status, used = os.wait4(process, 0)
        said, operations = (self.notes / f"{name}-{process}" for name in ("said", "operations"))
        log = operations.read_text().splitlines() if operations.exists() else []
        return Ended(
            os.waitstatus_to_exitcode(status),
            tuple(line.replace(f"{self.place}/", "") for line in log),
            said.read_text(errors="replace") if said.exists() else "",
            used.ru_utime + used.ru_stime,
        )

    def contents(self) -> dict[str, str]:
        """Every file under the folder -> SHA-256 of its content, but for times that were measured."""
        found = {}
        for path in sorted(self.place.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                if path.suffix == ".json":
                    content = json.dumps(_without_timings(json.loads(content))).encode()
                found[path.relative_to(self.place).as_posix()] = hashlib.sha256(content).hexdigest()
        return found


def busy_seconds(process: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / SECONDS


def _has_ended(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _without_timings(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_timings(own) for key, own in value.items() if key not in TIMINGS}
    if isinstance(value, list):
        return [_without_timings(own) for own in value]
    return value
