"""Trains the member of one fold, from its start weights to its held-out predictions.

    python -m train run --data HAM10000 --init START.safetensors --out runs/mine --fold 0
    accelerate launch --num_processes 2 -m train run ... --micro-batches 2

A fold trains the stages of its recipe one after the other, and keeps the weights of each stage's epoch
with the lowest validation loss. Every random draw depends only on (seed, fold, stage, step, part of the
batch). A run that was killed resumes from its last checkpoint. On the same CPU its final weights are
identical, bit for bit.

Read in this order:

    train_fold        the stages one after the other, then the held-out predictions
    train_stage       epochs and steps: validate, keep the best weights, write checkpoints
    Learner.step      one batch: forward and backward in parts, clip, optimiser, running mean
    Learner._loss     one part of it: augment, mix, network, loss
    validate          the held-out fold, one view per image
    predict_held_out  the held-out images, read from their files as the app does
"""

import copy
import json
import math
import time
from contextlib import nullcontext

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from skin_app.diagnoses import CODES
from skin_app.hardware import precision
from skin_app.member_groups import MemberGroup
from skin_app.network import Member
from skin_app.photo.read import read_photo
from skin_app.result_files import replace_file
from skin_app.views import VIEWS
from train.data.augment import augment, mix
from train.data.pixels import Pixels
from train.engine import checkpoint
from train.engine.averaging import BatchStatistics, update_mean
from train.engine.class_balance import epoch_rows, log_prior, log_prior_shift, training_weights
from train.engine.losses import ContrastiveNetwork, contrastive_loss, focal_loss, one_vs_rest_loss
from train.engine.optimiser_and_schedule import head_groups, optimiser_of, parameter_groups, rate_share
from train.engine.processes import gathered, hardware, new_accelerator, own_parts
from train.engine.run import Run, RunError
from train.engine.start_weights import continued_member, started_member

CHECKPOINT_STEPS = 50
VALIDATION_BATCH = 64
CHUNK = 8  # photos that are predicted at once
COUNTS = (1, 4, VIEWS)  # views averaged


def train_fold(run: Run, fold: int, accelerator: Accelerator | None = None, views: int = VIEWS) -> None:
    """Train the member of `fold` and predict the held-out images from `views` views.

    Writes `member.safetensors`, `history.json` and `predictions.csv` into the fold's folder, and skips
    what is already there. Raises `RunError`.
    """
    accelerator = accelerator or new_accelerator()
    torch.use_deterministic_algorithms(accelerator.device.type == "cpu")
    folder = run.fold_folder(fold)
    folder.mkdir(parents=True, exist_ok=True)
    trained = (folder / "history.json").is_file()
    stages = range(len(run.recipe.stages))
    ahead = [index for index in stages if not (folder / f"stage-{index}.json").is_file()]
    predictions = folder / "predictions.csv"
    wanted = f"logit_{views_label(views)}_{CODES[0]}"
    predicted = predictions.is_file() and wanted in pd.read_csv(predictions, nrows=0).columns
    accelerator.wait_for_everyone()  # all processes have looked before one of them writes
    if not trained:
        for index in ahead:
            train_stage(run, fold, index, accelerator)
            accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        if not trained:
            _finish(run, fold, accelerator)
        checkpoint.remove_parts(folder, "checkpoint*", "stage-*")
    accelerator.wait_for_everyone()
    if not predicted:
        predict_held_out(run, fold, accelerator, views)
    accelerator.wait_for_everyone()


def train_stage(run: Run, fold: int, index: int, accelerator: Accelerator) -> None:
    """Train stage `index` from its last checkpoint, or from the weights that the stage before left.

    Writes `stage-N.safetensors` (the weights of the best epoch) and `stage-N.json` (its history).
    """
    folder, stage, batch = run.fold_folder(fold), run.recipe.stages[index], run.recipe.batch
    learner = Learner(run, fold, index, stage_start(run, fold, index), accelerator)
    progress = checkpoint.restore(folder, index, learner.parts)
    training = np.flatnonzero(run.assignment != fold)
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
    with bar:
        started = time.monotonic()
        while progress.step < steps and not progress.stopped(stage.patience):
            epoch, position = divmod(progress.step, per_epoch)
            if epoch != rows_epoch:
                generator = np.random.default_rng([run.seed, fold, index, epoch])
                rows = epoch_rows(run.recipe, training, run.data.labels[training], generator)
                rows_epoch = epoch
                learner.train_at(stage.size_of_epoch(epoch))
            share = rate_share(stage, progress.step, per_epoch, progress.validation_losses)
            images = rows[position * batch : (position + 1) * batch]
            progress.loss_sum += learner.step(progress.step, images, share)
            progress.step += 1
            bar.update()
            ends_epoch = progress.step % per_epoch == 0
            if not ends_epoch and progress.step % CHECKPOINT_STEPS:
                continue
            measured = validate(learner) if ends_epoch and stage.objective == "classify" else {}
            now = time.monotonic()
            progress.seconds += now - started
            started = now
            if ends_epoch:
                _end_epoch(learner, progress, measured, share)
            if accelerator.is_main_process:
                checkpoint.save_checkpoint(folder, index, learner.parts, progress)
    if accelerator.is_main_process:
        checkpoint.end_stage(folder, index, stage.name, progress)
    accelerator.free_memory()


def stage_start(run: Run, fold: int, index: int) -> Member:
    """The member that stage `index` starts from: start weights, an earlier run, or the stage before."""
    torch.manual_seed(run.seed_of(fold))
    if index > 0:
        return checkpoint.load_stage(run, fold, index - 1)
    if run.before is None:
        return started_member(run.recipe.member, run.init)
    earlier = run.before / f"fold-{fold}"
    trained = earlier / "member.safetensors"
    checkpoint.check_weights(trained, earlier / "history.json")
    return continued_member(run.recipe.member, trained)


class Learner:
    """`member` while stage number `index` of `fold` trains it.

    `network`: what is trained (the member, or its backbone with a projection head). `averaged`: the
    running mean of the member's weights, which is validated and kept.
    """

    def __init__(
        self, run: Run, fold: int, index: int, member: Member, accelerator: Accelerator
    ) -> None:
        self.run, self.fold, self.index, self.member = run, fold, index, member
        self.stage = stage = run.recipe.stages[index]
        self.accelerator, self.device = accelerator, accelerator.device
        self.own_parts = own_parts(accelerator, run.micro_batches)
        contrastive = stage.objective == "contrast"
        for name, parameter in member.backbone.named_parameters():
            parameter.requires_grad_(not name.startswith(stage.frozen))
        for part in (member.dense, member.classifier):
            part.requires_grad_(not contrastive)
        self.memory_format = memory_format(member)
        member.to(device=self.device, memory_format=self.memory_format)  # pyright: ignore[reportCallIssue]
        self.averaged = copy.deepcopy(member).eval().requires_grad_(False)
        torch.manual_seed(run.seed_of(fold, index))
        self.network: nn.Module = member
        heads = []
        if contrastive:
            self.network = ContrastiveNetwork(member, run.recipe.projection).to(self.device)
            heads = head_groups([self.network.project], stage.head_rate, stage.weight_decay)
        self.optimiser = optimiser_of(stage, parameter_groups(member, stage) + heads)
        parts = {"network": self.network, "averaged": self.averaged, "optimiser": self.optimiser}
        self.parts: checkpoint.Parts = parts
        counts = np.bincount(run.data.labels[run.assignment != fold], minlength=len(CODES))
        weights, prior = training_weights(counts, run.recipe), log_prior(counts)
        self.class_weights = torch.from_numpy(weights).float().to(self.device)
        adjustment = run.recipe.logit_adjustment * torch.from_numpy(prior).float()
        self.added_to_logits = adjustment.to(self.device)
        self.size = run.recipe.member.size
        self.pixels = Pixels(run.squares, self.device)
        self.labels = torch.tensor(run.data.labels)
        self.prepared = accelerator.prepare_model(self.network)
        self.statistics = BatchStatistics(member, len(self.own_parts), accelerator)

    def train_at(self, size: int | None) -> None:
        """Train on squares of `size` pixels from now on; None: the member's own size."""
        wanted = size or self.run.recipe.member.size
        if wanted != self.size:
            self.member.resize(wanted)
            self.size = wanted

    def step(self, number: int, rows: np.ndarray, share: float) -> float:
        """One optimiser step at `share` of the peak rates; returns the loss.

        `number`: of the step, from 0. `rows`: (batch,) numbers of its images in `run.data`.

        The batch has `micro_batches` equal parts, each with its own random draws and batch statistics;
        gradients and statistics are the means over the parts. So the number of processes does not
        change the weights, apart from rounding in the order of sums. Raises `RunError`, before any
        weight changes, when loss or gradient is not finite.
        """
        run, accelerator, parts = self.run, self.accelerator, self.own_parts
        self.network.train()
        self.statistics.begin()
        self.optimiser.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.device)
        for part in parts:
            seed = run.seed_of(self.fold, self.index, number, part)
            last = part == parts[-1]  # processes exchange gradients once per step
            exchange = nullcontext() if last else accelerator.no_sync(self.prepared)
            with self.statistics.of_part(), exchange:
                loss = self._loss(rows[part :: run.micro_batches], seed)
                accelerator.backward(loss / len(parts))
            total += loss.detach() / len(parts)
        total = self.statistics.end(total, number)
        norm = accelerator.clip_grad_norm_(self.network.parameters(), run.recipe.clip)
        self._check_finite(total, norm, number)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak_rate"] * share
        self.optimiser.step()
        update_mean(self.averaged, self.member, run.recipe.averaging, number)
        return float(total)

    def _loss(self, rows: np.ndarray, seed: int) -> Tensor:
        recipe, generator = self.run.recipe, Generator().manual_seed(seed)
        torch.manual_seed(seed)  # dropout and stochastic depth
        images = self.pixels.take(rows)  # (part, 3, side, side) in [0, 1]
        labels = self.labels[rows]  # (part,)
        if self.stage.objective == "contrast":
            views = [augment(images, self.size, recipe.augmentation, generator) for _ in range(2)]
            both = torch.cat(views).contiguous(memory_format=self.memory_format)
            vectors = self.prepared(both)  # (2 part, projection): all first views, then all second
            return contrastive_loss(vectors, labels.repeat(2).to(self.device), recipe.temperature)
        targets = F.one_hot(labels, len(CODES)).float().to(self.device)  # (part, 7)
        images = augment(images, self.size, recipe.augmentation, generator)  # (part, 3, size, size)
        images, targets = mix(images, targets, recipe.augmentation.mixup, generator)
        images = images.contiguous(memory_format=self.memory_format)
        logits = self.prepared(images).logits.float()  # (part, 7)
        if recipe.loss == "one_vs_rest":
            return one_vs_rest_loss(logits, targets, self.class_weights, recipe.smoothing)
        logits = logits + self.added_to_logits
        return focal_loss(logits, targets, self.class_weights, recipe.focal_gamma, recipe.smoothing)

    def _check_finite(self, loss: Tensor, norm: Tensor | None, number: int) -> None:
        if not (torch.isfinite(loss) and (norm is None or torch.isfinite(norm))):
            raise RunError(
                f"The loss of fold {self.fold} became {float(loss)} at step {number + 1} "
                f"(gradient {norm if norm is None else float(norm)}): lower the learning rates of the "
                "recipe; the last checkpoint is kept and loadable."
            )


def validate(learner: Learner) -> dict[str, float]:
    """Loss and accuracies of the averaged weights on the held-out fold, from one view per image.

    The shift of the recipe's loss and sampling is subtracted from the logits first. Accuracy is that of
    the most probable class, balanced accuracy that of the prior-adjusted rule.
    """
    accelerator, run = learner.accelerator, learner.run
    size = run.recipe.member.size
    held_out = np.flatnonzero(run.assignment == learner.fold)
    own = held_out[accelerator.process_index :: accelerator.num_processes]
    logits = []
    for start in range(0, len(own), VALIDATION_BATCH):
        images = learner.pixels.take(own[start : start + VALIDATION_BATCH])
        images = F.interpolate(images, (size, size), mode="bilinear", antialias=True)
        images = images.contiguous(memory_format=learner.memory_format)
        with torch.inference_mode(), precision(learner.device):
            logits += learner.averaged(images).logits.float().cpu().tolist()
    pairs = sorted(gathered(accelerator, list(zip(own.tolist(), logits, strict=True))))
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


def _end_epoch(
    learner: Learner, progress: checkpoint.StageProgress, measured: dict[str, float], share: float
) -> None:
    """Write the epoch into the history, and keep its weights when they are the best so far."""
    run, fold, epoch = learner.run, learner.fold, len(progress.history)
    loss = measured.get("validation_loss")
    if loss is not None and not math.isfinite(loss):
        raise RunError(
            f"The validation loss of fold {fold} became {loss} in epoch {epoch + 1}: lower the "
            "learning rates of the recipe; the last checkpoint is kept and loadable."
        )
    entry = {
        "epoch": epoch,
        "train_loss": progress.loss_sum / run.steps_per_epoch(fold),
        "validation_loss": loss,
        "accuracy": measured.get("accuracy"),
        "balanced_accuracy": measured.get("balanced_accuracy"),
        "rate": share * max(group["peak_rate"] for group in learner.optimiser.param_groups),
        "seconds": round(progress.seconds, 1),
    }
    progress.history.append(entry)
    progress.loss_sum, progress.seconds = 0.0, 0.0
    if learner.accelerator.is_main_process:
        said = f"training loss {entry['train_loss']:.4f}"
        if loss is not None:
            said += f", validation loss {loss:.4f}"
            said += f", balanced accuracy {measured['balanced_accuracy']:.3f}"
        where = f"fold {fold}, {learner.stage.name}, epoch {epoch + 1} of {learner.stage.epochs}"
        tqdm.write(f"{where}: {said}, {entry['seconds'] / 60:.1f} minutes")
    if loss is None or loss < progress.best_loss:
        progress.best_loss = progress.best_loss if loss is None else loss
        progress.best_epoch = epoch
        state = learner.averaged.state_dict()
        progress.best = {name: value.to("cpu", copy=True) for name, value in state.items()}


def _finish(run: Run, fold: int, accelerator: Accelerator) -> None:
    """Write the last stage's weights as `member.safetensors`, and join the histories of the stages."""
    folder = run.fold_folder(fold)
    member, joined = folder / "member.safetensors", folder / "history.json"
    if not run.recipe.stages:  # nothing is trained: the member and its history are the earlier run's
        assert run.before is not None
        earlier = json.loads((run.before / f"fold-{fold}" / "history.json").read_text())
        checkpoint.save_weights(stage_start(run, fold, 0).state_dict(), member, joined, earlier)
        return
    files = [folder / f"stage-{index}.json" for index in range(len(run.recipe.stages))]
    stages = [json.loads(file.read_text()) for file in files]
    seconds = sum(entry["seconds"] for stage in stages for entry in stage["epochs"])
    history = {
        "stages": stages,
        "minutes": round(seconds / 60, 2),
        "hardware": hardware(accelerator),
        "processes": accelerator.num_processes,
    }
    last = checkpoint.load_stage(run, fold, len(stages) - 1)
    checkpoint.save_weights(last.state_dict(), member, joined, history)


def predict_held_out(run: Run, fold: int, accelerator: Accelerator, views: int = VIEWS) -> None:
    """Write `predictions.csv`: the held-out images' logits, averaged over each of `COUNTS` views.

    Reads the images from their files, as the app does, not from the training cache. The processes
    share the images.
    """
    device = accelerator.device
    group = MemberGroup([checkpoint.load_fold_member(run, fold).to(device)])
    counts = [count for count in COUNTS if count <= views]
    held_out = np.flatnonzero(run.assignment == fold)
    own = held_out[accelerator.process_index :: accelerator.num_processes]
    records = []
    for start in tqdm(range(0, len(own), CHUNK), f"predict fold {fold}", mininterval=10):
        rows = own[start : start + CHUNK]
        photos = [read_photo(str(path)) for path in run.data.table["path"].iloc[rows]]
        (answer,) = group.read(group.inputs(photos, counts[-1]), device)
        means_of = torch.stack([answer.by_view[:, :count].mean(dim=1) for count in counts], dim=1)
        for row, means in zip(rows, means_of, strict=True):
            image = run.data.table.iloc[row]
            values = means.flatten().tolist()
            records.append((int(row), [image["image_id"], image["dx"], fold, *values]))
    records = sorted(gathered(accelerator, records))
    if accelerator.is_main_process:
        columns = ["image_id", "dx", "fold"]
        columns += [f"logit_{views_label(count)}_{code}" for count in counts for code in CODES]
        table = pd.DataFrame([record for _, record in records], columns=columns)
        text = table.to_csv(index=False, float_format="%.6g")
        replace_file(run.fold_folder(fold) / "predictions.csv", text)


def views_label(count: int) -> str:
    """The part of a column's name that states the number of views averaged."""
    return f"{count}view{'s' if count > 1 else ''}"


def memory_format(member: Member) -> torch.memory_format:
    """Channels-last for convolutional backbones; it slows transformers (one convolution) down."""
    convolutions = sum(isinstance(module, nn.Conv2d) for module in member.backbone.modules())
    return torch.channels_last if convolutions > 3 else torch.contiguous_format
