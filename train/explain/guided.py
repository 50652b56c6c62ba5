"""Guided back-propagation, and how far an explanation depends on what the network has learnt.

Springenberg et al., "Striving for Simplicity" (2015): the gradient of a logit with respect to the
pixels, where every rectifier hands back only what is positive, at inputs that are positive.
"""

import copy
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from skin_app.network import Member
from train.engine.run import RunError

# hardtanh is what nn.ReLU6 calls. Sigmoids are gates, not rectifiers: they stay as they are.
RECTIFIERS: frozenset[Callable[..., Any]] = frozenset(
    {
        F.relu, F.relu6, F.hardtanh, F.leaky_relu, F.elu, F.selu,
        F.silu, F.hardswish, F.mish, F.gelu, torch.relu, torch.Tensor.relu,
    }
)  # fmt: skip


class Guided(TorchFunctionMode):
    """While it is entered, rectifiers are guided; no network is changed and nothing is left behind.

    It sees every call, whether a module, a fused layer or a function makes it. Springenberg et al.
    define the rule for ReLU. For SiLU, GELU, Hardswish and the like it is generalised here: their own
    derivative is kept, and gated by a positive gradient and a positive input. `calls` counts them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func not in RECTIFIERS:
            return func(*args, **kwargs)
        self.calls += 1
        if "inplace" in kwargs:
            kwargs["inplace"] = False
        entered = args[0].view_as(args[0])
        positive = entered.detach() > 0
        left = func(entered, *args[1:], **kwargs)
        if left.requires_grad:
            entered.register_hook(lambda gradient: gradient * positive)
            left.register_hook(lambda gradient: gradient.clamp(min=0))
        return left


def guided_gradient(logits_of: Callable[[Tensor], Tensor], images: Tensor, label: int) -> Tensor:
    """Guided gradient of logit `label` with respect to `images`, (batch, 3, size, size), signed.

    `logits_of`: a network in evaluation mode, giving (batch, classes). Raises `RunError` when it
    calls no known rectifier, because then nothing would be guided.
    """
    pixels = images.detach().clone().requires_grad_(True)
    with Guided() as guided:
        logits = logits_of(pixels)
    if guided.calls == 0:
        raise RunError(
            "This network calls none of the rectifiers that guided back-propagation knows: use "
            "`python -m train saliency` for it instead."
        )
    return torch.autograd.grad(logits[:, label].sum(), pixels)[0]


def randomised(member: Member, part: Literal["head", "all"], seed: int = 0) -> Member:
    """A copy of `member` whose head, or all of whose weights, are drawn anew (Adebayo et al. 2018)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = Member(member.config)
    if part == "head":
        fresh.backbone = copy.deepcopy(member.backbone)
    return fresh.to(member.mean.device).train(member.training)


def likeness(one: Tensor, other: Tensor) -> float:
    """Spearman's rank correlation of two maps of the same shape, in [-1, 1]; NaN for a constant one."""
    ranks = [rankdata(values.detach().cpu().flatten().numpy()) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


def strength(gradient: Tensor) -> Tensor:
    """Largest absolute value over the colour channels: (batch, 3, ...) to (batch, ...)."""
    return gradient.abs().amax(dim=1)
