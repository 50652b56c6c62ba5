"""A few of the faults that `benchmarks.reliability.training` measures: kill -9, and a full disk."""

import shutil
from pathlib import Path

import pytest

from benchmarks.reliability.training import tried

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("cc") is None, reason="disk_faults.c needs a C compiler"),
]


def test_killed_runs_and_runs_on_a_full_disk_end_like_any_other(tmp_path: Path) -> None:
    few = "--recipe le2020 --kills 2 --every 45 --part killed --part filled"
    found = tried(tmp_path / "tries", *few.split())
    (killed,) = found["killed"]
    assert killed["kills"] == killed["identical"] == 2
    filled = found["filled"]
    assert filled["filled"] == filled["loadable"] == filled["identical"]
    assert filled["told"] == filled["failed"] > 0
