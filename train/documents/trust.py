"""docs/trust.md and docs/trust.json: every number of the text comes from the JSON beside it.

`templates/trust.md` holds the head, the summary and the contents. Each section is
`templates/trust/NAME.md`, filled with `numbers`, the part NAME of the JSON.
"""

import importlib
import json
from pathlib import Path
from typing import Any

from skin_app.output import replace_file
from train.documents import deletion_figure
from train.documents.template import environment, filled
from train.scores.evidence import read_json

SECTIONS = {  # name in the JSON and of the template -> title, of letters and blanks alone
    "decisions": "Decisions",
    "novelty": "Pictures that are not dermatoscopic",
    "quality": "Photo quality",
    "corrections": "Photo corrections",
    "lesion": "The lesion mask",
    "heat": "Heat on the lesion",
    "artefacts": "Hair and other artefacts",
    "files": "Colour profiles and damaged files",
    "explanations": "Explanations tested",
    "skin_tone": "Skin tone",
}
FIGURE = "figures/trust-deletion.png"


def write_document(numbers: dict[str, Any], path: Path) -> None:
    """Write `numbers` beside `path` as JSON, the text made of them to `path`, and its figure."""
    (path.parent / FIGURE).parent.mkdir(parents=True, exist_ok=True)
    deletion_figure.draw_curves(numbers["explanations"], path.parent / FIGURE)
    write_text(numbers, path)


def write_text(numbers: dict[str, Any], path: Path) -> None:
    """Write `numbers` beside `path` as JSON, and the text made of them to `path`."""
    replace_file(path.with_suffix(".json"), json.dumps(numbers, indent=1) + "\n")
    replace_file(path, document(numbers))


def read_document(path: Path) -> dict[str, Any]:
    """The numbers of a written document. Raises `DataError`."""
    return read_json(path.with_suffix(".json"))


def document(numbers: dict[str, Any]) -> str:
    """The whole text; raises `jinja2.UndefinedError` for a number that is missing."""
    templates = environment().list_templates()
    rendered = {n: rendered_by_module(n, numbers) for n in SECTIONS if f"trust/{n}.md" not in templates}
    return filled("trust.md", sections=SECTIONS, rendered=rendered, figure=FIGURE, all=numbers)


OLD = {  # sections without a template yet -> the module whose `render` writes them, heading and all
    "decisions": "train.audit.decisions",
    "novelty": "train.audit.foreign",
    "quality": "train.documents.quality",
    "corrections": "train.audit.corrections",
    "lesion": "train.audit.lesion",
    "heat": "train.audit.heat",
    "artefacts": "train.audit.artefacts",
    "files": "train.audit.files",
    "explanations": "train.documents.explanations",
    "skin_tone": "train.audit.skin_tone",
}


def rendered_by_module(name: str, numbers: dict[str, Any]) -> str:
    """The text below the heading of a section that has no template yet."""
    text = importlib.import_module(OLD[name]).render(numbers[name]).strip().partition("\n")[2]
    figure = f"\n\n![Deletion and insertion]({FIGURE})" if name == "explanations" else ""
    return text.strip() + figure + "\n"
