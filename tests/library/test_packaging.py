import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")
def test_requirements_for_spaces_equal_pyproject() -> None:
    import tomllib  # pyright: ignore[reportMissingImports]

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (ROOT / "requirements.txt").read_text().split() == project["dependencies"]


def test_the_app_never_imports_the_trainer_and_only_the_page_imports_gradio() -> None:
    for path in (ROOT / "skin_app").rglob("*.py"):
        text = path.read_text()
        assert "from train" not in text, path
        assert "import train" not in text, path
        if "page" not in path.parts:
            assert "import gradio" not in text, path
