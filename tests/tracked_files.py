"""Looks for secrets in the files that git tracks, or in every file that its history ever held.

detect-secrets knows the forms of keys and passwords, and finds random strings. Digests and revisions in
hexadecimal are random, too, but no secrets: they are passed over, as are tables and binary files.
"""

import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from detect_secrets.core.potential_secret import PotentialSecret
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings

from tests.rooms import ROOT

SKIPPED = (".csv", ".gz", ".png", ".jpg", ".safetensors", ".npy", ".npz", ".pdf", ".ttf")
# Git revisions, SHA-256, sentences, "NAME:PASSWORD@" and "YOURS" as examples, folders of trials,
# kinds of secrets.
NO_SECRETS = (
    r"^[0-9a-f]{40}$",
    r"^[0-9a-f]{64}$",
    r"^(?!BEGIN ).*\s",
    r"(?i)^(passwor[dt]|yours)$",
    r"^runs/trials/",
    r"^(event|session)$",
)
REGEX = "detect_secrets.filters.regex.should_exclude_secret"


def tracked() -> list[Path]:
    """Every file of the working tree that git tracks. Raises `CalledProcessError` outside a clone."""
    names = _git("ls-files", "-z").decode().split("\0")
    return [path for name in names if name and (path := ROOT / name).is_file()]


def secrets_in(files: Iterable[Path]) -> Iterator[PotentialSecret]:
    """What looks like a secret; tables and binary files are passed over."""
    with default_settings() as settings:
        settings.filters[REGEX] = {"pattern": [*NO_SECRETS]}
        for file in files:
            if file.suffix not in SKIPPED:
                yield from scan_file(str(file))


def secrets_in_history(revision: str = "HEAD") -> tuple[int, list[tuple[str, str]]]:
    """How many versions of files were searched; path and kind of what looks like a secret in one.

    The revision's whole history is searched: minutes of one core.
    """
    listed = _git("rev-list", "--objects", revision).decode().splitlines()
    named = dict(line.split(" ", 1) for line in listed if " " in line)
    wanted = [digest for digest, name in named.items() if Path(name).suffix not in SKIPPED]
    with tempfile.TemporaryDirectory() as folder:
        files: dict[Path, str] = {}
        for number, (digest, content) in enumerate(_contents(wanted, Path(folder) / "wanted")):
            file = Path(folder) / f"{number}{Path(named[digest]).suffix}"
            file.write_bytes(content)
            files[file] = named[digest]
        found = [(files[Path(one.filename)], one.type) for one in secrets_in(files)]
    return len(files), sorted(set(found))


def _contents(digests: Iterable[str], list_file: Path) -> Iterator[tuple[str, bytes]]:
    """Digest and content of those of git's objects that are files."""
    list_file.write_text("".join(f"{digest}\n" for digest in digests))
    command = ["git", "cat-file", "--batch", "--buffer"]
    with (
        list_file.open() as asked,
        subprocess.Popen(command, cwd=ROOT, stdin=asked, stdout=subprocess.PIPE) as git,
    ):
        assert git.stdout is not None
        while header := git.stdout.readline().decode().split():
            content = git.stdout.read(int(header[2]) + 1)[:-1]
            if header[1] == "blob":
                yield header[0], content


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout
