"""Carries out a Dockerfile without Docker: its instructions in order, in a folder that stands for `/`.

Knows what `hosting/Dockerfile` uses, and raises `ValueError` for anything else. The caller says how RUN
is done, and starts CMD and HEALTHCHECK: with the folder as root, or beside it.
"""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

Run = Callable[[str, "Image"], object]
KNOWN = frozenset(
    ("ARG", "FROM", "ENV", "RUN", "WORKDIR", "COPY", "USER", "EXPOSE", "HEALTHCHECK", "CMD")
)


@dataclass
class Image:
    """What the instructions have made so far. `root`: the folder that stands for `/`."""

    root: Path
    base: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0"
    port: str = ""
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    health_options: dict[str, str] = field(default_factory=dict)

    @property
    def at(self) -> Path:
        """The working folder, outside of the image."""
        return self.root / self.folder.lstrip("/")


def instructions(text: str) -> list[tuple[str, str]]:
    """Name and argument of each instruction; lines that end in a backslash are joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]
    for name, *_ in found:
        if name not in KNOWN:
            raise ValueError(f"{name} is no instruction that is carried out here.")
    return [(name, argument) for name, argument in found]


def carried_out(dockerfile: Path, context: Path, root: Path, run: Run) -> Image:
    """The image: COPY copies from `context` what DOCKERFILE.dockerignore leaves; `run`: does RUN."""
    image, arguments = Image(root), dict[str, str]()
    ignored = dockerfile.with_name(f"{dockerfile.name}.dockerignore").read_text().split("\n")
    for name, argument in instructions(dockerfile.read_text()):
        if name == "ARG":
            key, _, value = argument.partition("=")
            arguments[key] = value
        elif name == "FROM":
            image.base = re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], argument)
        elif name == "ENV":
            image.environment |= dict(pair.split("=", 1) for pair in shlex.split(argument))
        elif name == "WORKDIR":
            image.folder = argument
            image.at.mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            *sources, target = argument.split()
            for source in sources:
                _copy(context, source, image.at / target, len(sources) > 1, ignored)
        elif name == "RUN":
            run(argument, image)
        elif name == "USER":
            image.user = argument
        elif name == "EXPOSE":
            image.port = argument
        elif name == "HEALTHCHECK":
            options, _, command = argument.partition("CMD ")
            image.health = json.loads(command)
            image.health_options = dict(re.findall(r"--([\w-]+)=(\S+)", options))
        else:
            image.command = json.loads(argument)
    return image


def _copy(context: Path, source: str, target: Path, into: bool, ignored: list[str]) -> None:
    """As COPY does: the content of a folder, or a file; fails for what is missing or ignored."""
    origin = context / source
    if not _goes(source, ignored):
        raise ValueError(f"{source} is ignored, so it cannot be copied.")
    if origin.is_dir():
        for path in origin.rglob("*"):
            name = path.relative_to(context).as_posix()
            if path.is_file() and _goes(name, ignored):
                own = target / path.relative_to(origin)
                own.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, own)
    else:
        shutil.copy(origin, target / origin.name if into or target.is_dir() else target)


def _goes(name: str, ignored: list[str]) -> bool:
    """Whether a file reaches Docker: the last pattern that fits it, or a folder of it, decides."""
    parts = name.split("/")
    places = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    goes = True
    for line in ignored:
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!")
            anywhere = pattern.removeprefix("**/") if pattern.startswith("**/") else None
            fits = any(
                fnmatch(place.rsplit("/", 1)[-1], anywhere) if anywhere else _fits(place, pattern)
                for place in places
            )
            goes = line.startswith("!") if fits else goes
    return goes


def _fits(place: str, pattern: str) -> bool:
    return place.count("/") == pattern.count("/") and fnmatch(place, pattern)
