"""A small part of `python -m benchmarks.reliability fuzzing`, always the same: no input ends otherwise
than accepted, or refused by a documented error."""

import json
from collections.abc import Iterator
from random import Random

import pytest

from benchmarks.reliability.fuzz_seeds import photo_seeds
from benchmarks.reliability.fuzz_targets import TARGETS, clean_up
from benchmarks.reliability.fuzz_worker import changed
from benchmarks.reliability.fuzzing import SEED
from benchmarks.reliability.mutations import parts_of, with_checksums
from skin_app.photo.read import FORMATS, read_photo

SOME = {"ensemble.json": 20, "outside scores": 20, "member config": 20, "tables": 10, "API call": 20}
MANY = 50


@pytest.fixture(scope="module", autouse=True)
def _folders() -> Iterator[None]:
    yield
    clean_up()


@pytest.mark.parametrize("name", TARGETS)
def test_changed_inputs_are_answered_or_refused(name: str) -> None:
    target = TARGETS[name]
    seeds = target.seeds()
    for number in range(SOME.get(name, MANY)):
        target.tried(changed(target, seeds, SEED, number))


@pytest.mark.parametrize("name", FORMATS)
def test_the_changes_reach_more_than_the_headers(name: str) -> None:
    """Else all could be refused at once, and the decoders would see nothing of them."""
    target = TARGETS[name]
    results = {target.tried(changed(target, target.seeds(), SEED, number)) for number in range(MANY)}
    assert results == {True, False}


def test_the_sound_files_are_read_and_their_parts_found() -> None:
    for name, files in photo_seeds().items():
        for data in files:
            assert read_photo(data).pixels.any(), name
            assert parts_of(data), name
            assert with_checksums(data) == data


def test_an_undocumented_error_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.reliability.fuzz_targets.read_photo", lambda data: data["no"])
    with pytest.raises(TypeError):
        TARGETS["JPEG"].tried(b"anything")


def test_changed_json_differs_and_the_same_number_gives_the_same_input() -> None:
    target, seed = TARGETS["API call"], json.dumps({"photos": [1], "ages": ["54"]}).encode()
    one, again = (target.change(seed, seed, Random(3)) for _ in range(2))
    assert one == again
    assert len({target.change(seed, seed, Random(number)) for number in range(40)}) > 20
