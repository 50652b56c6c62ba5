"""The figure of the deletion and insertion curves."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from train.documents.figures import BLUE, GREY, ORANGE, save
from train.explain.maps import CENTRE, OURS, RANDOM

COLOURS = {OURS: BLUE, CENTRE: ORANGE, RANDOM: GREY}
OTHERS = ("#0f766e", "#7c3aed", "#be185d", "#a16207", "#4d7c0f")


def draw_curves(numbers: dict[str, Any], path: Path) -> None:
    """Mean deletion and insertion curves of each map; `numbers`: what `measure` gave.

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
