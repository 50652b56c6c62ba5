"""The files of a Space that serves published weights: the page's code, and a README with its settings.

None of them comes from HAM10000. The Space fetches the weights by the full hash of their commit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from train.documents.template import filled

ROOT = Path(__file__).resolve().parents[2]
# Named by their kinds: what else lies in the folder, such as notes or a photo, goes nowhere.
SPACE_FILES = (
    *("app.py", "requirements.txt", "LICENSE", "skin_app/**/*.py", "skin_app/page/examples/*.jpg"),
    *("skin_app/page/static/*.css", "skin_app/page/static/*.js", "skin_app/page/templates/**/*.html"),
    "skin_app/words/locale/*/LC_MESSAGES/*.po",
)
SPACE_PYTHON = "3.12"
WEIGHTS = "SKIN_APP_WEIGHTS"  # the Space's variable that names its weights
Files = dict[str, bytes | Path]  # name in a repo -> content, or the file that holds it


@dataclass(frozen=True)
class Published:
    """Where the weights are: `repo` at `commit` (40 hex digits), and the Space that serves them."""

    repo: str
    commit: str
    space: str | None = None
    private: bool = False

    @property
    def source(self) -> str:
        """What `SKIN_APP_WEIGHTS` takes."""
        return f"{self.repo}@{self.commit}"


def space_files(published: Published, fetched: Iterable[str]) -> Files:
    """Name in the Space -> file: the page's code, and a README with the Space's settings.

    `fetched`: names of the weights' files that the Space fetches when it is built. Private weights are
    fetched when it starts, because it is built without its secrets.
    """
    found = (path for pattern in SPACE_FILES for path in sorted(ROOT.glob(pattern)))
    files: Files = {path.relative_to(ROOT).as_posix(): path for path in found if path.is_file()}
    readme = filled(
        "space.md",
        published=published,
        fetched=fetched,
        gradio=version("gradio"),
        python=SPACE_PYTHON,
    )
    return files | {"README.md": readme.encode()}
