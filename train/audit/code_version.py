"""Which version of the code a kept result belongs to: after a change it is measured anew.

Found by the imports, not by a list that someone would have to keep: rather too much than too little.
"""

import ast
import dataclasses
import hashlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import torch

OWN = {name: Path(__file__).resolve().parents[2] / name for name in ("skin_app", "train")}
CONSTANT = re.compile(r"_*[A-Z][A-Z0-9_]*")


def code_version(function: Callable[..., Any]) -> str:
    """SHA-256, in hex, of all code that `function` can rest on.

    That is its module and every own module which that imports, directly or through others: their
    sources, and their constants as they are at this moment (a constant set at run time, as tests do, is
    not in the source); and the versions of all other packages that these import.
    """
    start = function.__module__
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    others: set[str] = set()
    for name, path in sorted(_reached(start, Path(str(sys.modules[start].__file__))).items()):
        source, imported = _read(name, path)
        others |= {other.partition(".")[0] for other in imported if _own_file(other) is None}
        digest.update(f"{name}\n{source}\n{_constants(name)}\n".encode())
    digest.update(repr(_versions(frozenset(others))).encode())
    return digest.hexdigest()


def _reached(start: str, path: Path) -> dict[str, Path]:
    """Name -> file of the module `start` and of all own modules that it reaches."""
    reached, waiting = {start: path}, [start]
    while waiting:
        name = waiting.pop()
        for other in _read(name, reached[name])[1]:
            file = _own_file(other)
            if file is not None and other not in reached:
                reached[other] = file
                waiting.append(other)
    return reached


@cache
def _read(name: str, path: Path) -> tuple[str, frozenset[str]]:
    """SHA-256 of a module's source, and all names that it may import, packages and attributes among
    them; once a process, as the code that runs stays as it was read."""
    source = path.read_bytes()
    return hashlib.sha256(source).hexdigest(), frozenset(_imported(ast.parse(source), name))


def _imported(tree: ast.Module, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for imported in node.names:
                yield from _with_packages(imported.name)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(name.split(".")[: -node.level]) if node.level else ""
            module = ".".join(part for part in (above, node.module) if part)
            yield from _with_packages(module)
            yield from (f"{module}.{imported.name}" for imported in node.names)


def _with_packages(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


@cache
def _own_file(name: str) -> Path | None:
    """The source of an own module or package; None for what is none."""
    root, *parts = name.split(".")
    if root not in OWN:
        return None
    place = OWN[root].joinpath(*parts)
    files = (place / "__init__.py", place.with_suffix(".py"))
    return next((file for file in files if file.is_file()), None)


@cache
def _versions(packages: frozenset[str]) -> list[tuple[str, str]]:
    """Distribution and version of those of `packages` that are installed, not part of Python."""
    installed = packages_distributions()
    found = {name for package in packages - {*OWN} for name in installed.get(package, ())}
    return [(name, version(name)) for name in sorted(found)]


def _constants(module: str) -> str:
    values = vars(sys.modules[module]) if module in sys.modules else {}
    named = {key: value for key, value in values.items() if CONSTANT.fullmatch(key)}
    return _stable(named)


def _stable(value: object) -> str:
    """`value` as text that is alike in every process; of other objects (whose source is known) their
    type alone."""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, re.Pattern)):
        return repr(value)
    if isinstance(value, (tuple, list)):
        return f"[{','.join(map(_stable, value))}]"
    if isinstance(value, (set, frozenset)):
        return f"{{{','.join(sorted(map(_stable, value)))}}}"
    if isinstance(value, Mapping):
        return _stable([(key, value[key]) for key in sorted(value, key=_stable)])
    if isinstance(value, (np.ndarray, torch.Tensor)):
        return repr(value.tolist())
    if isinstance(value, (type, FunctionType)):
        return f"{value.__module__}.{value.__qualname__}"
    if dataclasses.is_dataclass(value):
        own = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return f"{_stable(type(value))}{_stable(own)}"
    return _stable(type(value))
