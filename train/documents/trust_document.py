"""docs/trust.md and docs/trust.json: every number of the text comes from the JSON beside it.

`templates/trust.md` holds the head, the summary and the contents. Each section is
`templates/trust/NAME.md`, filled with `numbers`, the part NAME of the JSON.
"""

import json
import re
from pathlib import Path
from typing import Any

from jinja2 import UndefinedError

from skin_app.operating_points import predictive_values
from skin_app.result_files import replace_file
from skin_app.words.outcome import REASONS
from train.documents.figures import draw_deletion_curves
from train.documents.template import filled
from train.scores.evidence import read_json

SECTIONS = {  # name in the JSON and of the template -> title, of letters and blanks alone
    "decisions": "Decisions",
    "context": "Age and sex",
    "novelty": "Refused pictures",
    "quality": "Photo quality",
    "corrections": "Photo corrections",
    "lesion": "The lesion mask",
    "heat": "Heat on the lesion",
    "artefacts": "Hair and other artefacts",
    "files": "Photo files",
    "explanations": "Explanations",
    "skin_tone": "Skin tone",
}
# in the JSON: lists of numbers, and estimates
ONE_LINE = (r"\[[^\[\]{}\"]*\]", r"\{\s*\"value\"[^{}]*\}")
FIGURE = "figures/trust-deletion.png"
GIVEN = {"figure": FIGURE, "predictive_values": predictive_values, "reasons": REASONS}


def write_document(numbers: dict[str, Any], path: Path) -> None:
    """Write `numbers` beside `path` as JSON, the text made of them to `path`, and its figure."""
    draw_deletion_curves(numbers["explanations"], path.parent / FIGURE)
    write_text(numbers, path)


def write_text(numbers: dict[str, Any], path: Path) -> None:
    """Write `numbers` beside `path` as JSON, and the text made of them to `path`."""
    text = json.dumps(numbers, indent=1)
    for pattern in ONE_LINE:
        text = re.sub(pattern, lambda found: " ".join(found[0].split()), text)
    replace_file(path.with_suffix(".json"), text + "\n")
    replace_file(path, document(numbers))


def read_document(path: Path) -> dict[str, Any]:
    """The numbers of a written document. Raises `DataError`."""
    return read_json(path.with_suffix(".json"))


def document(numbers: dict[str, Any]) -> str:
    """The whole text; raises `jinja2.UndefinedError` for a number that is missing."""
    return filled("trust.md", sections=SECTIONS, all=numbers, **GIVEN)


def outdated_sections(numbers: dict[str, Any]) -> list[str]:
    """Names of the sections that are missing, or were written by another version of this program."""
    found = []
    for name in SECTIONS:
        try:
            filled(f"trust/{name}.md", numbers=numbers.get(name, {}), **GIVEN)
        except UndefinedError:
            found.append(name)
    return found
