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
from sklearn.metrics import roc_auc_score, roc_curve

from skin_app.calibration import malignant_probability
from skin_app.diagnoses import CODES, DIAGNOSES, MALIGNANT
from skin_app.result_files import beside

DOTS_PER_INCH = 100
BINS = 15
GREY, BLUE, ORANGE = "#64748b", "#1d4ed8", "#c2410c"


def draw_learning_curves(histories: Mapping[int, dict[str, Any]], path: Path) -> None:
    """Training and validation loss by epoch, one panel a stage, one pair of lines a fold.

    `histories`: fold -> its `history.json`. A dot marks the epoch whose weights were kept.
    """
    stages = [stage["name"] for stage in next(iter(histories.values()))["stages"]]
    figure, panels = _panels(len(stages), 5.2 if len(stages) == 1 else 4.2)
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
    save(figure, path)


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
    confidence = probabilities.max(axis=1)
    hit = probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    counts = np.bincount(which, minlength=BINS)
    held = np.flatnonzero(counts)
    mean = np.bincount(which, confidence, BINS)[held] / counts[held]
    share = np.bincount(which, hit, BINS)[held] / counts[held]
    # binomial interval, because a bin of few images may lie off the line by chance
    error = 1.96 * np.sqrt(share * (1 - share) / counts[held])
    figure = Figure(figsize=(4.6, 5.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    above.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    above.errorbar(mean, share, np.clip(error, 0, None), fmt="o-", color=BLUE, capsize=2, linewidth=1)
    above.set(ylabel="share that is right", ylim=(0, 1.02), xlim=(0, 1))
    below.bar((np.arange(BINS) + 0.5) / BINS, counts, 0.9 / BINS, color=GREY)
    below.set(xlabel="probability of the top class", ylabel="images")
    _plain(above)
    _plain(below)
    save(figure, path)


def draw_roc(probabilities: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """ROC curves of each class against the rest and of malignant against benign.

    The dot is the malignant group's operating point at 95 % sensitivity.
    """
    figure = Figure(figsize=(5.4, 5.2), layout="constrained")
    panel = figure.subplots()
    panel.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    for k, diagnosis in enumerate(DIAGNOSES):
        if 0 < (labels == k).sum() < len(labels):
            _draw_curve(panel, labels == k, probabilities[:, k], diagnosis.code, diagnosis.colour, 1.2)
    positive = np.array(MALIGNANT)[labels]
    if positive.any() and not positive.all():
        mass = malignant_probability(probabilities)
        false, true = _draw_curve(panel, positive, mass, "malignant", "black", 2.2)
        at = int((true >= 0.95).argmax())
        panel.plot(false[at], true[at], "o", color="black", markersize=9, zorder=5)
    panel.set(xlabel="1 − specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.01))
    panel.set_aspect("equal")
    panel.legend(frameon=False, loc="lower right", title="AUC")
    _plain(panel)
    save(figure, path)


def _draw_curve(
    panel: Axes, positive: np.ndarray, score: np.ndarray, name: str, colour: str, width: float
) -> tuple[np.ndarray, np.ndarray]:
    false, true, _ = roc_curve(positive, score)
    label = f"{name}: {roc_auc_score(positive, score):.3f}"
    panel.plot(false, true, color=colour, linewidth=width, label=label)
    return false, true


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
    save(figure, path)


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
    save(figure, path)


def draw_range_test(table: pd.DataFrame, path: Path, chosen: float | None = None) -> None:
    """Loss by learning rate of a range test (Smith 2017): columns rate, loss, smoothed.

    `chosen`: the rate that was taken from it.
    """
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    panel = figure.subplots()
    panel.plot(table["rate"], table["loss"], color=GREY, linewidth=0.7, alpha=0.6, label="each step")
    panel.plot(table["rate"], table["smoothed"], color=BLUE, linewidth=2, label="smoothed")
    if chosen is not None:
        panel.axvline(chosen, color=ORANGE, linestyle="--", label=f"chosen: {chosen:.2g}")
    lowest, start = float(table["smoothed"].min()), float(table["smoothed"].iloc[0])
    room = max(start - lowest, 1e-6)
    panel.set(xscale="log", xlabel="learning rate", ylabel="training loss")
    panel.set_ylim(lowest - 0.4 * room, start + 0.8 * room)  # beyond, the loss only explodes
    panel.legend(frameon=False)
    _plain(panel)
    save(figure, path)


def _panels(count: int, width: float) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(min(width * count, 12), 3.6), layout="constrained")
    panels = list(figure.subplots(1, count, squeeze=False)[0])
    for panel in panels:
        _plain(panel)
    return figure, panels


def _plain(panel: Axes) -> None:
    panel.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path) -> None:
    """Draw `figure` as a PNG at `path`, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure)
    with beside(path) as partial:
        figure.savefig(partial, dpi=DOTS_PER_INCH, format="png", metadata={"Software": None})
