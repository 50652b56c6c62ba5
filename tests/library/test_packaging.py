import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import setuptools

from skin_app.weights.folder import EMBEDDED, embedded_in

ROOT = Path(__file__).resolve().parents[2]


needs_tomllib = pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is of Python 3.11")


def project_file() -> dict[str, Any]:
    import tomllib  # pyright: ignore[reportMissingImports]

    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@needs_tomllib
def test_requirements_for_spaces_equal_pyproject() -> None:
    project = project_file()["project"]
    assert (ROOT / "requirements.txt").read_text().split() == project["dependencies"]


@needs_tomllib
def test_an_installed_package_holds_the_embedded_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **named: given.update(named))
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    assert {"skin_app", "skin_app.page", "train.engine", "skin_app.embedded"} <= {*given["packages"]}
    assert not [name for name in given["packages"] if name.startswith("tests")]
    folder = ROOT / given["package_dir"]["skin_app.embedded"]
    patterns = project_file()["tool"]["setuptools"]["package-data"]["skin_app.embedded"]
    shipped = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    assert shipped == {path for path in EMBEDDED.rglob("*") if path.is_file()}
    assert embedded_in(ROOT / "skin_app") == ROOT / "weights"
    (tmp_path / "skin_app" / "embedded").mkdir(parents=True)
    assert embedded_in(tmp_path / "skin_app") == tmp_path / "skin_app" / "embedded"
