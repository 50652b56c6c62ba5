"""Figures of what was measured: one function each, from numbers to a PNG file.

Every function takes the path to write and leaves no state in matplotlib. The same input gives the same
bytes with the same matplotlib.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from skin_app.diagnoses import CODES, DIAGNOSES
from skin_app.result_files import beside
from skin_app.weights.evaluation import BINS, Evaluation
from train.explain.maps import CENTRE, OURS, RANDOM

DOTS_PER_INCH = 100
GREY, BLUE, ORANGE = "#64748b", "#1d4ed8", "#c2410c"
MAPS = {OURS: BLUE, CENTRE: ORANGE, RANDOM: GREY}
OTHER_MAPS = ("#0f766e", "#7c3aed", "#be185d", "#a16207", "#4d7c0f")


def draw_learning_curves(histories: Mapping[int, dict[str, Any]], path: Path) -> None:
    """Training and validation loss by epoch, one panel a stage, one pair of lines a fold.

    `histories`: fold -> its `history.json`. A dot marks the epoch whose weights were kept.
    """
    stages = [stage["name"] for stage in next(iter(histories.values()))["stages"]]
    width = 5.2 if len(stages) == 1 else min(4.2 * len(stages), 12)
    figure = Figure(figsize=(width, 3.6), layout="constrained")
    panels = list(figure.subplots(1, len(stages), squeeze=False)[0])
    for number, (panel, name) in enumerate(zip(panels, stages, strict=True)):
        for history in histories.values():
            _draw_stage(panel, history["stages"][number])
        panel.set_title(name)
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].set_ylabel("loss")
    panels[0].plot([], [], color=GREY, linestyle="--", label="training")
    panels[0].plot([], [], color=BLUE, label="validation")
    panels[0].plot([], [], "o", color=ORANGE, label="kept")
    panels[0].legend(frameon=False)
    _save(figure, path)


def _draw_stage(panel: Axes, stage: dict[str, Any]) -> None:
    epochs = [entry["epoch"] + 1 for entry in stage["epochs"]]
    alone = "o" if len(epochs) == 1 else ""
    training = [entry["train_loss"] for entry in stage["epochs"]]
    panel.plot(epochs, training, color=GREY, linestyle="--", marker=alone, markersize=3)
    validation = [entry["validation_loss"] for entry in stage["epochs"]]
    if None in validation:
        return
    panel.plot(epochs, validation, color=BLUE, marker=alone, markersize=3)
    if stage["kept"] is not None:
        kept = epochs.index(stage["kept"] + 1)
        panel.plot(epochs[kept], validation[kept], "o", color=ORANGE, zorder=3)


def draw_reliability(probabilities: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """How often the top class is right, by its probability, in 15 equal-width bins.

    `probabilities`: (images, 7); `labels`: (images,). Below: how many images each bin holds.
    """
    bins = Evaluation(labels, probabilities).reliability
    # binomial interval, because a bin of few images may lie off the line by chance
    error = 1.96 * np.sqrt(bins.right * (1 - bins.right) / np.maximum(bins.images, 1))
    figure = Figure(figsize=(4.6, 5.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    above.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    held = bins.images > 0
    points = bins.probability[held], bins.right[held], error[held]
    above.errorbar(*points, fmt="o-", color=BLUE, capsize=2, linewidth=1)
    above.set(ylabel="share that is right", ylim=(0, 1.02), xlim=(0, 1))
    below.bar((np.arange(BINS) + 0.5) / BINS, bins.images, 0.9 / BINS, color=GREY)
    below.set(xlabel="probability of the top class", ylabel="images")
    _save(figure, path)


def draw_roc(probabilities: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """ROC curves of each class against the rest and of malignant against benign.

    The dot is the malignant group's operating point at 95 % sensitivity.
    """
    figure = Figure(figsize=(5.4, 5.2), layout="constrained")
    panel = figure.subplots()
    panel.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    kept = Evaluation(labels, probabilities)
    curves = [(own.code, own.colour, 1.2, kept.roc_of(own)) for own in DIAGNOSES]
    curves.append(("malignant", "black", 2.2, kept.malignant_roc))
    for name, colour, width, curve in curves:
        if curve is not None:
            label = f"{name}: {np.trapezoid(curve[1], curve[0]):.3f}"
            panel.plot(*curve, color=colour, linewidth=width, label=label)
    if kept.malignant_roc is not None:
        false, true = kept.malignant_roc
        at = int((true >= 0.95).argmax())
        panel.plot(false[at], true[at], "o", color="black", markersize=9, zorder=5)
    panel.set(xlabel="1 − specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.01))
    panel.set_aspect("equal")
    panel.legend(frameon=False, loc="lower right", title="AUC")
    _save(figure, path)


def draw_confusion(counts: np.ndarray, path: Path) -> None:
    """Confusion matrix: shares of each true class as colour and per cent, counts below them.

    `counts`: (7, 7), rows true, columns predicted.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(5.8, 5.4), layout="constrained")
    panel = figure.subplots()
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        if counts[row, column]:
            share = shares[row, column]
            colour = "white" if share > 0.5 else "black"
            percent = f"{share:.0%}" if share >= 0.005 else "<1%"
            text = f"{percent}\n{counts[row, column]}"
            panel.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    panel.set_xticks(range(len(CODES)), CODES)
    panel.set_yticks(
        range(len(CODES)), [f"{c} ({n})" for c, n in zip(CODES, counts.sum(1), strict=True)]
    )
    panel.set(xlabel="predicted", ylabel="true (images)")
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    _save(figure, path)


def draw_tsne(points: pd.DataFrame, diagnoses: pd.Series, path: Path) -> None:
    """The map of `points` (columns x, y), each in the colour of its diagnosis (codes, same order)."""
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    panel = figure.subplots()
    for diagnosis in sorted(DIAGNOSES, key=lambda d: -int((diagnoses == d.code).sum())):
        inside = (diagnoses == diagnosis.code).to_numpy()
        if inside.any():
            panel.scatter(
                points["x"].to_numpy()[inside],
                points["y"].to_numpy()[inside],
                s=6,
                color=diagnosis.colour,
                alpha=0.75,
                linewidths=0,
                label=f"{diagnosis.code} ({int(inside.sum())})",
            )
    panel.legend(frameon=False, markerscale=2.5, loc="center left", bbox_to_anchor=(1, 0.5))
    panel.set_axis_off()
    _save(figure, path)


def draw_range_test(table: pd.DataFrame, path: Path, chosen: float) -> None:
    """Loss by learning rate of a range test (Smith 2017): columns rate, loss, smoothed.

    `chosen`: the rate that was taken from it.
    """
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    panel = figure.subplots()
    panel.plot(table["rate"], table["loss"], color=GREY, linewidth=0.7, alpha=0.6, label="each step")
    panel.plot(table["rate"], table["smoothed"], color=BLUE, linewidth=2, label="smoothed")
    panel.axvline(chosen, color=ORANGE, linestyle="--", label=f"chosen: {chosen:.2g}")
    lowest, start = float(table["smoothed"].min()), float(table["smoothed"].iloc[0])
    room = max(start - lowest, 1e-6)
    panel.set(xscale="log", xlabel="learning rate", ylabel="training loss")
    panel.set_ylim(lowest - 0.4 * room, start + 0.8 * room)  # beyond, the loss only explodes
    panel.legend(frameon=False)
    _save(figure, path)


def draw_deletion_curves(numbers: dict[str, Any], path: Path) -> None:
    """Mean deletion and insertion curves of each map. `numbers`: the part "explanations" of trust.json.

    Methods whose maps are ours on all images are not drawn again.
    """
    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    others = iter(OTHER_MAPS)
    for name, both in numbers["curves"]["mean"].items():
        if numbers["same_as_ours"].get(name) == numbers["images"]:
            continue
        known = name in MAPS
        colour = MAPS[name] if known else next(others)
        for panel, values in zip(panels, both, strict=True):
            share = np.linspace(0, 1, len(values))
            panel.plot(share, values, color=colour, label=name, linewidth=2.2 if known else 1.1)
    panels[0].set(title="deletion", xlabel="share of pixels taken away", ylabel="mean probability")
    panels[1].set(title="insertion", xlabel="share of pixels put back")
    panels[1].legend(frameon=False, fontsize=8)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    """Draw `figure` as a PNG at `path`, whose folder is made."""
    for panel in figure.axes:
        panel.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure)
    with beside(path) as partial:
        figure.savefig(partial, dpi=DOTS_PER_INCH, format="png", metadata={"Software": None})
