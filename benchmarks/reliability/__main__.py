"""Measures one section of docs/reliability.md, or writes the page again from the kept numbers."""

import argparse
import json
import re
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from importlib import import_module
from os import getloadavg
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from skin_app.hardware import best_device, describe
from skin_app.result_files import replace_file

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
TEMPLATES = Path(__file__).parent / "templates"
# In the order of the page.
SECTIONS = (
    "fuzzing",
    "throughput",
    "load",
    "privacy",
    "web",
    "faults",
    "training",
    "determinism",
    "precision",
    "supply",
)


def main() -> int:
    """Return 0; errors of a measurement go through, and nothing is written then."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability", description=__doc__)
    parser.add_argument("section", nargs="?", choices=SECTIONS, help="measure this (default: none)")
    section = parser.parse_args().section
    if section:
        numbers_of(section).parent.mkdir(exist_ok=True)
        replace_file(
            numbers_of(section), json.dumps(measured(section), indent=1, sort_keys=True) + "\n"
        )
    kept = {name: numbers_of(name) for name in SECTIONS}
    replace_file(
        PAGE,
        page({name: json.loads(file.read_text()) for name, file in kept.items() if file.exists()}),
    )
    return 0


def numbers_of(section: str) -> Path:
    """Where the numbers of a section are kept."""
    return ROOT / "docs" / "reliability" / f"{section}.json"


def measured(section: str) -> dict[str, Any]:
    """The numbers of a section, with where and when they were measured."""
    busy = getloadavg()[0]
    begun = datetime.now(timezone.utc)
    numbers = asdict(import_module(f"benchmarks.reliability.{section}").measure())
    return {
        **numbers,
        "measured": {
            "day": begun.date().isoformat(),
            "seconds": round((datetime.now(timezone.utc) - begun).total_seconds()),
            "device": describe(best_device()),
            "load_before": round(busy, 1),
        },
    }


def page(kept: dict[str, Any]) -> str:
    """docs/reliability.md; a section without numbers says that it was not measured."""
    filled = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    parts = [filled.get_template("head.md").render()]
    for section in SECTIONS:
        if section in kept:
            parts.append(filled.get_template(f"{section}.md").render(kept[section]))
            parts.append(filled.get_template("measured.md").render(kept[section], section=section))
        else:
            parts.append(f"## {section.capitalize()}\n\nNot measured yet.\n")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).strip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
