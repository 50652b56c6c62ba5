"""The one training loop: fit a member per fold, stage by stage, resumable to the bit.

On a CPU, one GPU, several GPUs or several machines it is the same command, started by
`accelerate launch` for more than one process. Every random draw of a step depends only on (seed,
fold, stage, step, part of the batch), so a run that was killed and started again goes on from its last
checkpoint and ends in the same weights, bit for bit, on the same CPU.
"""

import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch.nn import functional as F
from tqdm import tqdm

from skin_app.diagnoses import CODES
from skin_app.hardware import precision
from skin_app.network import Member
from skin_app.views import VIEWS
from train.data.sampling import epoch_rows
from train.engine.checkpoint import Progress, restore, save_checkpoint, save_member, write_json
from train.engine.learner import Learner, seed_of
from train.engine.predict import has_predictions, predict_held_out
from train.engine.processes import gathered, hardware, new_accelerator
from train.engine.run import Run, RunError
from train.engine.schedules import rate_share
from train.engine.start import continued_member, started_member
from train.engine.temperature import log_prior_shift

CHECKPOINT_STEPS = 50


def fit_fold(run: Run, fold: int, accelerator: Accelerator | None = None, views: int = VIEWS) -> None:
    """Train the member of `fold` and write its weights and out-of-fold predictions from `views` views.

    Leaves `member.safetensors`, `history.json` and `predictions.csv` in the fold's folder; what is
    already there is not done again. Raises `RunError`.
    """
    accelerator = accelerator or new_accelerator()
    torch.use_deterministic_algorithms(accelerator.device.type == "cpu")
    folder = run.fold_folder(fold)
    folder.mkdir(parents=True, exist_ok=True)
    finished = (folder / "history.json").is_file()
    stages = range(len(run.recipe.stages))
    ahead = [index for index in stages if not (folder / f"stage-{index}.json").is_file()]
    predicted = has_predictions(folder, views)
    accelerator.wait_for_everyone()  # all have looked before anyone writes
    if not finished:
        for index in ahead:
            _train_stage(run, fold, index, accelerator)
            accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            if run.recipe.stages:
                _finish(run, folder, accelerator)
            else:
                _take_over(run, fold)
        accelerator.wait_for_everyone()
    if not predicted:
        predict_held_out(run, fold, accelerator, views)
    accelerator.wait_for_everyone()


def _train_stage(run: Run, fold: int, index: int, accelerator: Accelerator) -> None:
    folder, stage = run.fold_folder(fold), run.recipe.stages[index]
    learner = Learner(run, fold, index, _stage_start(run, fold, index), accelerator)
    progress = restore(folder, index, learner.network, learner.averaged, learner.optimiser)
    per_epoch = run.steps_per_epoch(fold)
    steps = per_epoch * stage.epochs
    rows, rows_epoch = np.empty(0, dtype=np.int64), -1
    bar = tqdm(
        total=steps,
        initial=progress.step,
        desc=f"fold {fold}, {stage.name}",
        unit="step",
        mininterval=10,
        disable=not accelerator.is_main_process,
    )
    started = time.monotonic()
    while progress.step < steps and not progress.stopped(stage.patience):
        epoch, position = divmod(progress.step, per_epoch)
        if epoch != rows_epoch:
            rows, rows_epoch = _rows_of_epoch(run, fold, index, epoch), epoch
            learner.train_at(stage.size_of_epoch(epoch))
        batch = rows[position * run.recipe.batch : (position + 1) * run.recipe.batch]
        rate = rate_share(stage, progress.step, per_epoch, progress.validation_losses)
        progress.loss_sum += learner.step(progress.step, batch, rate)
        progress.step += 1
        bar.update()
        if progress.step % per_epoch == 0:
            _end_of_epoch(learner, epoch, per_epoch, rate, progress, started)
            started = time.monotonic()
        if progress.step % per_epoch == 0 or progress.step % CHECKPOINT_STEPS == 0:
            progress.seconds += time.monotonic() - started
            started = time.monotonic()
            if accelerator.is_main_process:
                save_checkpoint(
                    folder, index, learner.network, learner.averaged, learner.optimiser, progress
                )
    bar.close()
    if accelerator.is_main_process:
        if (folder / "best.safetensors").is_file():  # not there when killed after this line
            (folder / "best.safetensors").replace(folder / f"stage-{index}.safetensors")
        finished = {"name": stage.name, "kept": progress.best_epoch, "epochs": progress.history}
        write_json(folder / f"stage-{index}.json", finished)
        (folder / "checkpoint.pt").unlink(missing_ok=True)
    accelerator.free_memory()


def _stage_start(run: Run, fold: int, index: int) -> Member:
    """The member that stage `index` starts from: pretrained, or what came before left."""
    torch.manual_seed(seed_of(run.seed, fold))
    if index == 0 and run.before is not None:
        return continued_member(run.recipe.member, run.before / f"fold-{fold}" / "member.safetensors")
    if index == 0:
        return started_member(run.recipe.member, run.init)
    member = Member(run.recipe.member)
    member.load_state_dict(load_file(run.fold_folder(fold) / f"stage-{index - 1}.safetensors"))
    return member


def _rows_of_epoch(run: Run, fold: int, index: int, epoch: int) -> np.ndarray:
    rows = np.flatnonzero(run.assignment != fold)
    generator = np.random.default_rng([run.seed, fold, index, epoch])
    return epoch_rows(run.recipe, rows, run.data.labels[rows], generator)


def _end_of_epoch(
    learner: Learner, epoch: int, per_epoch: int, rate: float, progress: Progress, started: float
) -> None:
    """Validate the averaged weights on the held-out fold and keep them when they are the best."""
    run, fold, stage = learner.run, learner.fold, learner.stage
    measured = _validate(learner) if stage.objective == "classify" else {}
    loss = measured.get("validation_loss")
    if loss is not None and not math.isfinite(loss):
        raise RunError(
            f"The validation loss of fold {fold} became {loss} in epoch {epoch}: lower the learning "
            "rates of the recipe; the last checkpoint is kept and loadable."
        )
    progress.history.append(
        {
            "epoch": epoch,
            "train_loss": progress.loss_sum / per_epoch,
            "validation_loss": loss,
            "accuracy": measured.get("accuracy"),
            "balanced_accuracy": measured.get("balanced_accuracy"),
            "rate": rate * max(group["peak_rate"] for group in learner.optimiser.param_groups),
            "seconds": round(progress.seconds + time.monotonic() - started, 1),
        }
    )
    progress.loss_sum, progress.seconds = 0.0, 0.0
    if learner.accelerator.is_main_process:
        tqdm.write(f"fold {fold}, {stage.name}, epoch {epoch}: {progress.history[-1]}")
    if loss is None or loss < progress.best_loss:
        progress.best_loss = progress.best_loss if loss is None else loss
        progress.best_epoch = epoch
        if learner.accelerator.is_main_process:
            save_member(learner.averaged, run.fold_folder(fold) / "best.safetensors")


def _validate(learner: Learner) -> dict[str, float]:
    """Loss and accuracies of the averaged weights on the held-out fold, one view an image.

    The shift of the recipe's loss and sampling is taken off first. Accuracy is that of the most
    probable class, balanced accuracy that of the prior-adjusted rule.
    """
    accelerator, run = learner.accelerator, learner.run
    size = run.recipe.member.size
    held_out = np.flatnonzero(run.assignment == learner.fold)
    own = held_out[accelerator.process_index :: accelerator.num_processes]
    logits = []
    for start in range(0, len(own), 64):
        images = learner.pixels.take(own[start : start + 64])
        images = F.interpolate(images, (size, size), mode="bilinear", antialias=True)
        images = images.contiguous(memory_format=learner.memory_format)
        with torch.inference_mode(), precision(learner.device):
            logits += learner.averaged(images).logits.float().cpu().tolist()
    pairs = gathered(accelerator, list(zip(own.tolist(), logits, strict=True)))
    pairs.sort(key=lambda pair: pair[0])
    shift = torch.from_numpy(log_prior_shift(run.data.labels, run.recipe))
    all_logits = torch.tensor([pair[1] for pair in pairs], dtype=torch.float64) - shift
    labels = torch.from_numpy(run.data.labels[held_out])
    counts = torch.from_numpy(np.bincount(run.data.labels, minlength=len(CODES)))
    adjusted = torch.where(counts > 0, all_logits - counts.clamp(min=1).log(), -torch.inf)
    hits = adjusted.argmax(dim=1) == labels
    recalls = [float(hits[labels == label].double().mean()) for label in labels.unique()]
    return {
        "validation_loss": float(F.cross_entropy(all_logits, labels)),
        "accuracy": float((all_logits.argmax(dim=1) == labels).double().mean()),
        "balanced_accuracy": float(np.mean(recalls)),
    }


def _take_over(run: Run, fold: int) -> None:
    """Without stages of its own, a fold has the member and the history of the run before."""
    assert run.before is not None
    earlier, folder = run.before / f"fold-{fold}", run.fold_folder(fold)
    save_member(_stage_start(run, fold, 0), folder / "member.safetensors")
    write_json(folder / "history.json", json.loads((earlier / "history.json").read_text()))


def _finish(run: Run, folder: Path, accelerator: Accelerator) -> None:
    """Name the last stage's weights `member.safetensors`, and join the stages' histories."""
    last = folder / f"stage-{len(run.recipe.stages) - 1}.safetensors"
    if last.is_file():  # not there when killed after this line
        last.replace(folder / "member.safetensors")
    parts = [folder / f"stage-{index}.json" for index in range(len(run.recipe.stages))]
    stages = [json.loads(part.read_text()) for part in parts]
    seconds = sum(entry["seconds"] for stage in stages for entry in stage["epochs"])
    write_json(
        folder / "history.json",
        {
            "stages": stages,
            "minutes": round(seconds / 60, 2),
            "hardware": hardware(accelerator),
            "processes": accelerator.num_processes,
        },
    )
    for path in [*parts, *folder.glob("stage-*.safetensors")]:
        path.unlink()
