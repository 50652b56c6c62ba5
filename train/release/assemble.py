"""From a finished run to a weights folder: members, calibration, gallery, evidence, hashes."""

import json
import platform
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from skin_app.decision import Calibration, prior_adjusted
from skin_app.diagnoses import CODES
from skin_app.network import Member
from skin_app.weights.folder import CONTRACT, Contract, Rounding, Training, file_hash
from skin_app.weights.packed import packed
from train.data.ham10000 import TEXT
from train.engine.checkpoint import save_tensors
from train.engine.outputs import check_weights_folder
from train.engine.predict import COUNTS, load_fold_member, views_label
from train.engine.priors import log_prior_shift
from train.engine.run import Run, RunError
from train.release.card import model_card
from train.release.gallery_index import gallery_embeddings, gallery_table, same_photo
from train.scores.crossfit import CALIBRATED_ON, Bias, cross_fitted
from train.scores.metrics import scores_by_rule
from train.scores.plain import plain
from train.scores.temperature import fit_calibration
from train.scores.unseen import predicted_by

LICENCE = "CC BY-NC 4.0 (trained on HAM10000, which is CC BY-NC 4.0)"
PACKAGES = ("torch", "torchvision", "timm", "numpy", "scikit-learn")


def assemble(run: Run, name: str) -> Path:
    """Write `run.folder/weights` from all folds that are finished; returns the folder.

    Temperatures come from the out-of-fold predictions; the reported scores use, for each lesion, a
    temperature fitted on others. Raises `RunError` when no fold is finished.
    """
    folds = [f for f in range(run.recipe.folds) if finished(run, f)]
    if not folds:
        raise RunError(f"No fold of {run.folder} is finished: run `train run` on it first.")
    predictions = Predictions.read(run, folds)
    if max(COUNTS) not in predictions.logits:
        raise RunError(
            f"A fold of {run.folder} is predicted from fewer than {max(COUNTS)} views: run `train run` "
            "on it again."
        )
    shift = log_prior_shift(run.data.labels, run.recipe)
    fitted_on = (
        f"out-of-fold predictions of {len(predictions.labels)} HAM10000 images (folds "
        f"{', '.join(map(str, folds))} of {run.recipe.folds}), each by the one member that had not "
        f"seen {'it' if run.recipe.split == 'image' else 'its lesion'}"
    )
    calibration = fit_calibration(predictions.logits, predictions.labels, shift, fitted_on)
    frequencies = np.bincount(run.data.labels, minlength=len(CODES)) / len(run.data.labels)
    calibration = calibration.model_copy(update={"frequencies": tuple(frequencies.tolist())})
    evidence = out_of_fold_scores(predictions, calibration, shift)
    if run.recipe.split == "image":  # leaks: for comparison only
        evidence |= {
            "split": "by image (an image's lesion may have been trained on), stratified, out of fold",
            "predicted_by": "one member an image: the one that was not trained on this image",
        }
    shipped = folds[: run.recipe.shipped]
    members = {f"member-{i}": load_fold_member(run, fold) for i, fold in enumerate(shipped)}
    member = file_hash(run.fold_folder(shipped[0]) / "member.safetensors")
    kept_gallery = run.folder / f"gallery-{member[:12]}.npy"  # by the member that the app asks
    embeddings = gallery_embeddings(members["member-0"], run.data, kept_gallery)
    return write_folder(
        run.folder / "weights",
        name=name,
        members=members,
        calibration=calibration,
        training=training_of(run, folds, shipped),
        evidence=evidence,
        embeddings=embeddings,
        gallery=gallery_table(run.data),
        evaluation=predictions.table,
        folds_csv=run.folder / "folds.csv",
    )


def training_of(run: Run, folds: Sequence[int], shipped: Sequence[int]) -> Training:
    """What the contract says of `run`, whose `folds` are finished and whose `shipped` go along."""
    return Training(
        recipe=run.recipe.to_dict(),
        seed=run.seed,
        folds=tuple(folds),
        shipped=tuple(shipped),
        kept_epochs={fold: _kept_epoch(run, fold) for fold in folds},
        images=len(run.data.table),
        lesions=len(np.unique(run.data.groups)),
        data_fingerprint=run.data.fingerprint,
        start_weights=run.start_weights,
        git_revision=_git_revision(),
        versions={"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
    )


@dataclass(frozen=True)
class Predictions:
    """Out-of-fold predictions: `logits` maps each number of views to (images, 7) averaged logits."""

    table: pd.DataFrame
    logits: dict[int, np.ndarray]
    labels: np.ndarray
    lesions: np.ndarray
    folds: np.ndarray

    @classmethod
    def read(cls, run: Run, folds: list[int]) -> "Predictions":
        """Join the finished folds' `predictions.csv` with the lesion groups of the data."""
        table = pd.concat(
            [pd.read_csv(run.fold_folder(fold) / "predictions.csv", dtype=TEXT) for fold in folds],
            ignore_index=True,
        )
        rows = pd.Index(run.data.table["image_id"]).get_indexer(table["image_id"])
        if (rows < 0).any() or table["image_id"].duplicated().any():
            raise RunError(f"The predictions in {run.folder} do not fit its data: run it anew.")
        columns = {views: [f"logit_{views_label(views)}_{code}" for code in CODES] for views in COUNTS}
        logits = {
            views: table[names].to_numpy()
            for views, names in columns.items()
            if set(names) <= set(table.columns) and not table[names].isna().to_numpy().any()
        }
        return cls(
            table, logits, run.data.labels[rows], run.data.groups[rows], table["fold"].to_numpy()
        )


def out_of_fold_scores(
    predictions: Predictions,
    calibration: Calibration,
    shift: np.ndarray,
    bias: Bias = "none",
    kinds: int = 1,
) -> dict[str, Any]:
    """Scores for each number of views, with cross-fitted calibrators: temperatures, and perhaps biases.

    `CALIBRATED_ON` says what the calibrator of an image was fitted on; `bias`: as in `cross_fitted`;
    `kinds`: of members whose averages the predictions are.
    """
    folds = np.unique(predictions.folds)
    report: dict[str, Any] = {
        "split": "lesion-grouped, stratified, out of fold",
        "folds": folds.tolist(),
        "images": len(predictions.labels),
        "lesions": len(np.unique(predictions.lesions)),
        "predicted_by": predicted_by(kinds),
        "calibration_of": CALIBRATED_ON,
    }
    for views, logits in predictions.logits.items():
        probabilities = cross_fitted(logits, predictions.labels, predictions.lesions, shift, bias)
        adjusted = prior_adjusted(probabilities, calibration.frequencies)
        by_rule = {"calibrated": probabilities, "prior_adjusted": adjusted}
        scores = scores_by_rule(by_rule, predictions.labels, predictions.lesions)
        report[f"views_{views}"] = plain(scores)
    return report


def write_folder(
    folder: Path,
    *,
    name: str,
    members: dict[str, Member],
    calibration: Calibration,
    training: Training,
    evidence: dict[str, Any],
    embeddings: np.ndarray,
    gallery: pd.DataFrame,
    evaluation: pd.DataFrame,
    folds_csv: Path | None = None,
    further: Sequence[Training] = (),
    stored: Literal["float16", "int8"] = "float16",
    rounding: Rounding | None = None,
) -> Path:
    """Write a whole weights folder beside `folder`, then put it in its place; or leave nothing.

    A folder that holds the same members, predictions and gallery already stays as it is.

    Members are stored as safetensors, float16 or int8 (`skin_app.weights.packed`); every file but the
    model card is hashed into `ensemble.json`.
    """
    partial = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.partial")  # not another process's
    with ExitStack() as afterwards:
        afterwards.callback(shutil.rmtree, partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for member_name, member in members.items():
            place = partial / member_name
            place.mkdir()
            (place / "config.json").write_text(member.config.model_dump_json(indent=1) + "\n")
            save_tensors(as_stored(member, stored), place / "model.safetensors")
        save_tensors(
            {
                "embeddings": torch.from_numpy(embeddings.astype(np.float16)),
                "same_photo": torch.tensor(same_photo(embeddings, gallery["lesion"].to_numpy(str))),
            },
            partial / "gallery.safetensors",
        )
        gallery.to_csv(partial / "gallery.csv", index=False)
        (partial / "evaluation").mkdir()
        evaluation.to_csv(partial / "evaluation" / "out_of_fold.csv", index=False)
        if folds_csv is not None:
            shutil.copyfile(folds_csv, partial / "evaluation" / "folds.csv")
        (partial / "evaluation" / "scores.json").write_text(json.dumps(evidence, indent=1) + "\n")
        files = sorted(p for p in partial.rglob("*") if p.is_file())
        contract = Contract(
            name=name,
            codes=CODES,
            members=tuple(members),
            calibration=calibration,
            training=training,
            scores=evidence,
            licence=LICENCE,
            files={p.relative_to(partial).as_posix(): file_hash(p) for p in files},
            further=tuple(further),
            stored=stored,
            rounding=rounding,
        )
        (partial / CONTRACT).write_text(contract.model_dump_json(indent=1) + "\n")
        (partial / "README.md").write_text(model_card(contract))
        if not _is_of_the_same_run(folder, contract):
            check_weights_folder(folder)
            shutil.rmtree(folder, ignore_errors=True)
            partial.replace(folder)
        return folder


def as_stored(member: Member, stored: Literal["float16", "int8"]) -> dict[str, Tensor]:
    """The tensors of a member's file."""
    state = member.state_dict()
    if stored == "int8":
        return packed(state)
    return {key: value.half() if value.is_floating_point() else value for key, value in state.items()}


def _is_of_the_same_run(folder: Path, contract: Contract) -> bool:
    """Whether `folder` holds these members and data already: what was added to them since stays."""
    try:
        there = Contract.model_validate_json((folder / CONTRACT).read_text()).files
    except (OSError, ValueError):
        return False
    return all(
        there.get(name) == digest and file_hash(folder / name) == digest
        for name, digest in contract.files.items()
        if name != "evaluation/scores.json"  # `calibrate` makes them anew
    )


def finished(run: Run, fold: int) -> bool:
    """Whether `fold` was trained and its held-out images predicted."""
    folder = run.fold_folder(fold)
    return all((folder / name).is_file() for name in ("history.json", "predictions.csv"))


def _kept_epoch(run: Run, fold: int) -> tuple[int, int]:
    """Which epoch's weights were kept (from 1), and how many epochs ran, in the last stage."""
    history = json.loads((run.fold_folder(fold) / "history.json").read_text())
    last = history["stages"][-1]
    return last["kept"] + 1, len(last["epochs"])


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
