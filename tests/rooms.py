"""The rooms of the program, and which of them imports which: read from the source by `ast`.

    python -m tests.rooms            # prints the diagram that the README shows
    python -m tests.rooms --write    # puts it into the README

A room is a folder of `skin_app` or `train`. The modules of `skin_app` that lie in no folder make two
rooms: those that need the gallery, weights or reports ("library": the ensemble, the command line), and
those that they are built on ("parts"). The modules of `train` that lie in no folder are the verbs.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
START, END = "<!-- rooms: written by `python -m tests.rooms --write` -->", "<!-- end of rooms -->"
PROGRAMS = ("skin_app", "train")
VERBS, LIBRARY, PARTS, APP = "verbs", "library", "parts", "app.py"
UPPER = ("gallery", "weights", "report")  # a loose module that needs these is the library's
# From the bottom up: a room imports only rooms before it.
ORDER = {
    "skin_app": ("words", "photo", PARTS, "gallery", "weights", LIBRARY, "report", "page"),
    "train": (
        *("data", "recipes", "engine", "scores", "explain", "audit", "documents", "release"),
        VERBS,
    ),
}


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> file of every module of the program; a package goes by its `__init__.py`."""
    found = [path for program in PROGRAMS for path in sorted((ROOT / program).rglob("*.py"))]
    return {_dotted(path): path for path in found}


def imported(path: Path, at_once: bool = False) -> Iterator[str]:
    """Dotted names that a file imports, of whatever package: `a.b` for `from a import b`, too.

    `at_once`: only those that are imported as soon as the file is, not by a function when it is called.
    """
    nodes = _walk(_tree(path)) if at_once else ast.walk(_tree(path))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{name.name}" for name in node.names)


@cache
def imports_of_modules(at_once: bool = False) -> dict[str, set[str]]:
    """Module -> the modules of the program that it imports; `at_once` as in `imported`."""
    known = modules()
    return {
        name: {own for full in imported(path, at_once) if (own := _module(full, known))} - {name}
        for name, path in known.items()
    }


@cache
def rooms() -> dict[str, str]:
    """Module -> its room, as "skin_app/photo" or "train/data"."""
    return {module: f"{module.partition('.')[0]}/{_room(module)}" for module in modules()}


def _room(module: str) -> str:
    program, first = (*module.split("."), "__init__")[:2]
    if (ROOT / program / first).is_dir():
        return first
    if program == "train":
        return VERBS
    return LIBRARY if first in ("__init__", "__main__") or _uses(module, UPPER) else PARTS


@cache
def _uses(module: str, folders: tuple[str, ...]) -> bool:
    """Whether a module of `skin_app` imports one of its `folders`, itself or by another loose one."""
    for own in imports_of_modules(at_once=True)[module]:
        first = own.split(".")[1]
        if first in folders or (not (ROOT / "skin_app" / first).is_dir() and _uses(own, folders)):
            return True
    return False


def arrows() -> dict[str, set[str]]:
    """Room -> the rooms that it imports, `app.py` among the importing ones."""
    room, known = rooms(), modules()
    of_app = {own for full in imported(ROOT / APP) if (own := _module(full, known))}
    found: dict[str, set[str]] = {APP: {room[own] for own in of_app}}
    for module, imports in imports_of_modules().items():
        found.setdefault(room[module], set()).update(room[own] for own in imports)
    return {name: targets - {name} for name, targets in found.items()}


def upward() -> set[tuple[str, str]]:
    """Arrows from a room to one above it, within one program."""
    return {
        (room, target)
        for room, targets in arrows().items()
        for target in targets
        if room != APP and _program(room) == _program(target) and _place(target) > _place(room)
    }


def diagram() -> str:
    """The rooms and exactly their arrows, in Mermaid; all that `train` takes of `skin_app` is one."""
    found = arrows()
    lines = ["flowchart TD", f'  app["{APP}"] --> {_joined(found[APP])}']
    for program in PROGRAMS[::-1]:
        lines += [f"  subgraph {program}"]
        for room in sorted(found, key=_place, reverse=True):
            below = [target for target in found[room] if _program(target) == program]
            if room != APP and _program(room) == program and below:
                lines.append(f"    {_name(room)} --> {_joined(below)}")
        lines.append("  end")
    return "\n".join(["```mermaid", *lines, "  train --> skin_app", "```"])


def with_diagram(readme: str) -> str:
    """`readme` with the diagram between its two markers."""
    before, start, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    assert start, f"the README needs the line {START}"
    assert end, f"the README needs the line {END}"
    return f"{before}{start}\n{diagram()}\n{end}{after}"


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those in functions and under `if TYPE_CHECKING`."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _walk(child)


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _module(full: str, known: dict[str, Path]) -> str:
    """The module of the program that an imported name is, or is of; "" for others."""
    while full and full not in known:
        full = full.rpartition(".")[0]
    return full


def _program(room: str) -> str:
    return room.partition("/")[0]


def _place(room: str) -> int:
    order = ORDER.get(_program(room), ())
    return order.index(_name(room)) if _name(room) in order else -1


def _name(room: str) -> str:
    return room.partition("/")[2]


def _joined(rooms_below: Iterable[str]) -> str:
    return " & ".join(_name(room) for room in sorted(rooms_below, key=_place, reverse=True))


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        README.write_text(with_diagram(README.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(diagram())
