"""Members of another kind, trained on the same folds, join a weights folder and answer along."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.torch import save as safetensors_bytes

from skin_app.diagnoses import CODES
from skin_app.ensemble import MemberGroup
from skin_app.hardware import best_device
from skin_app.network import Member
from skin_app.photo.read import read_photo
from skin_app.views import VIEWS
from skin_app.weights.evaluation import FILE as OUT_OF_FOLD
from skin_app.weights.folder import Rounding, WeightsFolder
from skin_app.weights.packed import packed, unpacked
from train.data.ham10000 import TEXT
from train.engine.predict import CHUNK, COUNTS, load_fold_member, mean_logits, views_label
from train.engine.priors import log_prior_shift
from train.engine.run import Run, RunError
from train.release.assemble import Predictions, finished, out_of_fold_scores, training_of, write_folder
from train.release.gallery_index import gallery_embeddings, gallery_table
from train.release.lesion_map import FOLDS
from train.scores.temperature import fit_calibration
from train.scores.unseen import columns_of_run, logits_by_run, unseen_members

CHECKED = 200  # images of a fold that are read by the rounded members


def add_members(weights: WeightsFolder, run: Run, out: Path) -> Path:
    """Write `out`: the members of `weights`, and those of `run` on the same folds; returns the folder.

    All are stored as int8. The out-of-fold predictions of `weights` and of `run` are averaged; how far
    the rounding moves them is measured on `CHECKED` images a fold and told by the contract. Its
    calibration is one temperature for each number of views, until `calibrate` is run on it. Raises
    `RunError` when the run is of other data, folds or class weights, or lacks a fold that the weights
    ship.
    """
    _check(weights, run)
    contract = weights.contract
    shipped = contract.training.shipped
    joined = [weights.member(name) for name in contract.members]
    joined += [load_fold_member(run, fold) for fold in shipped]
    members = {f"member-{index}": _through_storage(member) for index, member in enumerate(joined)}
    further = (*contract.further, training_of(run, _finished(run), shipped))
    predictions = _averaged(weights, run)
    shift, kinds = log_prior_shift(run.data.labels, run.recipe), len(further) + 1
    fitted_on = (
        f"out-of-fold predictions of {len(predictions.labels)} HAM10000 images (folds "
        f"{', '.join(map(str, shipped))} of {run.recipe.folds}), each by {unseen_members(kinds)}"
    )
    calibration = fit_calibration(predictions.logits, predictions.labels, shift, fitted_on)
    calibration = calibration.model_copy(update={"frequencies": contract.calibration.frequencies})
    first = members["member-0"]
    digest = hashlib.sha256(safetensors_bytes(packed(first.state_dict()))).hexdigest()
    return write_folder(
        out,
        name=contract.name,
        members=members,
        calibration=calibration,
        training=contract.training,
        evidence=out_of_fold_scores(predictions, calibration, shift, kinds=kinds),
        embeddings=gallery_embeddings(first, run.data, run.folder / f"gallery-{digest[:12]}.npy"),
        gallery=gallery_table(run.data),
        evaluation=predictions.table,
        folds_csv=run.folder / "folds.csv",
        further=further,
        stored="int8",
        rounding=_rounding(
            run, list(members.values()), (*contract.folds_of_members, *shipped), predictions
        ),
    )


def _check(weights: WeightsFolder, run: Run) -> None:
    training, path = weights.contract.training, weights.folder / FOLDS
    if training.data_fingerprint != run.data.fingerprint:
        raise RunError(f"{run.folder} was trained on other data than the weights: train on the same.")
    own = pd.read_csv(run.folder / "folds.csv", dtype=TEXT)
    if not path.is_file() or not pd.read_csv(path, dtype=TEXT).equals(own):
        raise RunError(
            f"{run.folder} has other folds than the weights, so a member may have seen what another "
            "holds out: train with the same split and seed."
        )
    if run.recipe.split == "image":
        raise RunError(
            f"{run.folder} is of a split by image, which leaks and is for comparison only: train with "
            "split=lesion."
        )
    shift = log_prior_shift(run.data.labels, run.recipe)
    if not np.allclose(shift, weights.contract.calibration.log_prior_shift):
        raise RunError(
            f"{run.folder} was trained with other class weights or sampling than the weights, so their "
            "logits cannot be averaged as they are: train with the same."
        )
    missing = sorted(set(training.shipped) - set(_finished(run)))
    if missing:
        raise RunError(
            f"{run.folder} has no finished fold {', '.join(map(str, missing))}, which the weights "
            "ship: run `train run` on it first."
        )


def _finished(run: Run) -> list[int]:
    return [fold for fold in range(run.recipe.folds) if finished(run, fold)]


def _through_storage(member: Member) -> Member:
    """`member` with the weights that it will have once stored and loaded."""
    stored = Member(member.config)
    stored.load_state_dict(unpacked(packed(member.state_dict())))
    return stored.eval().requires_grad_(False)


def _averaged(weights: WeightsFolder, run: Run) -> Predictions:
    """A row for each image that `weights` hold out: logits averaged over kinds, then of each kind."""
    contract = weights.contract
    before = pd.read_csv(weights.folder / OUT_OF_FOLD, dtype=TEXT)
    shipped = np.isin(before["fold"].to_numpy(), contract.training.shipped)
    before = before[["image_id", "dx", "fold"]].iloc[np.flatnonzero(shipped)].reset_index(drop=True)
    own = Predictions.read(run, list(contract.training.shipped))
    if not set(COUNTS) <= set(own.logits):
        raise RunError(
            f"A fold of {run.folder} is predicted from fewer than {max(COUNTS)} views: run `train run` "
            "on it again."
        )
    place = pd.Index(own.table["image_id"]).get_indexer(pd.Index(before["image_id"]))
    apart = {
        views: np.concatenate([kinds[shipped], own.logits[views][place][:, None]], axis=1)
        for views, kinds in logits_by_run(
            weights.folder / OUT_OF_FOLD, COUNTS, len(contract.trainings)
        ).items()
    }
    columns: dict[str, Any] = {name: before[name] for name in before.columns}
    for views, kinds in apart.items():
        names = [f"logit_{views_label(views)}_{code}" for code in CODES]
        columns |= dict(zip(names, kinds.mean(axis=1).T.round(5), strict=True))
    for kind in range(len(contract.trainings) + 1):
        for views, kinds in apart.items():
            names = columns_of_run(views, kind)
            columns |= dict(zip(names, kinds[:, kind].T.round(5), strict=True))
    table = pd.DataFrame(columns)
    logits = {views: kinds.mean(axis=1) for views, kinds in apart.items()}
    return Predictions(table, logits, own.labels[place], own.lesions[place], table["fold"].to_numpy())


def _rounding(
    run: Run, members: list[Member], folds: tuple[int, ...], predictions: Predictions
) -> Rounding:
    """How far the members as stored are from `predictions`, on some images of each fold.

    `folds`: the fold that each member was not trained on.
    """
    device, changes, same = best_device(), [], []
    readers = [MemberGroup([member.to(device)]) for member in members]
    paths = run.data.table.set_index("image_id")["path"]
    for fold in dict.fromkeys(folds):
        own = [reader for reader, of in zip(readers, folds, strict=True) if of == fold]
        held_out = np.flatnonzero(predictions.folds == fold)
        some = np.unique(np.linspace(0, len(held_out) - 1, CHECKED).round().astype(int))
        for rows in np.array_split(held_out[some], range(CHUNK, len(some), CHUNK)):
            ids = predictions.table["image_id"].iloc[rows]
            photos = [read_photo(str(paths[image])) for image in ids]
            read = [mean_logits(reader, photos, (VIEWS,), device)[:, 0].numpy() for reader in own]
            found, kept = np.mean(read, axis=0), predictions.logits[VIEWS][rows]
            changes.append(np.abs(found - kept))
            same.append(found.argmax(axis=1) == kept.argmax(axis=1))
    change = np.concatenate(changes)
    return Rounding(
        images=len(change),
        same_first=float(np.concatenate(same).mean()),
        mean_change=float(change.mean()),
        largest_change=float(change.max()),
    )
