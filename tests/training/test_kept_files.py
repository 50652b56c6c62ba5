"""Kept files: what is whole is reused, and what is damaged in any way is made anew."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from train.data.kept_files import kept_file, sealed

CONTENT = bytes(range(256)) * 40


class Maker:
    """Writes the content, and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, partial: Path) -> None:
        self.calls += 1
        partial.write_bytes(CONTENT)


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[random.Random(str(path.name)).randrange(len(content))] ^= 1
    path.write_bytes(content)


def without_checksum(path: Path) -> None:
    """As an older version kept it."""
    path.rename(path.with_name("features-1.npz"))


def of_other_data(path: Path) -> None:
    other = path.with_name("features-2.npz")
    other.write_bytes(CONTENT)
    sealed(other).rename(path.with_name(f"features-1-{'0' * 16}.npz"))
    path.unlink()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a flipped bit": flipped,
    "truncated": lambda path: path.write_bytes(CONTENT[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "too long": lambda path: path.write_bytes(CONTENT + b"0"),
    "without a checksum": without_checksum,
    "of other data": of_other_data,
}


def test_a_whole_file_is_made_once(tmp_path: Path) -> None:
    make = Maker()
    found = [kept_file(tmp_path / "cache" / "features-1.npz", make) for _ in range(2)]
    assert found[0] == found[1]
    assert make.calls == 1
    assert found[0].read_bytes() == CONTENT
    assert list(found[0].parent.iterdir()) == [found[0]]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_found_and_made_anew(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make = Maker()
    path = tmp_path / "features-1.npz"
    DAMAGES[damage](kept_file(path, make))
    again = kept_file(path, make)
    assert make.calls == 2
    assert again.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [again]
    assert "in its name: it is removed and made anew" in capsys.readouterr().err


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(partial: Path) -> None:
        partial.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        kept_file(tmp_path / "features-1.npz", fail)
    assert not list(tmp_path.iterdir())
