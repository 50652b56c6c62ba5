"""A run's folder: prepared once, checked when the same command is started again."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from skin_app.weights import file_hash
from train.folds import lesion_folds, write_folds
from train.ham10000 import Dataset, cached_squares, read_dataset
from train.recipes import Recipe


class RunError(RuntimeError):
    """The run cannot start or go on; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Run:
    """One training run: its data, folds, recipe, start weights and folder.

    `squares`: (images, 3, side, side) uint8; `assignment`: (images,) fold of each image.
    """

    folder: Path
    data: Dataset
    squares: np.ndarray
    assignment: np.ndarray
    recipe: Recipe
    seed: int
    init: Path | None

    def fold_folder(self, fold: int) -> Path:
        return self.folder / f"fold-{fold}"

    def steps_per_epoch(self, fold: int) -> int:
        return max(1, int((self.assignment != fold).sum()) // self.recipe.batch)


def prepare(
    folder: Path,
    data_folder: Path,
    recipe: Recipe,
    seed: int,
    init: Path | None,
    allow_missing: bool = False,
) -> Run:
    """Read the data, fix folds and settings in `folder`, or check that they are what they were.

    Writes `folds.csv` and `run.json`. Raises `RunError` when the folder holds another run.
    """
    if init is not None and not init.is_file():
        raise RunError(f"There are no start weights at {init}: check the path given as --init.")
    data = read_dataset(data_folder, allow_missing)
    settings = {
        "recipe": recipe.to_dict(),
        "seed": seed,
        "data_fingerprint": data.fingerprint,
        "init": {"name": init.name, "sha256": file_hash(init)} if init else None,
    }
    settings = json.loads(json.dumps(settings))
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / "run.json"
    if stamp.is_file():
        if json.loads(stamp.read_text()) != settings:
            raise RunError(
                f"{folder} holds a run with another recipe, seed, data or start weights: choose "
                "another --out folder, or delete that one."
            )
        written = pd.read_csv(folder / "folds.csv")
        if written["image_id"].tolist() != data.table["image_id"].tolist():
            raise RunError(f"{folder / 'folds.csv'} lists other images: delete the folder.")
        assignment = written["fold"].to_numpy()
    else:
        assignment = lesion_folds(data, recipe.folds, seed)
        write_folds(data, assignment, folder / "folds.csv")
        partial = stamp.with_suffix(".partial")
        partial.write_text(json.dumps(settings, indent=1))
        partial.replace(stamp)
    squares = cached_squares(data, recipe.cache_side, folder.parent / "cache")
    return Run(folder, data, squares, assignment, recipe, seed, init)
