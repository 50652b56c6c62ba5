"""A run's folder: prepared once, checked when the same command is started again."""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skin_app.diagnoses import CODES
from skin_app.result_files import replace_file
from skin_app.weights.verify import file_hash
from train.data.folds import assign_folds, write_folds
from train.data.ham10000 import TEXT, Dataset
from train.data.pixels import cached_squares
from train.engine.class_balance import log_prior_shift, steps_per_epoch
from train.engine.overwriting import check_run_folder
from train.engine.start_weights import built
from train.recipes.recipe import Recipe, RunError

PACKAGES = ("torch", "torchvision", "timm", "accelerate", "numpy", "scikit-learn")
CHECKED = ("recipe", "seed", "micro_batches", "data_fingerprint", "init", "after")


@dataclass(frozen=True)
class Run:
    """One training run: its data, folds, recipe, start weights and folder.

    `squares`: (images, 3, side, side) uint8; `assignment`: (images,) fold of each image. `init`: file
    of start weights (None takes timm's own), `start_weights` their name. `before`: folder of an earlier
    run on the same folds; each fold then continues from that run's member, not from start weights.
    `micro_batches`: parts of a batch that are computed separately (by one process or several)
    and averaged; the result depends on it, not on the number of processes.
    """

    folder: Path
    data: Dataset
    squares: np.ndarray
    assignment: np.ndarray
    recipe: Recipe
    seed: int
    init: Path | None
    start_weights: str
    micro_batches: int = 1
    before: Path | None = None

    def fold_folder(self, fold: int) -> Path:
        return self.folder / f"fold-{fold}"

    def steps_per_epoch(self, fold: int) -> int:
        return steps_per_epoch(self.recipe, self.data.labels[self.assignment != fold])

    def seed_of(self, *parts: int) -> int:
        """One seed from the run's and further numbers; neighbours do not collide."""
        return int(np.random.SeedSequence((self.seed, *parts)).generate_state(1)[0])


def prepare(
    folder: Path,
    data: Dataset,
    recipe: Recipe,
    seed: int,
    init: Path | None,
    micro_batches: int = 1,
    before: Path | None = None,
) -> Run:
    """Decode the images, and write folds and settings into `folder`, or check that they are unchanged.

    `before`: as in `Run`; its settings are kept among this run's, so `init` is then its own. Writes
    `folds.csv` and `run.json`. Raises `RunError` when the folder holds another run, and for a
    backbone that cannot be a member.
    """
    if init is not None and before is not None:
        raise RunError(
            "A run starts from --init or goes on --after another run: leave one of them out."
        )
    if before is None and not recipe.stages:
        raise RunError("A recipe without stages trains nothing: name the run to go on from by --after.")
    if init is not None and not init.is_file():
        raise RunError(f"There are no start weights at {init}: check the path given as --init.")
    if micro_batches < 1 or recipe.batch % micro_batches:
        raise RunError(
            f"A batch of {recipe.batch} does not part into {micro_batches} equal micro-batches: "
            "choose a divisor."
        )
    _check_frozen(recipe)
    settings = {
        "recipe": recipe.to_dict(),
        "seed": seed,
        "micro_batches": micro_batches,
        "data_fingerprint": data.fingerprint,
        "scc_as_akiec": data.scc_as_akiec,
        "init": {"name": init.name, "sha256": file_hash(init)} if init else None,
        "log_prior_shift": log_prior_shift(data.labels, recipe).tolist(),
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
    }
    if before is not None:
        settings |= _after(before, data)
    settings = json.loads(json.dumps(settings))
    check_run_folder(folder)  # of a study, each setting has its own
    folder.mkdir(parents=True, exist_ok=True)
    begun = (folder / "run.json").is_file() and any(folder.glob("fold-*/*"))
    if begun:
        written = _settings(folder)
        # fields that the recipe got since then have their defaults
        written["recipe"] = json.loads(json.dumps(_recipe_of(written, folder).to_dict()))
        if any(written.get(key) != settings.get(key) for key in CHECKED):
            raise RunError(
                f"{folder} holds a run with another recipe, seed, data, micro-batches or start "
                "weights: choose another --out folder, or delete that one."
            )
        assignment = _read_folds(folder, data)
    else:
        lesions = data.groups if recipe.split == "lesion" else None
        assignment = assign_folds(data.labels, lesions, recipe.folds, seed)
    if before is not None and (_read_folds(before, data) != assignment).any():
        # the earlier members may have seen held-out images
        raise RunError(f"{before} has other folds: go on after a run of the same split and seed.")
    if not begun:
        write_folds(data.table, assignment, folder / "folds.csv")
        replace_file(folder / "run.json", json.dumps(settings, indent=1))
    squares = cached_squares(data, recipe.cache_side, folder.parent / "cache")
    start = start_name(settings)
    return Run(folder, data, squares, assignment, recipe, seed, init, start, micro_batches, before)


def open_run(folder: Path, data: Dataset) -> Run:
    """The run that `prepare` left in `folder`, for looking into it; start weights are not needed.

    Raises `RunError` when there is none, or when it was trained on other data.
    """
    settings = _settings(folder)
    recipe = _recipe_of(settings, folder)
    if settings["data_fingerprint"] != data.fingerprint:
        raise RunError(f"{folder} was trained on other data: pass the same folder with --data.")
    assignment = _read_folds(folder, data)
    squares = cached_squares(data, recipe.cache_side, folder.parent / "cache")
    seed, start, parts = settings["seed"], start_name(settings), settings["micro_batches"]
    return Run(folder, data, squares, assignment, recipe, seed, None, start, parts)


def counts_scc(folder: Path) -> bool:
    """Whether the run in `folder` counts squamous cell carcinomas as akiec; raises `RunError`."""
    return bool(_settings(folder).get("scc_as_akiec", False))  # older runs left them out


def start_name(settings: dict[str, Any]) -> str:
    """What the members of a run (its `run.json`) started from, in words."""
    if "after" in settings:
        earlier = settings["after"]
        if not settings["recipe"]["stages"]:
            return start_name(earlier)
        epochs = sum(stage["epochs"] for stage in earlier["recipe"]["stages"])
        words = f"{epochs} epoch{'s' if epochs > 1 else ''} at {earlier['recipe']['member']['size']} px"
        return f"{start_name(earlier)}, then {words}"
    init = settings["init"]
    return init["name"] if init else f"timm {settings['recipe']['member']['architecture']}"


def check_folds(folds: Sequence[int], recipe: Recipe) -> None:
    """Raise `RunError` for a fold that the recipe does not have."""
    for fold in folds:
        if not 0 <= fold < recipe.folds:
            raise RunError(f"There is no fold {fold}: the recipe has 0 to {recipe.folds - 1}.")


def check_before(run: Run, folds: Sequence[int]) -> None:
    """Raise `RunError` for folds that the run to go on from does not have, before any is trained."""
    before = run.before
    if before is None:
        return
    missing = sorted(
        {fold for fold in folds if not (before / f"fold-{fold}" / "member.safetensors").is_file()}
    )
    if missing:
        raise RunError(
            f"{before} has no finished fold {', '.join(map(str, missing))} to go on from: "
            "finish it, or name with --fold those that are."
        )


def _check_frozen(recipe: Recipe) -> None:
    """Raise `RunError` for a frozen part that the backbone does not have, before images are decoded."""
    names = [name for name, _ in built(recipe.member).backbone.named_parameters()]
    for index, stage in enumerate(recipe.stages):
        for prefix in stage.frozen:
            if not any(name.startswith(prefix) for name in names):
                raise RunError(
                    f"The recipe freezes {prefix}, which {recipe.member.architecture} does not have: "
                    f"pass --set 'stages.{index}.frozen=[]' to train all of it, or name its own parts "
                    "there."
                )


def _after(before: Path, data: Dataset) -> dict[str, Any]:
    """What `run.json` states about the earlier run. Raises `RunError` when that run does not fit."""
    earlier = _settings(before)
    if earlier["data_fingerprint"] != data.fingerprint:
        raise RunError(f"{before} was trained on other data: go on after a run on the same images.")
    kept = ("recipe", "seed", "micro_batches", "init", "after")
    return {"init": earlier["init"], "after": {key: earlier[key] for key in kept if key in earlier}}


def _recipe_of(settings: dict[str, Any], folder: Path) -> Recipe:
    """The recipe in the settings of the run in `folder`; raises `RunError` for another version's."""
    stamp = folder / "run.json"
    try:
        recipe = Recipe.from_dict(settings["recipe"])
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{stamp} describes a recipe that this version does not know ({error}): train it anew."
        ) from error
    if recipe.member.codes != CODES:
        raise RunError(f"{stamp} lists the diagnoses in another order: train it anew.")
    return recipe


def _settings(folder: Path) -> dict[str, Any]:
    """What `run.json` says; raises `RunError` when there is none."""
    stamp = folder / "run.json"
    if not stamp.is_file():
        raise RunError(f"{folder} holds no run (no run.json): pass the --out folder of `train run`.")
    try:
        return json.loads(stamp.read_text())
    except ValueError as error:
        raise RunError(f"{stamp} is damaged ({error}): delete its folder and train anew.") from error


def _read_folds(folder: Path, data: Dataset) -> np.ndarray:
    written = pd.read_csv(folder / "folds.csv", dtype=TEXT)
    if written["image_id"].tolist() != data.table["image_id"].tolist():
        raise RunError(f"{folder / 'folds.csv'} lists other images: delete the folder.")
    return written["fold"].to_numpy()
