"""Two commands never write to one place at a time, and a killed one hinders nobody."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from skin_app.one_command import only_command
from skin_app.result_files import OutputError
from skin_app.weights.folder import EMBEDDED
from train.__main__ import main
from train.release.weights_folder import weights_to_change

ROOT = Path(__file__).parents[2]
HOLDS = """
import sys
from pathlib import Path
from skin_app.one_command import only_command
with only_command(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
# verb -> its options beside those that say where it writes
VERBS = {
    "run": "--data DATA --out PLACE",
    "range-test": "--data DATA --out PLACE",
    "study": "--data DATA --study split --out . --evidence evidence",
    "assemble": "RUN --data DATA --out PLACE",
    "evaluate": "--data DATA --weights RUN --out PLACE",
    "audit": "--data DATA --weights PLACE --out trust.md",
    "map": "--weights PLACE",
    "pairs": "--data DATA --run RUN --out PLACE",
    "tsne": "--data DATA --run RUN --out PLACE",
}


@contextmanager
def held_by_another(place: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process keeps `place`; whatever happens, it is gone afterwards."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", HOLDS, str(place)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        try:
            yield other
        finally:
            other.kill()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_verb_that_writes_for_long_refuses_a_place_in_use(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held_by_another(here / "PLACE") as other, held_by_another(here / "evidence" / "split"):
        for verb, options in VERBS.items():
            assert main([verb, *options.split()]) == 2
            said = capsys.readouterr().err
            assert said.count("\n") == 1, said
            place = "evidence/split" if verb == "study" else "PLACE"
            assert f"error: {here / place} is being written by process " in said
            assert verb == "study" or f"process {other.pid} on " in said
            assert "wait until it ends, or name another place" in said


def test_a_killed_process_hinders_nobody_and_what_it_left_is_removed(here: Path) -> None:
    place = here / "place"
    with held_by_another(place) as other:
        with pytest.raises(OutputError), only_command(place):
            pass
        other.kill()
    assert (here / ".place.lock").exists()
    place.mkdir()
    half = f"{'0123456789abcdef' * 2}.partial"
    for left in (here / f"place.{half}", place / f"run.json.{half}"):
        left.write_text("half")
    kept = {here / "place2.partial", place / "mine.partial", here / f"other.{half}"}
    for path in kept:
        path.write_text("not ours")
    with only_command(place):
        assert {path for path in here.rglob("*") if path.is_file()} - {here / ".place.lock"} == kept
    assert not (here / ".place.lock").exists()


def test_what_another_command_is_writing_inside_is_left_to_it(here: Path) -> None:
    inside = here / "run" / "weights"
    with held_by_another(inside):
        writing = inside.with_name(f"weights.{'0' * 32}.partial")
        writing.mkdir()
        with only_command(here / "run"):
            pass
        assert writing.is_dir()


def test_weights_that_a_killed_process_moved_away_are_back(here: Path) -> None:
    before = here / f"weights.{'0' * 32}.before"
    before.mkdir()
    (before / "README.md").write_text("the card")
    with only_command(here / "weights"):
        assert (here / "weights" / "README.md").read_text() == "the card"
    assert [path.name for path in here.iterdir()] == ["weights"]


def test_a_pipe_is_nobodys_place(here: Path) -> None:
    os.mkfifo(here / "pipe")
    with only_command(here / "pipe"), only_command(here / "pipe"):
        assert [path.name for path in here.iterdir()] == ["pipe"]


def test_the_embedded_weights_are_kept_for_one_command(here: Path) -> None:
    with weights_to_change(None) as weights:
        assert weights.folder == EMBEDDED
        with pytest.raises(OutputError, match="is being written"), weights_to_change(EMBEDDED):
            pass
    assert not list(EMBEDDED.parent.glob(".*.lock"))
    assert not list(here.iterdir())
