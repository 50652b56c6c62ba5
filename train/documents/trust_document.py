"""docs/trust.md and docs/trust.json: every number of the text comes from the JSON beside it.

`templates/trust.md` holds the head, the summary and the contents. Each section is
`templates/trust/NAME.md`, filled with `numbers`, the part NAME of the JSON.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from skin_app.calibration import predictive_values
from skin_app.output import replace_file
from skin_app.words.outcome import REASONS
from train.documents.figures import BLUE, GREY, ORANGE, save
from train.documents.template import filled
from train.explain.maps import CENTRE, OURS, RANDOM
from train.scores.evidence import read_json

SECTIONS = {  # name in the JSON and of the template -> title, of letters and blanks alone
    "decisions": "Decisions",
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
COLOURS = {OURS: BLUE, CENTRE: ORANGE, RANDOM: GREY}
OTHERS = ("#0f766e", "#7c3aed", "#be185d", "#a16207", "#4d7c0f")


def write_document(numbers: dict[str, Any], path: Path) -> None:
    """Write `numbers` beside `path` as JSON, the text made of them to `path`, and its figure."""
    (path.parent / FIGURE).parent.mkdir(parents=True, exist_ok=True)
    draw_curves(numbers["explanations"], path.parent / FIGURE)
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
    return filled(
        "trust.md",
        sections=SECTIONS,
        all=numbers,
        figure=FIGURE,
        predictive_values=predictive_values,
        reasons=REASONS,
    )


def draw_curves(numbers: dict[str, Any], path: Path) -> None:
    """Mean deletion and insertion curves of each map; `numbers`: the section "explanations".

    Methods whose maps are ours on all images are not drawn again.
    """
    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    others = iter(OTHERS)
    for name, both in numbers["curves"]["mean"].items():
        if numbers["same_as_ours"].get(name) == numbers["images"]:
            continue
        known = name in COLOURS
        colour = COLOURS[name] if known else next(others)
        for panel, values in zip(panels, both, strict=True):
            share = np.linspace(0, 1, len(values))
            panel.plot(share, values, color=colour, label=name, linewidth=2.2 if known else 1.1)
    panels[0].set(title="deletion", xlabel="share of pixels taken away", ylabel="mean probability")
    panels[1].set(title="insertion", xlabel="share of pixels put back")
    panels[1].legend(frameon=False, fontsize=8)
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
    save(figure, path)
