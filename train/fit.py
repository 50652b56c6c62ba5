"""The one training loop: fit a member per fold, resumable to the bit.

Every random draw of a step depends only on (seed, fold, step), so a run that was killed and started
again goes on from its last checkpoint and ends in the same weights, bit for bit, on the same CPU.
"""

import copy

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from skin_app.diagnoses import CODES
from skin_app.hardware import best_device, precision
from skin_app.network import Member
from train.augment import augment, mix
from train.checkpoint import Progress, restore, save_checkpoint, save_member, write_json
from train.losses import class_weights, focal_loss
from train.predict import predict_held_out
from train.run import Run, RunError
from train.schedules import cosine_with_warmup, parameter_groups
from train.start import started_member

CHECKPOINT_STEPS = 50


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
        predict_held_out(run, fold)


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
    progress = restore(folder, member, averaged, optimiser)
    per_epoch = run.steps_per_epoch(fold)
    steps = per_epoch * recipe.epochs
    order, order_epoch = np.empty(0, dtype=np.int64), -1
    bar = tqdm(total=steps, initial=progress.step, desc=f"fold {fold}", unit="step", mininterval=10)
    while progress.step < steps and not progress.stopped(recipe.patience):
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
            _end_of_epoch(run, fold, epoch, averaged, progress, device)
        if progress.step % per_epoch == 0 or progress.step % CHECKPOINT_STEPS == 0:
            save_checkpoint(folder, member, averaged, optimiser, progress)
    bar.close()
    if (folder / "best.safetensors").is_file():  # not there when killed after this line
        (folder / "best.safetensors").replace(folder / "member.safetensors")
    write_json(folder / "history.json", {"epochs": progress.history, "kept": progress.best_epoch})
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
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(member.parameters(), recipe.clip)
    if not (torch.isfinite(loss) and torch.isfinite(norm)):
        raise RunError(
            f"The loss of fold {fold} became {float(loss.detach())} at step {step} "
            f"(gradient {float(norm)}): lower the learning rates of the recipe; the last checkpoint is "
            "kept and loadable."
        )
    optimiser.step()
    return float(loss.detach())


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
) -> None:
    """Validate the averaged weights on the held-out fold and keep them when they are the best."""
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


def _epoch_order(run: Run, fold: int, epoch: int) -> np.ndarray:
    rows = np.flatnonzero(run.assignment != fold)
    return np.random.default_rng([run.seed, fold, epoch]).permutation(rows)


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
