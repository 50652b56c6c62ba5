"""The search for planted marks finds them wherever they can be, so that none found means something."""

import sys
from base64 import b64encode
from collections import Counter
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from benchmarks.reliability.planted import METADATA, NAME, PIXELS, PLACE, Planted, planted
from benchmarks.reliability.traces import (
    few_needles,
    files_below,
    in_files,
    in_mapped_files,
    in_memory,
    in_open_files,
    needles,
)
from skin_app.photo.read import read_photo

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


@pytest.fixture(scope="module", params=["jpg", "png", "heic"])
def photo(request: pytest.FixtureRequest) -> Planted:
    return planted(request.param, seed=1)


def test_a_planted_photo_is_one_and_carries_every_kind_of_mark(photo: Planted) -> None:
    assert read_photo(photo.data).width > 0
    assert {kind for kind, _ in photo.marks} == {NAME, METADATA, PLACE, PIXELS}


@pytest.mark.parametrize("before", [0, 1, 2])
def test_marks_are_found_in_base64_wherever_they_begin(
    photo: Planted, before: int, tmp_path: Path
) -> None:
    (tmp_path / "preview").write_bytes(b64encode(b"x" * before + photo.data))
    found = in_files(files_below(tmp_path), needles([photo]))
    assert set(found) == {METADATA, PLACE, PIXELS}


def test_marks_are_found_in_names_and_as_hexadecimal(photo: Planted, tmp_path: Path) -> None:
    wanted = needles([photo])
    (tmp_path / photo.name).write_bytes(b"")
    assert in_files(files_below(tmp_path), wanted) == Counter({NAME: 1})
    (tmp_path / photo.name).write_text(photo.data.hex())
    assert set(in_files(files_below(tmp_path), wanted)) == {NAME, METADATA, PLACE, PIXELS}
    assert not list(files_below(tmp_path, without=[tmp_path / "other"], since=2e10))


HOLDER = """
import mmap, os, sys
from pathlib import Path
path = Path(sys.argv[1])
data = path.read_bytes()
opened = path.open("r+b")
mapped = mmap.mmap(opened.fileno(), 0)
if sys.argv[2] == "mapped": opened.close()
if sys.argv[2] == "open": mapped.close()
path.unlink()
print("ready", flush=True)
sys.stdin.read()
"""


@needs_proc
@pytest.mark.parametrize("held", ["open", "mapped"])
def test_marks_are_found_in_deleted_files_that_are_held_and_in_memory(
    held: str, tmp_path: Path
) -> None:
    photo, path = planted("jpg"), tmp_path / "upload"
    path.write_bytes(photo.data)
    with Popen([sys.executable, "-c", HOLDER, path, held], stdin=PIPE, stdout=PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        wanted, me = few_needles([photo]), holder.pid
        assert in_open_files(me, wanted, 0, [])[PIXELS] > 0  # Python's mmap keeps it open, too
        assert (in_mapped_files(me, wanted, 0)[PIXELS] > 0) == (held == "mapped")
        assert in_memory(me, wanted)[METADATA] > 0
        assert in_memory(me, few_needles([planted("jpg")])) == Counter()
        holder.communicate()
