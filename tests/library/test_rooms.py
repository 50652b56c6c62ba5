"""How the program is put together: which room imports which, and what the documents show."""

import ast
import re
import shlex
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests import rooms
from tests.rooms import ROOT
from train.options import OPTIONS, parser

ASKED = {("skin_app/library", "skin_app/report")}  # an Analysis and the command line write reports
LONGEST = 400
PAGES = ("README.md", "CONTRIBUTING.md", "docs/training.md", "docs/recipes.md", "docs/publishing.md")


def test_the_library_never_imports_the_trainer() -> None:
    for name, imports in rooms.imports_of_modules().items():
        if name.startswith("skin_app"):
            assert not [own for own in imports if own.startswith("train")], name


def test_only_the_page_and_the_app_import_gradio() -> None:
    files = {name: path for name, path in rooms.modules().items() if ".page" not in name}
    for name, path in files.items():
        assert not [full for full in rooms.imported(path) if full.partition(".")[0] == "gradio"], name
    page = rooms.modules()["skin_app.page.build"]
    assert "gradio" in set(rooms.imported(page))  # so the search finds what there is


def test_rooms_import_only_rooms_below_them() -> None:
    assert rooms.upward() <= ASKED


def test_no_module_is_imported_by_what_it_imports() -> None:
    TopologicalSorter(rooms.imports_of_modules(at_once=True)).prepare()  # raises for a circle


def test_the_readme_shows_the_rooms_and_their_arrows() -> None:
    text = (ROOT / "README.md").read_text()
    assert text == rooms.with_diagram(text), "run `python -m tests.rooms --write`"


def test_every_room_says_what_it_is_for() -> None:
    for path in rooms.modules().values():
        if path.name == "__init__.py":
            told = ast.get_docstring(ast.parse(path.read_text())) or ""
            assert len(re.findall(r"\.(?:\s|$)", told)) >= 2, f"two sentences for {path}"


def test_a_module_can_be_read_in_one_sitting() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in rooms.modules().values()}
    long = {path.relative_to(ROOT).as_posix() for path, count in lines.items() if count > LONGEST}
    assert not long


@pytest.mark.parametrize("page", ["*.md", "docs/*.md", "weights/README.md"])
def test_links_of_the_documents_lead_somewhere(page: str) -> None:
    for path in ROOT.glob(page):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def commands(page: Path) -> list[list[str]]:
    """The arguments of every command of the trainer that a page shows whole."""
    text = page.read_text().replace("\\\n", " ")
    shown = re.findall(r"python -m train ([a-z][^`\n]*)", text)
    shown += re.findall(rf"\| `((?:{'|'.join(OPTIONS)}) --[^`]*)` \|", text)
    return [shlex.split(command) for command in shown if "..." not in command]


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_the_documents_are_understood(name: str) -> None:
    for arguments in commands(ROOT / name):
        if len(arguments) > 1:
            parser().parse_args(arguments)  # exits for an unknown verb or option
        else:
            assert arguments[0] in OPTIONS


def test_the_training_page_shows_every_verb() -> None:
    assert {arguments[0] for arguments in commands(ROOT / "docs/training.md")} == set(OPTIONS)


def test_a_stranger_reads_the_readme_in_three_minutes() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
