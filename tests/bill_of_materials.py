"""Lists the packages of the plain install: versions, licences, what each needs (CycloneDX, JSON).

    python -m tests.bill_of_materials FILE    # what `make sbom` runs

cyclonedx-py lists the environment; what only the tests need is taken out. The list is checked against
its schema before it is written.
"""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from skin_app.result_files import replace_file
from tests.needed_packages import needed
from tests.rooms import ROOT

TOOLS = ROOT / ".tools" / "bin"
VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
sys.exit(str(fault) if fault else 0)
"""


def bill_of_materials() -> dict[str, Any]:
    """The list, as JSON holds it. Raises `CalledProcessError` if it does not follow its schema."""
    command = (str(TOOLS / "cyclonedx-py"), "environment", "--output-reproducible", "--sv", "1.6")
    project = ("--pyproject", str(ROOT / "pyproject.toml"), sysconfig.get_path("scripts") + "/python")
    listed = subprocess.run([*command, *project], capture_output=True, text=True, check=True).stdout
    bill = without_others(json.loads(listed), {*needed()})
    check(bill)
    return bill


def without_others(bill: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """The list with only the components of these canonical names, and what these need of each other."""
    kept = [one for one in bill["components"] if canonicalize_name(one["name"]) in names]
    known = {bill["metadata"]["component"]["bom-ref"], *(one["bom-ref"] for one in kept)}
    needs = [
        {**one, "dependsOn": [ref for ref in one.get("dependsOn", ()) if ref in known]}
        for one in bill["dependencies"]
        if one["ref"] in known
    ]
    return {**bill, "components": kept, "dependencies": needs}


def check(bill: dict[str, Any]) -> None:
    """Raises `CalledProcessError`, with the fault in `stderr`, for what is no CycloneDX list."""
    python = str(TOOLS / "python")
    subprocess.run(
        [python, "-c", VALIDATE], input=json.dumps(bill), capture_output=True, text=True, check=True
    )


def main() -> int:
    """Return 0; errors go through, and nothing is written then."""
    file = Path(sys.argv[1])
    bill = bill_of_materials()
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_file(file, json.dumps(bill, indent=1) + "\n")
    print(f"{file}: {len(bill['components'])} packages.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
