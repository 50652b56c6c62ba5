"""Sheets of images beside their explanations: where they may be written, and how they look."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from torch import Tensor

from skin_app.hardware import best_device
from skin_app.member_groups import input_square
from skin_app.network import Member
from skin_app.photo.read import read_photo
from skin_app.result_files import beside
from train.engine.checkpoint import load_fold_member
from train.engine.run import Run, RunError

PANEL, CAPTION, HEADER, DPI = 2.6, 0.3, 0.7, 100  # inches, and pixels per inch


@dataclass(frozen=True)
class SheetRow:
    """One row of a sheet; `panels`: (size, size, 3) RGB in [0, 1], one for each column."""

    caption: str
    panels: tuple[np.ndarray, ...]


def held_out_image(run: Run, image_id: str) -> tuple[Member, Tensor]:
    """The member that was not trained on an image, and the image as it sees it, (1, 3, size, size).

    Raises `RunError` for an unknown image or an unfinished fold.
    """
    rows = np.flatnonzero(run.data.table["image_id"] == image_id)
    if not len(rows):
        raise RunError(f"There is no image {image_id} in the data: pass ids of its CSV.")
    fold = int(run.assignment[rows[0]])
    if not (run.fold_folder(fold) / "member.safetensors").is_file():
        raise RunError(f"{image_id} is in fold {fold}, which is not trained: train it first.")
    device = best_device()
    member = load_fold_member(run, fold).requires_grad_(False).to(device)
    photo = read_photo(str(run.data.table["path"].iloc[rows[0]]))
    return member, input_square(photo, member.config)[None].to(device)


def refuse_tracked(out: Path) -> None:
    """Raise `RunError` when git would track what is written to the folder `out`.

    Sheets show images of the data set (HAM10000: CC BY-NC 4.0), which must not be committed. Without
    git, or outside a work tree, any folder will do.
    """
    place = out.resolve()
    existing = next(folder for folder in (place, *place.parents) if folder.is_dir())
    probe = str(place / "sheet.png")
    try:
        inside = _git(existing, "rev-parse", "--is-inside-work-tree")
        ignored = _git(existing, "check-ignore", "--quiet", probe)
    except FileNotFoundError:  # no git on this machine
        return
    if inside == 0 and ignored != 0:
        raise RunError(
            f"{out} is inside a git work tree and not ignored by it, and what is written there shows "
            "images of the data set, which must not be committed: choose an --out folder elsewhere, "
            "or under runs/."
        )


def _git(folder: Path, *arguments: str) -> int:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False).returncode


def draw_sheet(title: str, columns: Sequence[str], rows: Sequence[SheetRow], path: Path) -> None:
    """Write one PNG: each row below its caption, the columns' names at the top."""
    width, height = PANEL * len(columns), HEADER + len(rows) * (PANEL + CAPTION)
    figure = Figure(figsize=(width, height), dpi=DPI)
    figure.text(0.5, 1 - 0.2 / height, title, ha="center", va="center", fontsize=11)
    for number, row in enumerate(rows):
        top = height - HEADER - number * (PANEL + CAPTION)
        figure.text(0.5, (top - 0.75 * CAPTION) / height, row.caption, ha="center", fontsize=8)
        for column, (name, panel) in enumerate(zip(columns, row.panels, strict=True)):
            bottom = (top - CAPTION - PANEL) / height
            axes = figure.add_axes(
                (column / len(columns), bottom, 0.985 / len(columns), PANEL / height)
            )
            axes.imshow(panel.clip(0, 1))
            axes.set_axis_off()
            if number == 0:
                centre = (column + 0.5) / len(columns)
                figure.text(centre, (top + 0.06) / height, name, ha="center", fontsize=9)
    with beside(path) as partial:
        figure.savefig(partial, format="png")


def on_screen(image: Tensor) -> np.ndarray:
    """(3, size, size) in [0, 1] as RGB (size, size, 3)."""
    return image.permute(1, 2, 0).cpu().numpy()


def overlaid(photo: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """`heat` (size, size) in [0, 1] as colour over `photo` (size, size, 3) in [0, 1]."""
    colours = colormaps["inferno"](heat)[..., :3]
    return (1 - 0.5 * heat[..., None]) * 0.8 * photo + 0.5 * heat[..., None] * colours
