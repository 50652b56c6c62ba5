"""The one training loop: fit a member per fold, resumable to the bit, and predict its held-out fold.

Every random draw of a step depends only on (seed, fold, step), so a run that was killed and started
again goes on from its last checkpoint and ends in the same weights, bit for bit, on the same CPU.
"""

import copy
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from skin_app.diagnoses import CODES
from skin_app.hardware import best_device, precision
from skin_app.network import Member
from skin_app.photo import read_photo
from skin_app.views import VIEWS, all_views, centre_square
from train.augment import augment, mix
from train.ham10000 import Dataset
from train.losses import class_weights, focal_loss
from train.recipes import Recipe
from train.schedules import cosine_with_warmup, parameter_groups
from train.start import started_member

CHECKPOINT_STEPS = 50


class FitError(RuntimeError):
    """Training cannot go on; the message is one sentence that says what to do."""


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


@dataclass
class Progress:
    """Where a fold stands; kept in its checkpoint."""

    step: int
    history: list[dict[str, float]]
    best_loss: float
    best_epoch: int


def fit_fold(run: Run, fold: int) -> None:
    """Train the member of `fold` and write its weights and out-of-fold predictions.

    Leaves `member.safetensors`, `history.json` and `predictions.csv` in the fold's folder; what is
    already there is not done again.
    """
    folder = run.fold_folder(fold)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "history.json").is_file():
        _train(run, fold)
    if not (folder / "predictions.csv").is_file():
        _predict_held_out(run, fold)


def _train(run: Run, fold: int) -> None:
    device = best_device()
    torch.use_deterministic_algorithms(device.type == "cpu")
    recipe, folder = run.recipe, run.fold_folder(fold)
    torch.manual_seed(_seed(run.seed, fold, 0))
    member = started_member(recipe.member, run.init)
    for name, parameter in member.backbone.named_parameters():
        parameter.requires_grad_(not name.startswith(recipe.frozen))
    member.to(device)
    averaged = copy.deepcopy(member).eval().requires_grad_(False)
    groups = parameter_groups(
        member, recipe.backbone_rate, recipe.head_rate, recipe.layer_decay, recipe.weight_decay
    )
    optimiser = torch.optim.AdamW(groups, lr=0.0)
    counts = torch.from_numpy(
        np.bincount(run.data.labels[run.assignment != fold], minlength=len(CODES))
    )
    weights = class_weights(counts, recipe.class_weight_power).to(device)
    progress = _restore(folder, member, averaged, optimiser)
    per_epoch = run.steps_per_epoch(fold)
    steps = per_epoch * recipe.epochs
    order, order_epoch = np.empty(0, dtype=np.int64), -1
    bar = tqdm(total=steps, initial=progress.step, desc=f"fold {fold}", unit="step", mininterval=10)
    while progress.step < steps:
        epoch, position = divmod(progress.step, per_epoch)
        if epoch != order_epoch:
            order, order_epoch = _epoch_order(run, fold, epoch), epoch
        rows = np.sort(order[position * recipe.batch : (position + 1) * recipe.batch])
        rate = cosine_with_warmup(progress.step, steps, round(recipe.warmup_share * steps))
        for group in optimiser.param_groups:
            group["lr"] = group["peak_rate"] * rate
        loss = _step(run, fold, progress.step, rows, member, optimiser, weights, device)
        _average(averaged, member, min(recipe.averaging, (1 + progress.step) / (10 + progress.step)))
        progress.step += 1
        bar.update()
        bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        if progress.step % per_epoch == 0:
            stop = _end_of_epoch(run, fold, epoch, averaged, progress, device)
            _save_checkpoint(folder, member, averaged, optimiser, progress)
            if stop:
                break
        elif progress.step % CHECKPOINT_STEPS == 0:
            _save_checkpoint(folder, member, averaged, optimiser, progress)
    bar.close()
    os.replace(folder / "best.safetensors", folder / "member.safetensors")
    _write_json(folder / "history.json", {"epochs": progress.history, "kept": progress.best_epoch})
    (folder / "checkpoint.pt").unlink(missing_ok=True)


def _step(
    run: Run,
    fold: int,
    step: int,
    rows: np.ndarray,
    member: Member,
    optimiser: torch.optim.Optimizer,
    weights: Tensor,
    device: torch.device,
) -> float:
    """One optimiser step on the images `rows`; returns the loss."""
    recipe = run.recipe
    seed = _seed(run.seed, fold, step + 1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    images = torch.from_numpy(run.squares[rows]).to(device).float().div_(255)
    targets = F.one_hot(torch.from_numpy(run.data.labels[rows]), len(CODES)).float().to(device)
    images = augment(images, recipe.member.size, recipe.augmentation, generator)
    images, targets = mix(images, targets, recipe.augmentation.mixup, generator)
    member.train()
    with precision(device):
        logits = member(images).logits
    loss = focal_loss(logits.float(), targets, weights, recipe.focal_gamma, recipe.smoothing)
    value = float(loss.detach())
    if not np.isfinite(value):
        raise FitError(
            f"The loss of fold {fold} became {value} at step {step}: lower the learning rates of the "
            "recipe; the last checkpoint is kept and loadable."
        )
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(member.parameters(), recipe.clip)
    optimiser.step()
    return value


def _average(averaged: Member, member: Member, decay: float) -> None:
    with torch.no_grad():
        for mean, value in zip(
            averaged.state_dict().values(), member.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)


def _end_of_epoch(
    run: Run, fold: int, epoch: int, averaged: Member, progress: Progress, device: torch.device
) -> bool:
    """Validate the averaged weights on the held-out fold; True when it is time to stop."""
    folder, recipe = run.fold_folder(fold), run.recipe
    rows = np.flatnonzero(run.assignment == fold)
    logits = []
    for start in range(0, len(rows), 64):
        images = torch.from_numpy(run.squares[rows[start : start + 64]]).to(device).float().div_(255)
        size = recipe.member.size
        images = F.interpolate(images, (size, size), mode="bilinear", antialias=True)
        with torch.inference_mode(), precision(device):
            logits.append(averaged(images).logits.float().cpu())
    labels = torch.from_numpy(run.data.labels[rows])
    all_logits = torch.cat(logits)
    loss = float(F.cross_entropy(all_logits, labels))
    hits = (all_logits.argmax(dim=1) == labels).double()
    recalls = [float(hits[labels == label].mean()) for label in labels.unique()]
    progress.history.append(
        {
            "epoch": epoch,
            "validation_loss": loss,
            "accuracy": float(hits.mean()),
            "balanced_accuracy": float(np.mean(recalls)),
        }
    )
    tqdm.write(f"fold {fold}, epoch {epoch}: {progress.history[-1]}")
    if loss < progress.best_loss:
        progress.best_loss, progress.best_epoch = loss, epoch
        save_member(averaged, folder / "best.safetensors")
    return epoch - progress.best_epoch >= recipe.patience


def save_member(member: Member, path: Path) -> None:
    """Write all weights as float32 safetensors, replacing `path` in one step."""
    partial = path.with_suffix(".partial")
    save_file({k: v.contiguous().cpu() for k, v in member.state_dict().items()}, partial)
    os.replace(partial, path)


def _save_checkpoint(
    folder: Path,
    member: Member,
    averaged: Member,
    optimiser: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    partial = folder / "checkpoint.partial"
    state = {
        "member": member.state_dict(),
        "averaged": averaged.state_dict(),
        "optimiser": optimiser.state_dict(),
        "progress": vars(progress),
    }
    try:
        torch.save(state, partial)
        os.replace(partial, folder / "checkpoint.pt")
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        raise FitError(
            f"The checkpoint cannot be written to {folder} ({error}): free some space and start the "
            "same command again; the last good checkpoint is kept."
        ) from error


def _restore(
    folder: Path, member: Member, averaged: Member, optimiser: torch.optim.Optimizer
) -> Progress:
    path = folder / "checkpoint.pt"
    if not path.is_file():
        return Progress(0, [], float("inf"), 0)
    state = torch.load(path, map_location="cpu", weights_only=True)
    member.load_state_dict(state["member"])
    averaged.load_state_dict(state["averaged"])
    optimiser.load_state_dict(state["optimiser"])
    return Progress(**state["progress"])


def _epoch_order(run: Run, fold: int, epoch: int) -> np.ndarray:
    rows = np.flatnonzero(run.assignment != fold)
    return np.random.default_rng([run.seed, fold, epoch]).permutation(rows)


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def _write_json(path: Path, value: object) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=1))
    os.replace(partial, path)


def load_fold_member(run: Run, fold: int) -> Member:
    """The trained member of `fold`, in evaluation mode on the CPU."""
    member = Member(run.recipe.member)
    member.load_state_dict(load_file(run.fold_folder(fold) / "member.safetensors"))
    return member.eval()


def _predict_held_out(run: Run, fold: int) -> None:
    """Write the held-out images' logits from one view and averaged over all views.

    Images are read from their files, as the app does, not from the training cache.
    """
    device = best_device()
    member = load_fold_member(run, fold).to(device)
    rows = np.flatnonzero(run.assignment == fold)
    records = []
    for row in tqdm(rows, f"predict fold {fold}", mininterval=10):
        photo = read_photo(str(run.data.table["path"].iloc[row]))
        square = centre_square(torch.from_numpy(photo.pixels).permute(2, 0, 1), run.recipe.member.size)
        with torch.inference_mode(), precision(device):
            logits = member(all_views(square[None])[0].to(device)).logits.float().cpu()
        records.append(
            [run.data.table["image_id"].iloc[row], run.data.table["dx"].iloc[row], fold]
            + logits[0].tolist()
            + logits.mean(dim=0).tolist()
        )
    columns = ["image_id", "dx", "fold"]
    columns += [f"logit_1view_{code}" for code in CODES]
    columns += [f"logit_{VIEWS}views_{code}" for code in CODES]
    path = run.fold_folder(fold) / "predictions.partial"
    pd.DataFrame(records, columns=columns).to_csv(path, index=False, float_format="%.6g")
    os.replace(path, run.fold_folder(fold) / "predictions.csv")
