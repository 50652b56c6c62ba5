"""One stage of one fold in training: its network, running mean and optimiser, and the single step.

A batch is parted into `micro_batches` equal parts, each with its own random draws and batch
statistics, and the parts' gradients and statistics are averaged. Who computes which part makes no
difference, so one process and several end in the same weights, up to the order of a sum.
"""

import copy
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from accelerate import Accelerator
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from skin_app.diagnoses import CODES
from skin_app.network import Member
from train.data.augment import augment, mix
from train.data.pixels import Pixels
from train.engine.contrastive import ContrastiveNetwork, contrastive_loss
from train.engine.losses import focal_loss, one_vs_rest_loss
from train.engine.run import Run, RunError
from train.engine.schedules import head_groups, optimiser_of, parameter_groups
from train.engine.temperature import log_prior, training_weights


class Learner:
    """`member` under training in stage number `index` of `fold`.

    `network` is what is trained (the member, or its backbone with a projection head); `averaged` the
    running mean of the member's weights.
    """

    def __init__(
        self, run: Run, fold: int, index: int, member: Member, accelerator: Accelerator
    ) -> None:
        self.run, self.fold, self.index = run, fold, index
        self.stage = run.recipe.stages[index]
        self.accelerator, self.device = accelerator, accelerator.device
        self.member = member
        _freeze(member, self.stage.frozen, self.stage.objective == "contrast")
        self.memory_format = memory_format(member)
        member.to(device=self.device, memory_format=self.memory_format)  # pyright: ignore[reportCallIssue]
        self.averaged = copy.deepcopy(member).eval().requires_grad_(False)
        torch.manual_seed(seed_of(run.seed, fold, index))
        self.network: nn.Module = member
        heads = []
        if self.stage.objective == "contrast":
            self.network = ContrastiveNetwork(member, run.recipe.projection).to(self.device)
            heads = head_groups([self.network.project], self.stage.head_rate, self.stage.weight_decay)
        groups = parameter_groups(
            member,
            self.stage.backbone_rate,
            self.stage.head_rate,
            self.stage.layer_decay,
            self.stage.weight_decay,
        )
        self.optimiser = optimiser_of(self.stage, groups + heads)
        counts = np.bincount(run.data.labels[run.assignment != fold], minlength=len(CODES))
        self.weights = torch.from_numpy(training_weights(counts, run.recipe)).float().to(self.device)
        prior = torch.from_numpy(log_prior(counts)).float().to(self.device)
        self.added = run.recipe.logit_adjustment * prior
        self.size = run.recipe.member.size
        self.pixels = Pixels(run.squares, self.device)
        self.labels = torch.tensor(run.data.labels)
        self.counted = {
            module: module.num_batches_tracked.clone()
            for module in member.modules()
            if isinstance(module, _BatchNorm) and module.num_batches_tracked is not None
        }
        if run.micro_batches % accelerator.num_processes:
            raise RunError(
                f"{run.micro_batches} micro-batches cannot be shared by {accelerator.num_processes} "
                f"processes: pass --micro-batches {accelerator.num_processes} (or a multiple of it)."
            )
        self.prepared = accelerator.prepare_model(self.network)
        # after that line: with several processes it puts new tensors in the buffers' place
        self.running = [b for b in member.buffers() if b.is_floating_point() and b.ndim == 1]

    def train_at(self, size: int | None) -> None:
        """Train on squares of `size` pixels from now on; None: the member's own."""
        wanted = size or self.run.recipe.member.size
        if wanted != self.size:
            self.member.resize(wanted)
            self.size = wanted

    def step(self, number: int, rows: np.ndarray, rate: float) -> float:
        """One optimiser step on the images `rows` at `rate` times the peak rates; returns the loss.

        Raises `RunError` when loss or gradient is no finite number; the weights are then untouched.
        """
        parts, size = self.run.micro_batches, self.accelerator.num_processes
        own = range(self.accelerator.process_index, parts, size)
        self._training_mode()
        self.optimiser.zero_grad(set_to_none=True)
        before = [buffer.clone() for buffer in self.running]
        after = [torch.zeros_like(buffer) for buffer in self.running]
        total = torch.zeros((), device=self.device)
        for part in own:
            for buffer, start in zip(self.running, before, strict=True):
                buffer.copy_(start)
            with self._synchronised(part == own[-1]):
                seed = seed_of(self.run.seed, self.fold, self.index, number, part)
                loss = self._loss(rows[part::parts], seed)
                self.accelerator.backward(loss / len(own))
            total += loss.detach() / len(own)
            for buffer, value in zip(after, self.running, strict=True):
                buffer.add_(value / len(own))
        loss, after = self._averaged_over_processes(total, after)
        for buffer, value in zip(self.running, after, strict=True):
            buffer.copy_(value)
        for module in self.member.modules():  # a step counts once, whoever computed its parts
            if isinstance(module, _BatchNorm) and module.num_batches_tracked is not None:
                module.num_batches_tracked.copy_(self.counted[module] + module.training * (number + 1))
        norm = self.accelerator.clip_grad_norm_(self.network.parameters(), self.run.recipe.clip)
        if not (torch.isfinite(loss) and (norm is None or torch.isfinite(norm))):
            raise RunError(
                f"The loss of fold {self.fold} became {float(loss)} at step {number} "
                f"(gradient {norm if norm is None else float(norm)}): lower the learning rates of the "
                "recipe; the last checkpoint is kept and loadable."
            )
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak_rate"] * rate
        self.optimiser.step()
        self._average(min(self.run.recipe.averaging, (1 + number) / (10 + number)))
        return float(loss)

    def _loss(self, rows: np.ndarray, seed: int) -> Tensor:
        recipe, generator = self.run.recipe, Generator().manual_seed(seed)
        torch.manual_seed(seed)  # dropout and stochastic depth
        images, labels = self.pixels.take(rows), self.labels[rows]
        if self.stage.objective == "contrast":
            views = [augment(images, self.size, recipe.augmentation, generator) for _ in range(2)]
            batch = torch.cat(views).contiguous(memory_format=self.memory_format)
            vectors = self.prepared(batch)
            return contrastive_loss(vectors, labels.repeat(2).to(self.device), recipe.temperature)
        targets = F.one_hot(labels, len(CODES)).float().to(self.device)
        images = augment(images, self.size, recipe.augmentation, generator)
        images, targets = mix(images, targets, recipe.augmentation.mixup, generator)
        logits = self.prepared(images.contiguous(memory_format=self.memory_format)).logits.float()
        if recipe.loss == "one_vs_rest":
            return one_vs_rest_loss(logits, targets, self.weights, recipe.smoothing)
        return focal_loss(
            logits + self.added, targets, self.weights, recipe.focal_gamma, recipe.smoothing
        )

    def _synchronised(self, last: bool) -> AbstractContextManager[object]:
        """Gradients travel between processes once a step, after the last part."""
        return nullcontext() if last else self.accelerator.no_sync(self.prepared)

    def _averaged_over_processes(
        self, loss: Tensor, buffers: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        if self.accelerator.num_processes == 1:
            return loss, buffers
        flat = torch.cat([loss.view(1), *buffers])
        mean = self.accelerator.reduce(flat, "mean")
        assert isinstance(mean, Tensor)
        values = mean[1:].split([len(buffer) for buffer in buffers]) if buffers else ()
        return mean[0], list(values)

    def _training_mode(self) -> None:
        """Everything trains but the batch statistics of frozen layers."""
        self.network.train()
        for module in self.member.backbone.modules():
            if isinstance(module, _BatchNorm) and not module.weight.requires_grad:
                module.eval()

    def _average(self, decay: float) -> None:
        with torch.no_grad():
            for mean, value in zip(
                self.averaged.state_dict().values(), self.member.state_dict().values(), strict=True
            ):
                if mean.is_floating_point():
                    mean.lerp_(value, 1 - decay)
                else:
                    mean.copy_(value)


def _freeze(member: Member, frozen: tuple[str, ...], without_head: bool) -> None:
    for name, parameter in member.backbone.named_parameters():
        parameter.requires_grad_(not name.startswith(frozen))
    for part in (member.dense, member.classifier):
        part.requires_grad_(not without_head)


def memory_format(member: Member) -> torch.memory_format:
    """Channels-last for convolutional backbones; it slows transformers down (one convolution)."""
    convolutions = sum(isinstance(module, nn.Conv2d) for module in member.backbone.modules())
    return torch.channels_last if convolutions > 3 else torch.contiguous_format


def seed_of(*parts: int) -> int:
    """One seed out of several numbers, without collisions between neighbours."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
