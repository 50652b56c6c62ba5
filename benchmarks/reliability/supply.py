"""What the program is built from: packages, known flaws of them, oldest releases, secrets in the tree.

Audits the packages of the plain install and of the tests, lists those of the plain install (CycloneDX),
runs the library's tests with the oldest releases that pyproject.toml allows (`make test-floors`, which
takes several GB and many minutes), and searches all tracked files and the branch's whole history for
secrets. Needs `make`, git, and a registry of packages.
"""

import re
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import date
from os import environ
from pathlib import Path

from tests.advisories import Entry, audit, entries
from tests.bill_of_materials import bill_of_materials
from tests.needed_packages import needed
from tests.rooms import ROOT
from tests.tracked_files import secrets_in, secrets_in_history, tracked

FLOOR = re.compile(r'^    "([\w-]+)(?:\[\w+\])?(>=[^"]+)"', re.M)


@dataclass(frozen=True)
class AllowedAdvisory:
    """One line of `.ci/allowed-advisories.toml`, with its dates as text."""

    id: str
    package: str
    fixed: str | None
    looked: str
    again: str


@dataclass(frozen=True)
class FloorsTested:
    """`declared`: lower bounds of pyproject.toml, extras included; the counts are of pytest's tests."""

    declared: int
    versions: dict[str, str]
    passed: int
    failed: tuple[str, ...]
    skipped: int


@dataclass(frozen=True)
class SupplyChain:
    """`audited`: packages about which a source of advisories said something; `found`: its advisories.

    `history_secrets`: path and kind of what looks like a secret in any version of any file.
    """

    plain_packages: int
    test_packages: int
    audited: int
    unreachable: tuple[str, ...]
    found: tuple[str, ...]
    faults: tuple[str, ...]
    allowed: tuple[AllowedAdvisory, ...]
    components: int
    licensed: int
    floors: FloorsTested
    files: int
    secrets: tuple[str, ...]
    history_files: int
    history_secrets: tuple[tuple[str, str], ...]


def measure() -> SupplyChain:
    """Raises `CalledProcessError` if a tool fails; a failed test at the floors is a figure."""
    subprocess.run(["make", ".tools/done"], cwd=ROOT, check=True)
    plain, packages, allowed = needed(), needed("test"), entries()
    result = audit(packages, allowed, date.today())
    components = bill_of_materials()["components"]
    files = tracked()
    history_files, history_secrets = secrets_in_history()
    return SupplyChain(
        plain_packages=len(plain),
        test_packages=len(packages),
        audited=len(result.answered),
        unreachable=tuple(told.partition(":")[0] for told in result.unreachable),
        found=tuple(str(advisory) for advisory in result.found),
        faults=result.faults,
        allowed=tuple(_listed(entry) for entry in allowed),
        components=len(components),
        licensed=sum("licenses" in one for one in components),
        floors=_floors_tested(),
        files=len(files),
        secrets=tuple(
            f"{Path(one.filename).relative_to(ROOT).as_posix()}: {one.type}"
            for one in secrets_in(files)
        ),
        history_files=history_files,
        history_secrets=tuple(history_secrets),
    )


def _listed(entry: Entry) -> AllowedAdvisory:
    looked, again = entry.looked.isoformat(), entry.again.isoformat()
    return AllowedAdvisory(entry.id, entry.package, entry.fixed, looked, again)


def _floors_tested() -> FloorsTested:
    declared = dict(FLOOR.findall((ROOT / "pyproject.toml").read_text()))
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        command = ["make", "test-floors", f"PYTEST=-q --junitxml={results}"]
        # 1: at least one test failed; make turns every failure into 2
        subprocess.run(command, cwd=ROOT, check=False, env={**environ, "OMP_WAIT_POLICY": "passive"})
        cases = [*ET.parse(results).getroot().iter("testcase")]
    failed = [case for case in cases if {part.tag for part in case} & {"failure", "error"}]
    skipped = [case for case in cases if any(part.tag == "skipped" for part in case)]
    freeze = [
        str(ROOT / ".tools/bin/uv"),
        "pip",
        "freeze",
        "--no-config",
        "--python",
        "floors/bin/python",
    ]
    told = subprocess.run(
        freeze, cwd=ROOT / ".tools", capture_output=True, text=True, check=True
    ).stdout
    installed = dict(line.split("==") for line in told.lower().splitlines() if "==" in line)
    return FloorsTested(
        declared=len(declared),
        versions={name: installed[name] for name in sorted(declared) if name in installed},
        passed=len(cases) - len(failed) - len(skipped),
        failed=tuple(f"{case.get('classname')}.{case.get('name')}" for case in failed),
        skipped=len(skipped),
    )
