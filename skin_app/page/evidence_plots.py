"""Figures of the Evidence tab, drawn by matplotlib in memory, as `data:` URLs on white.

Curves are SVG with letters as paths, so that they look the same without any font; the map is a
bitmap, because thousands of signs would make a large SVG.
"""

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from matplotlib.ticker import FuncFormatter, MultipleLocator
from PIL import Image

from skin_app.diagnoses import CODES, DIAGNOSES, Diagnosis
from skin_app.gallery.lesion_map import LesionMap, Place
from skin_app.operating_points import OperatingPoint
from skin_app.weights.evaluation import Reliability
from skin_app.words import evidence as words
from skin_app.words.language import Say

GREY, BLUE, INK = "#64748b", "#1d4ed8", "#0f172a"
SMALL, NORMAL = 9, 10.5  # points; a figure of 4.2 inches is shown at 290 to 480 pixels
# Each diagnosis has its own sign and line style, because not every reader can tell the colours apart.
SIGNS = dict(zip(CODES, ("s", "D", "^", "P", "X", "o", "v"), strict=True))
LINES = dict(
    zip(CODES, ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (7, 2, 1, 2))), strict=True)
)
MAP_SIZE, MAP_DPI, MAP_COLOURS = (800, 600), 100, 256
LEAST_STEP = 0.004
Curve = tuple[np.ndarray, np.ndarray]


def reliability_figure(say: Say, reliability: Reliability) -> str:
    """Share right by probability of the first diagnosis, and below it the images of each bin."""
    held = np.flatnonzero(reliability.images)
    mean, right = reliability.probability[held], reliability.right[held]
    # Binomial: a bin of few images may lie off the line by chance.
    spread = 1.96 * np.sqrt(right * (1 - right) / reliability.images[held])
    figure = Figure(figsize=(4.2, 4.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    above.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    above.errorbar(mean, right, spread, fmt="o-", color=BLUE, capsize=2, linewidth=1.2, markersize=4)
    above.set(xlim=(0, 1), ylim=(0, 1.02))
    bins = len(reliability.images)
    below.bar((np.arange(bins) + 0.5) / bins, reliability.images, 0.9 / bins, color=GREY)
    probability, share, images = (say(word) for word in words.RELIABILITY_AXES)
    above.set_ylabel(share, fontsize=NORMAL)
    below.set_xlabel(probability, fontsize=NORMAL)
    below.set_ylabel(images, fontsize=SMALL)
    _in_percent(say, above)
    below.tick_params(labelsize=SMALL)
    below.yaxis.set_major_formatter(FuncFormatter(lambda value, _: say.number(value)))
    for panel in (above, below):
        panel.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def malignant_roc_figure(say: Say, curve: Curve, points: Sequence[OperatingPoint]) -> str:
    """ROC of malignant against benign, with the crossfit sensitivity and specificity of `points`."""
    figure, panel = _roc_panel(say, words.ROC_AXES)
    panel.plot(*_visible(curve), color=INK, linewidth=1.8)
    for point in points:
        place = (1 - point.specificity, point.sensitivity)
        panel.plot(*place, "o", color=BLUE, markersize=6, zorder=3)
        name = say.percent(point.target_sensitivity, digits=0)
        panel.annotate(name, place, (4, -10), textcoords="offset points", fontsize=SMALL, color=BLUE)
    return _svg(figure)


def class_roc_figure(say: Say, curves: Mapping[Diagnosis, Curve]) -> str:
    """ROC of each diagnosis against the other six, each in its colour and its line style."""
    figure, panel = _roc_panel(say, words.ROC_CLASS_AXES)
    for diagnosis, curve in curves.items():
        look = {"color": diagnosis.colour, "linestyle": LINES[diagnosis.code], "linewidth": 1.5}
        panel.plot(*_visible(curve), label=diagnosis.code, **look)
    if curves:
        panel.legend(frameon=False, loc="lower right", fontsize=SMALL, handlelength=3.2)
    return _svg(figure)


def map_picture(lesions: LesionMap) -> str:
    """The map: a sign for each image, in its diagnosis's colour; the frequent ones lie below."""
    figure = Figure(figsize=(MAP_SIZE[0] / MAP_DPI, MAP_SIZE[1] / MAP_DPI), dpi=MAP_DPI)
    panel = figure.add_axes((0, 0, 1, 1))
    (left, right), (bottom, top) = _frame(lesions)
    panel.set(xlim=(left, right), ylim=(bottom, top))
    panel.set_axis_off()
    for diagnosis in sorted(DIAGNOSES, key=lambda d: -int((lesions.diagnoses == d.code).sum())):
        inside = lesions.diagnoses == diagnosis.code
        sign, colour = SIGNS[diagnosis.code], diagnosis.colour
        many = inside.mean() > 0.5
        panel.scatter(
            *lesions.points[inside].T,
            s=16 if many else 34,
            marker=sign,
            color=colour,
            alpha=0.45 if many else 0.9,
            linewidths=0 if many else 0.4,
            edgecolors="white",
        )
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    written = BytesIO()
    few = Image.fromarray(np.ascontiguousarray(pixels)).quantize(MAP_COLOURS)
    few.save(written, format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode()


def on_picture(lesions: LesionMap, place: Place) -> tuple[float, float]:
    """Where a place lies on `map_picture`: shares of its width from the left, of its height from the
    top, in [0, 1]."""
    (left, right), (bottom, top) = _frame(lesions)
    return (place.x - left) / (right - left), (top - place.y) / (top - bottom)


def outline(diagnosis: Diagnosis) -> str:
    """The outline of a diagnosis's sign on the map, as an SVG path in [-0.75, 0.75]; for a legend."""
    style = MarkerStyle(SIGNS[diagnosis.code])
    path = style.get_path().transformed(style.get_transform())
    return " ".join(
        "M" + " ".join(f"{x:.2f},{-y:.2f}" for x, y in np.asarray(polygon)) + "z"
        for polygon in path.to_polygons()
    )


def _frame(lesions: LesionMap) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits of x and y around all points, with a margin; both axes have the same scale."""
    low, high = lesions.points.min(axis=0), lesions.points.max(axis=0)
    size = np.array(MAP_SIZE)
    half = 0.52 * max(float(((high - low) / size).max()), 1e-6) * size
    (left, bottom), (right, top) = (
        ((low + high) / 2 - half).tolist(),
        ((low + high) / 2 + half).tolist(),
    )
    return (left, right), (bottom, top)


def _roc_panel(say: Say, axes: tuple[str, str]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.2, 3.8), layout="constrained")
    panel = figure.subplots()
    panel.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    panel.set(xlim=(0, 1), ylim=(0, 1.01))
    panel.set_aspect("equal")
    panel.set_xlabel(say(axes[0]), fontsize=NORMAL)
    panel.set_ylabel(say(axes[1]), fontsize=NORMAL)
    _in_percent(say, panel)
    panel.spines[["top", "right"]].set_visible(False)
    return figure, panel


def _visible(curve: Curve) -> np.ndarray:
    """(2, points) of a rising curve, without steps that are too small to be seen."""
    return np.unique((np.stack(curve) / LEAST_STEP).round(), axis=1) * LEAST_STEP


def _in_percent(say: Say, panel: Axes) -> None:
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MultipleLocator(0.2))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{say.number(100 * value)} %"))
    panel.tick_params(labelsize=SMALL)


def _svg(figure: Figure) -> str:
    written = BytesIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(written.getvalue()).decode()
