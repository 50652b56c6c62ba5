"""Learning rates: warm-up and cosine, and per-depth rates."""

import math

import timm.optim
from torch import nn

from skin_app.network import Member


def cosine_with_warmup(step: int, steps: int, warmup: int) -> float:
    """Share of the peak rate at `step` of `steps`: linear rise, then half a cosine to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def parameter_groups(
    member: Member, backbone_rate: float, head_rate: float, layer_decay: float, weight_decay: float
) -> list[dict]:
    """Optimiser groups with the key `peak_rate`: lower towards the input (per-depth rates).

    A parameter `d` layers below the top of the backbone gets `backbone_rate * layer_decay ** d`; the
    dense layers get `head_rate`. Biases, norms and position tables are not decayed.
    """
    groups = timm.optim.param_groups_layer_decay(  # pyright: ignore[reportPrivateImportUsage]
        member.backbone, weight_decay=weight_decay, layer_decay=layer_decay
    )
    for group in groups:
        group["peak_rate"] = backbone_rate * group.pop("lr_scale")
    head: list[nn.Parameter] = [*member.dense.parameters(), *member.classifier.parameters()]
    for decay, chosen in ((weight_decay, [p for p in head if p.ndim > 1]), (0.0, head)):
        parameters = [p for p in chosen if decay > 0 or p.ndim == 1]
        groups.append({"params": parameters, "weight_decay": decay, "peak_rate": head_rate})
    return [{key: group[key] for key in ("params", "weight_decay", "peak_rate")} for group in groups]
