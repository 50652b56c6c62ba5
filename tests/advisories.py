"""Looks for known vulnerabilities of the packages that the plain install and the tests install.

    python -m tests.advisories    # what `make audit-packages` runs

pip-audit asks a public source of advisories. Advisories that do not reach this program stand in
`.ci/allowed-advisories.toml`, each with its reason and a date by which somebody looks again. Ends with
1 if an advisory is not in that file, if a date has passed, or if an entry no longer applies. Where no
source can be reached it says so and ends with 0: then nothing is known about the packages.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from packaging.version import Version

from tests.needed_packages import needed
from tests.rooms import ROOT

PROGRAM = ROOT / ".tools" / "bin" / "pip-audit"
ALLOWED = ROOT / ".ci" / "allowed-advisories.toml"
SOURCES = (("--vulnerability-service", "pypi"), ("--vulnerability-service", "osv"))
# A release with published advisories: a source that knows none of them is no source of advisories.
VULNERABLE = {"django": "3.2"}
LONGEST = timedelta(days=92)  # until somebody looks at an entry again


@dataclass(frozen=True)
class Entry:
    """An advisory that does not reach this program: why, when that was looked at, when to look again.

    `fixed`: the first release of the package without it. While it is given, the entry applies to every
    older release; without it, as long as a source reports the advisory.
    """

    id: str
    package: str
    looked: date
    again: date
    why: str
    fixed: str | None = None


@dataclass(frozen=True)
class Advisory:
    """What a source says of an installed package. `names`: its identifiers in all databases."""

    package: str
    version: str
    names: frozenset[str]
    fixed: tuple[str, ...]

    def __str__(self) -> str:
        name = min(self.names, key=lambda name: (not name.startswith("CVE"), name))
        return (
            f"{self.package} {self.version}: {name}, fixed in {', '.join(self.fixed) or 'no release'}"
        )


class UnreachableError(Exception):
    """A source did not answer as a source of advisories does."""


@dataclass(frozen=True)
class Audit:
    """`answered`: the packages about which a source said something; `faults`: what has to be mended."""

    answered: frozenset[str]
    unreachable: tuple[str, ...]
    found: tuple[Advisory, ...]
    faults: tuple[str, ...]


def entries(file: Path = ALLOWED) -> tuple[Entry, ...]:
    """Raises `TypeError` for an entry with a field that is missing or unknown."""
    import tomllib  # pyright: ignore[reportMissingImports]

    return tuple(Entry(**fields) for fields in tomllib.loads(file.read_text())["advisory"])


def audit(
    packages: dict[str, str],
    allowed: Iterable[Entry],
    today: date,
    sources: Iterable[tuple[str, ...]] = SOURCES,
) -> Audit:
    """Asks the sources in turn, until each package (name -> version) is answered for."""
    answered: set[str] = set()
    unreachable: list[str] = []
    found: list[Advisory] = []
    for source in sources:
        missing = {name: version for name, version in packages.items() if name not in answered}
        if not missing:
            break
        try:
            if not any(_asked(VULNERABLE, source).values()):
                raise UnreachableError("it does not know an advisory that is published")
            answers = _asked(missing, source)
        except UnreachableError as error:
            unreachable.append(f"{source[-1]}: {error}")
        else:
            answered.update(answers)
            found.extend(advisory for told in answers.values() for advisory in told)
    return Audit(
        frozenset(answered),
        tuple(unreachable),
        tuple(found),
        tuple(_faults(packages, allowed, today, answered, found)),
    )


def _asked(packages: dict[str, str], source: tuple[str, ...]) -> dict[str, list[Advisory]]:
    """Package -> its advisories; a package that the source does not know is left out."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        # a local build, such as 2.14.1+cpu, is nowhere known by that name
        file.writelines(f"{name}=={Version(packages[name]).public}\n" for name in packages)
        file.flush()
        given = ("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off")
        command = [str(PROGRAM), "--requirement", file.name, *given, *source]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        told = json.loads(ended.stdout)["dependencies"]
    except json.JSONDecodeError:
        last = (ended.stderr.strip() or "no answer").splitlines()[-1]
        raise UnreachableError(last) from None
    return {
        package["name"]: [
            Advisory(
                package["name"],
                package["version"],
                frozenset({known["id"], *known["aliases"]}),
                tuple(known["fix_versions"]),
            )
            for known in package["vulns"]
        ]
        for package in told
        if "vulns" in package
    }


def _faults(
    packages: dict[str, str],
    allowed: Iterable[Entry],
    today: date,
    answered: set[str],
    found: list[Advisory],
) -> Iterable[str]:
    allowed = tuple(allowed)
    for advisory in found:
        if not any(_is_about(entry, advisory) for entry in allowed):
            yield f"{advisory}: upgrade, or explain in {ALLOWED.name} why it does not matter here."
    for entry in allowed:
        named = f"{entry.id} ({entry.package}) in {ALLOWED.name}"
        if not entry.looked <= today <= entry.again:
            yield f"{named}: look at it again, then renew its dates."
        if entry.again - entry.looked > LONGEST:
            yield f"{named}: look at it again within {LONGEST.days} days."
        if entry.package not in packages:
            yield f"{named}: the package is no longer installed. Remove the entry."
        elif entry.fixed:
            if Version(packages[entry.package]) >= Version(entry.fixed):
                yield f"{named}: {packages[entry.package]} is installed, without it. Remove the entry."
        elif entry.package in answered and not any(_is_about(entry, one) for one in found):
            yield f"{named}: no longer reported. Remove the entry."


def _is_about(entry: Entry, advisory: Advisory) -> bool:
    return entry.package == advisory.package and entry.id in advisory.names


def main() -> int:
    """1 if something has to be mended, else 0; also where no source answers."""
    packages, allowed = needed("test"), entries()
    result = audit(packages, allowed, date.today())
    for line in report(packages, allowed, result):
        print(line)
    return 1 if result.faults else 0


def report(packages: dict[str, str], allowed: tuple[Entry, ...], result: Audit) -> Iterable[str]:
    """The lines to print: first what was asked and answered, then what was found, then the faults."""
    if result.answered:
        counts = len(result.answered), len(packages), len(result.found)
        yield "{} of {} packages audited, {} advisories.".format(*counts)
        yield from (str(advisory) for advisory in result.found)
        if unknown := sorted(packages.keys() - result.answered):
            yield f"Not audited, as no source knows them: {', '.join(unknown)}."
    else:
        yield f"{len(packages)} packages not audited: no advisory source could be reached."
        yield from result.unreachable
        yield f"Only the {len(allowed)} entries of {ALLOWED.name} were checked."
    yield from result.faults


if __name__ == "__main__":
    sys.exit(main())
