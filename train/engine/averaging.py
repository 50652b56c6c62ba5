"""What a training step averages: batch statistics over the parts of a batch, weights over the steps.

`fold.Learner.step` calls the methods of `BatchStatistics` in their order, then `update_mean`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from skin_app.network import Member


class BatchStatistics:
    """Running means and variances of `member` that do not depend on which process computes which part.

    Each part of a batch begins with the statistics from before the step. After the step they are the
    means over the parts of all processes, and the step counts once. Frozen layers keep theirs.

    `parts`: how many parts of a batch this process computes, as many as every other process. Build it
    after `prepare_model`, which replaces buffers when there are several processes.
    """

    def __init__(self, member: Member, parts: int, accelerator: Accelerator) -> None:
        self.member, self.parts, self.accelerator = member, parts, accelerator
        self.buffers = [b for b in member.buffers() if b.is_floating_point() and b.ndim == 1]
        self.before: list[Tensor] = []
        self.means: list[Tensor] = []
        self.steps_before = {
            module: module.num_batches_tracked.clone()
            for module in member.modules()
            if isinstance(module, _BatchNorm) and module.num_batches_tracked is not None
        }

    def begin(self) -> None:
        """Begin a step, after `network.train()`: keep the statistics, and switch off frozen layers'."""
        for module in self.member.backbone.modules():
            if isinstance(module, _BatchNorm) and not module.weight.requires_grad:
                module.eval()
        self.before = [buffer.clone() for buffer in self.buffers]
        self.means = [torch.zeros_like(buffer) for buffer in self.buffers]

    @contextmanager
    def of_part(self) -> Iterator[None]:
        """Surrounds the forward pass of one part."""
        self._put(self.before)
        yield
        for mean, buffer in zip(self.means, self.buffers, strict=True):
            mean.add_(buffer / self.parts)

    def end(self, loss: Tensor, number: int) -> Tensor:
        """End step `number` (from 0): put the means in place.

        `loss`: (), the mean over this process's parts; returns the mean over all processes, which
        travels with the statistics in one message.
        """
        if self.accelerator.num_processes > 1:
            sent = torch.cat([loss.view(1), *self.means])
            received = self.accelerator.reduce(sent, "mean")
            assert isinstance(received, Tensor)
            loss, *self.means = received.split([1, *(len(mean) for mean in self.means)])
        self._put(self.means)
        for module, steps in self.steps_before.items():  # one step counts once, however many parts
            assert module.num_batches_tracked is not None
            module.num_batches_tracked.copy_(steps + module.training * (number + 1))
        return loss

    def _put(self, values: list[Tensor]) -> None:
        for buffer, value in zip(self.buffers, values, strict=True):
            buffer.copy_(value)


def update_mean(averaged: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move `averaged`, the running mean of the weights, towards `network` after step `step` (from 0).

    In the first steps the decay is smaller than `decay`, so the mean soon forgets the start weights.
    """
    decay = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        states = (own.state_dict().values() for own in (averaged, network))
        for mean, value in zip(*states, strict=True):
            mean.lerp_(value, 1 - decay) if mean.is_floating_point() else mean.copy_(value)
