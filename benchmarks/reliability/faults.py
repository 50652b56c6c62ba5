"""Faults, each made against a really running page (`app.py` in a process of its own).

What the fault is, how it is made, what the program does, and whether it works again once the cause is
gone, and after how many seconds: until the next whole answer by the API, or until the page is served
where the program has to be started again. Needs Linux and the rights of the administrator (for
small disks).
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.reliability.faults_of_a_start import at_the_end, at_the_start
from benchmarks.reliability.faults_while_serving import of_the_clock, while_serving
from benchmarks.reliability.faulty_page import Fault
from skin_app.page.graceful_stop import FINISH_WITHIN


@dataclass(frozen=True)
class Faults:
    """All faults that were made; `well`: how many were recovered from, or told, and then over."""

    faults: tuple[Fault, ...]
    well: int
    finish_within: float


def measure() -> Faults:
    """Make every fault in turn; about five minutes on two idle cores."""
    with TemporaryDirectory(prefix="skin-app-faults-") as folder:
        path = Path(folder)
        made = [*while_serving(path), *of_the_clock(path), *at_the_start(path), *at_the_end(path)]
    well = sum(fault.worked_again and fault.did != "failed" for fault in made)
    return Faults(tuple(made), well, FINISH_WITHIN)
