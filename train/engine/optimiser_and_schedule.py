"""The optimiser of a stage: parameter groups with per-depth rates, and the learning-rate schedules."""

import math
from typing import Any

import timm.optim
import torch
from torch import nn

from skin_app.network import Member
from train.recipes.recipe import Stage


def optimiser_of(stage: Stage, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """The optimiser of `stage` over `groups`; rates are set from outside at every step."""
    if stage.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=0.0, momentum=stage.momentum)
    adam = torch.optim.AdamW if stage.optimiser == "adamw" else torch.optim.Adam
    return adam(groups, lr=0.0)


def parameter_groups(member: Member, stage: Stage) -> list[dict[str, Any]]:
    """Optimiser groups of the trainable parameters of `member`, each with the key `peak_rate`.

    A parameter `d` layers below the top of the backbone gets `backbone_rate * layer_decay ** d`; the
    dense layers get `head_rate`. Biases and norms are not decayed.
    """
    groups: list[dict[str, Any]] = []
    if any(parameter.requires_grad for parameter in member.backbone.parameters()):
        groups = timm.optim.param_groups_layer_decay(  # pyright: ignore[reportPrivateImportUsage]
            member.backbone, weight_decay=stage.weight_decay, layer_decay=stage.layer_decay
        )
        for group in groups:
            group["peak_rate"] = stage.backbone_rate * group.pop("lr_scale")
    groups += head_groups([member.dense, member.classifier], stage.head_rate, stage.weight_decay)
    return [{key: group[key] for key in ("params", "weight_decay", "peak_rate")} for group in groups]


def head_groups(parts: list[nn.Module], rate: float, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups of the trainable parameters of `parts`: matrices, and vectors without decay."""
    parameters = [p for part in parts for p in part.parameters() if p.requires_grad]
    return [
        {"params": chosen, "weight_decay": decay, "peak_rate": rate}
        for chosen, decay in (
            ([p for p in parameters if p.ndim > 1], weight_decay),
            ([p for p in parameters if p.ndim <= 1], 0.0),
        )
        if chosen
    ]


def rate_share(stage: Stage, step: int, per_epoch: int, losses: list[float]) -> float:
    """Share of the peak rate at `step` of `stage`, in [0, 1].

    `per_epoch`: steps per epoch; `losses`: validation losses of the finished epochs.
    """
    if stage.schedule == "restarts":
        return warm_restarts(step, stage.cycle_epochs * per_epoch, stage.cycle_growth)
    if stage.schedule == "plateau":
        return stage.plateau_factor ** plateaus(losses, stage.plateau_patience)
    if stage.schedule == "constant":
        return 1.0
    steps = stage.epochs * per_epoch
    return cosine_with_warmup(step, steps, round(stage.warmup_share * steps))


def cosine_with_warmup(step: int, steps: int, warmup: int) -> float:
    """Share of the peak rate at `step` of `steps`: linear rise, then half a cosine to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def warm_restarts(step: int, first: int, growth: int) -> float:
    """Share of the peak rate in SGDR: cosine cycles of `first`, `first * growth`, ... steps.

    Source: Loshchilov and Hutter, "SGDR" (2017), equation 5 with a least rate of 0.
    """
    length = first
    while step >= length:
        step -= length
        length *= growth
    return 0.5 * (1 + math.cos(math.pi * step / length))


def plateaus(losses: list[float], patience: int) -> int:
    """How often `losses` had no new minimum for more than `patience` epochs.

    The count restarts after each, as in torch's ReduceLROnPlateau.
    """
    best, waited, reduced = math.inf, 0, 0
    for loss in losses:
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited > patience:
            reduced, waited = reduced + 1, 0
    return reduced
