"""`from skin_app import load, read_photo`: what the documents and `help(skin_app)` show works."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import skin_app
from train.data.drawings import draw_lesion

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with the drawing of a lesion in it, and the page's drawings at their place."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(draw_lesion(11, "network", 180, 240)).save("lesion.jpg", quality=95)
    Path("skin_app").symlink_to(ROOT / "skin_app")
    return tmp_path


def examples() -> list[str]:
    """The Python blocks of the documents that use the library."""
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/api.md")]
    blocks = [block for text in texts for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]
    return [block for block in blocks if "from skin_app import" in block]


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_the_examples_of_the_documents_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert examples()
    for example in examples():
        exec(example, {})
    assert "Melanoma: " in capsys.readouterr().out
    assert Path("report.pdf").read_bytes().startswith(b"%PDF")
    assert '"to_check"' in Path("report.json").read_text(encoding="utf-8")


def shares(printed: str) -> dict[str, float]:
    """Diagnosis -> per cent, of a printed analysis."""
    return {name: float(share) for share, name in re.findall(r"([\d.]+)%  (.+)", printed)}


@pytest.mark.usefixtures("here")
def test_the_example_of_the_module_and_that_of_the_readme_give_what_they_show(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names: dict[str, object] = {}
    for example in doctest.DocTestParser().get_examples(skin_app.__doc__ or ""):
        if example.source.startswith("print"):
            exec(example.source, names)
            printed = capsys.readouterr().out
            assert printed.split("\n")[0] == example.want.split("\n")[0] == "uncertain"
            # processors with and without bfloat16 differ in the third digit
            assert shares(printed) == pytest.approx(shares(example.want), abs=2)
            in_readme = (ROOT / "README.md").read_text(encoding="utf-8")
            assert all(line in in_readme for line in example.want.split("\n")[:3])
        elif example.want:
            assert eval(example.source, names) == eval(example.want)
        else:
            exec(example.source, names)
    assert {"model", "analysis", "picture", "page"} <= set(names)


def test_everything_public_is_there_and_nothing_else_is() -> None:
    assert all(getattr(skin_app, name).__doc__ for name in skin_app.__all__)
    assert set(skin_app.__all__) <= set(dir(skin_app))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = skin_app.nonsense


@pytest.mark.slow
def test_importing_the_package_imports_nothing_else_and_an_answer_needs_no_page() -> None:
    code = (
        "import sys, skin_app; early = set(sys.modules)\n"
        "from skin_app import Ensemble, load, read_photo\n"
        "heavy = {'torch', 'pandas', 'timm', 'numpy'} & early\n"
        "late = {'gradio', 'sklearn', 'matplotlib', 'fpdf', 'train'} & set(sys.modules)\n"
        "assert not heavy and not late, (heavy, late)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
