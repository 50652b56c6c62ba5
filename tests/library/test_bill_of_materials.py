"""The list of packages: what only the tests need is left out, faults against its schema are found."""

import subprocess
from typing import Any

import pytest

from tests.bill_of_materials import TOOLS, check, without_others

BILL: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "version": 1,
    "metadata": {"component": {"bom-ref": "root", "type": "application", "name": "skin-app"}},
    "components": [
        {"bom-ref": "a", "type": "library", "name": "A_a", "version": "1"},
        {"bom-ref": "b", "type": "library", "name": "b", "version": "2"},
    ],
    "dependencies": [
        {"ref": "root", "dependsOn": ["a", "b"]},
        {"ref": "a", "dependsOn": ["b"]},
        {"ref": "b"},
    ],
}


def test_only_the_named_packages_stay_and_nothing_points_to_the_others() -> None:
    bill = without_others(BILL, {"a-a"})
    assert [one["name"] for one in bill["components"]] == ["A_a"]
    assert bill["dependencies"] == [{"ref": "root", "dependsOn": ["a"]}, {"ref": "a", "dependsOn": []}]
    assert without_others(BILL, {"a-a", "b"})["components"] == BILL["components"]


@pytest.mark.skipif(not TOOLS.exists(), reason="`make sbom` installs what checks it")
def test_a_list_that_does_not_follow_the_schema_is_refused() -> None:
    check(without_others(BILL, {"a-a"}))
    with pytest.raises(subprocess.CalledProcessError) as found:
        check({**BILL, "components": [{"name": "a"}]})
    assert "'type' is a required property" in found.value.stderr
