"""Which of the installed packages this project needs, with or without an extra."""

from importlib.metadata import distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = "skin-app"


def needed(*extras: str) -> dict[str, str]:
    """Canonical name -> installed version of each package that the plain install and `extras` need.

    Follows what the installed packages ask for on this machine; the project itself is left out.
    Raises `PackageNotFoundError` if one of them is missing.
    """
    found: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(PROJECT, frozenset(extras))]
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        package = distribution(name)
        found[name] = package.version
        for text in package.requires or ():
            asked = Requirement(text)
            if asked.marker is None or any(asked.marker.evaluate({"extra": e}) for e in {"", *wanted}):
                waiting.append((canonicalize_name(asked.name), frozenset(asked.extras)))
    del found[PROJECT]
    return dict(sorted(found.items()))
