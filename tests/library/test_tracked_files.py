"""Nothing that git tracks holds a secret, a path of somebody's machine or the host of a registry."""

import re
from pathlib import Path

import pytest

from tests.tracked_files import SKIPPED, secrets_in, tracked

# Parts are joined here so that this file does not hold what it looks for.
PRIVATE = re.compile(
    "|".join(
        (
            "/" + r"(?:root|home/\w+|Users/\w+|opt|mnt|srv|workspace|work|tmp)/[\w.]",
            r"[\w.-]*(?:python" + r"hosted|py" + r"pi|npm" + r"js)\.(?:org|com)",
            r"(?:index-" + r"url|find-" + r"links|trusted-" + r"host)\s*=?\s*\S*(?:://|/)",
        )
    )
)
PLANTED = {
    "key of a cloud": 'key = "AKIA' + 'IOSFODNN7EXAMPLF"',
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "token of a hub": 'token = "hf_' + 'XqJbZsLkWmTnRvPdYcFgHjKlQwErTyUiOp"',
    "password": 'password = "' + 'correct-horse-7"',
}


def test_no_tracked_file_holds_a_secret() -> None:
    found = [f"{one.filename}, line {one.line_number}: {one.type}" for one in secrets_in(tracked())]
    assert not found


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_secret_is_found(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.py"
    file.write_text(f"size = 3\n{PLANTED[kind]}\n")
    assert [one.line_number for one in secrets_in([file])][:1] == [2]


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    found = []
    for path in tracked():
        if path.suffix not in SKIPPED:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if match := PRIVATE.search(line):
                    found.append(f"{path.name}, line {number}: {match[0]}")
    assert not found


@pytest.mark.parametrize("line", ["/" + "root/x", "/" + "work/main", "https://py" + "pi.org/simple"])
def test_a_path_or_a_registry_is_found(line: str) -> None:
    assert PRIVATE.search(f"see {line}.")
