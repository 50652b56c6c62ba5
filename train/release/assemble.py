"""From finished runs to a weights folder: members, calibration, scores and gallery.

Runs of several architectures can ship together if they were trained on the same folds. An image is then
answered by the members that were not trained on its lesion, one from each run, averaged with equal
weights.
"""

import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.torch import save

from skin_app.diagnoses import CODES
from skin_app.weights.contract import Contract, Training
from skin_app.weights.quantisation import Stored, packed
from train.engine.checkpoint import load_fold_member
from train.engine.fold import COUNTS
from train.engine.run import Run, RunError
from train.engine.start_weights import start_licence
from train.release.gallery_index import gallery_embeddings
from train.release.int8 import as_loaded, measure_rounding
from train.release.weights_folder import write_folder
from train.scores.evaluate import out_of_fold_scores
from train.scores.evidence import (
    Evidence,
    finished_folds,
    logit_columns,
    public_metadata,
    run_evidence,
    unseen_members,
)
from train.scores.fitted_calibration import fit_calibration

LICENCE = "CC BY-NC 4.0 (trained on HAM10000, which is CC BY-NC 4.0)"


def assemble(runs: Sequence[Run], out: Path | None = None, stored: Stored = "float16") -> Path:
    """Write the weights folder `out` (None: `weights` in the first run's folder); returns it.

    Ships the members of the first finished folds, as many as the first run's recipe says. Temperatures
    come from the out-of-fold predictions of all finished folds; the scores use, for each lesion, a
    temperature fitted on others. Raises `DataError` for a run without a finished fold, and `RunError`
    for runs that do not fit each other.
    """
    first = runs[0]
    parts = [run_evidence(run) for run in runs]
    _check(runs, parts)
    logits = {views: np.mean([part.logits[views] for part in parts], axis=0) for views in COUNTS}
    averaged = replace(parts[0], logits=logits)
    shipped = averaged.fold_numbers[: first.recipe.shipped]
    members = {
        f"member-{number}": as_loaded(load_fold_member(run, fold), stored)
        for number, (run, fold) in enumerate(product(runs, shipped))
    }
    rounding = None
    if stored == "int8":
        paths = dict(zip(first.data.table["image_id"], first.data.table["path"], strict=True))
        rounding = measure_rounding(list(members.values()), shipped * len(runs), averaged, paths)
    calibration = fit_calibration(
        averaged.logits, averaged.labels, averaged.shift, _fitted_on(averaged, len(runs))
    )
    trainings = [_training(run, part, shipped) for run, part in zip(runs, parts, strict=True)]
    contract = Contract(
        name=first.recipe.name,
        codes=CODES,
        members=tuple(members),
        calibration=calibration.model_copy(update={"frequencies": averaged.frequencies}),
        training=trainings[0],
        further=tuple(trainings[1:]),
        scores=out_of_fold_scores(averaged, len(runs)),
        licence=LICENCE,
        files={},
        stored=stored,
        rounding=rounding,
    )
    asked = members["member-0"]  # the app uses it to find similar lesions
    digest = hashlib.sha256(save(packed(asked.state_dict(), stored))).hexdigest()
    return write_folder(
        out or first.folder / "weights",
        contract,
        members=members,
        embeddings=gallery_embeddings(asked, first.data, first.folder / f"gallery-{digest[:12]}.npy"),
        gallery=public_metadata(first.data.table),
        evaluation=_evaluation(parts, averaged),
        folds_csv=first.folder / "folds.csv",
    )


def unfinished_folds(run: Run) -> list[int]:
    """The folds of `run` that were begun and are not finished: another command may be training them."""
    begun = {int(path.name.removeprefix("fold-")) for path in run.folder.glob("fold-*")}
    return sorted(begun - set(finished_folds(run.folder)))


def _check(runs: Sequence[Run], parts: Sequence[Evidence]) -> None:
    """Raise `RunError` for runs whose predictions cannot be averaged as they are."""
    first = parts[0]
    for run, part in zip(runs, parts, strict=True):
        if part.fold_numbers != first.fold_numbers:
            raise RunError(
                f"{run.folder} has finished the folds {_listed(part.fold_numbers)}, {runs[0].folder} "
                f"{_listed(first.fold_numbers)}: finish the others by `train run` first."
            )
        if max(COUNTS) not in part.logits:
            raise RunError(
                f"A fold of {run.folder} is predicted from fewer than {max(COUNTS)} views: start "
                "`train run` on it again."
            )
        same_images = part.table["image_id"].equals(first.table["image_id"])
        if not same_images or not np.array_equal(part.folds, first.folds):
            raise RunError(
                f"{run.folder} has other folds than {runs[0].folder}, so a member may have seen what "
                "another holds out: train with the same split and seed."
            )
        if not np.allclose(part.shift, first.shift):
            raise RunError(
                f"{run.folder} was trained with other class weights or sampling than "
                f"{runs[0].folder}: train with the same."
            )


def _evaluation(parts: Sequence[Evidence], averaged: Evidence) -> pd.DataFrame:
    """The averaged logits of each image; of several runs, each one's own beside them."""
    table = averaged.table[["image_id", "dx"]].assign(fold=averaged.folds)
    for views in COUNTS:
        table[logit_columns(views)] = averaged.logits[views]
    if len(parts) > 1:
        for (number, part), views in product(enumerate(parts), COUNTS):
            table[logit_columns(views, number)] = part.logits[views]
    return table


def _training(run: Run, evidence: Evidence, shipped: tuple[int, ...]) -> Training:
    """What the contract says of one run."""
    return Training(
        recipe=run.recipe.to_dict(),
        seed=run.seed,
        folds=evidence.fold_numbers,
        shipped=shipped,
        kept_epochs={fold: _kept_epoch(history) for fold, history in evidence.histories.items()},
        images=len(run.data.table),
        lesions=len(np.unique(run.data.groups)),
        data_fingerprint=run.data.fingerprint,
        start_weights=run.start_weights,
        start_licence=start_licence(evidence.settings),
        git_revision=_git_revision(),
        versions=evidence.settings["versions"],
    )


def _kept_epoch(history: dict[str, Any]) -> tuple[int, int]:
    """Which epoch's weights were kept (from 1), and how many epochs ran, in the last stage."""
    last = history["stages"][-1]
    return last["kept"] + 1, len(last["epochs"])


def _fitted_on(evidence: Evidence, runs: int) -> str:
    recipe, answered = evidence.settings["recipe"], unseen_members(runs)
    if recipe["split"] == "image":
        answered = answered.replace("its lesion", "it")
    return (
        f"out-of-fold predictions of {len(evidence.labels)} HAM10000 images (folds "
        f"{_listed(evidence.fold_numbers)} of {recipe['folds']}), each by {answered}"
    )


def _listed(folds: Sequence[int]) -> str:
    return ", ".join(map(str, folds))


def _git_revision() -> str:
    try:
        return subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown (not run from a git checkout)"
