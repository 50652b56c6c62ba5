"""Explanations by gradients: which pixels a logit depends on.

- Gradient saliency: Simonyan et al., "Deep Inside Convolutional Networks" (2013).
- SmoothGrad, its average over noisy copies of the image: Smilkov et al. (2017).
- Guided back-propagation: Springenberg et al., "Striving for Simplicity" (2015). Every rectifier hands
  back only positive gradients, and only where its input is positive.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from skin_app.diagnoses import CODES
from skin_app.network import Member
from train.engine.run import Run, RunError
from train.explain.sheets import SheetRow, draw_sheet, held_out_image, on_screen, refuse_tracked

LogitsOf = Callable[[Tensor], Tensor]  # a network in evaluation mode: images to (batch, classes)

COPIES, NOISE = 16, 0.1  # of SmoothGrad: 0.1 of the range of the pixels is in its authors' range
# hardtanh is what nn.ReLU6 calls. Sigmoids are gates, not rectifiers: they stay as they are.
RECTIFIERS: frozenset[Callable[..., Any]] = frozenset(
    {
        F.relu, F.relu6, F.hardtanh, F.leaky_relu, F.elu, F.selu,
        F.silu, F.hardswish, F.mish, F.gelu, torch.relu, torch.Tensor.relu,
    }
)  # fmt: skip


def saliency_sheet(run: Run, image_ids: Sequence[str], out: Path) -> Path:
    """Write `out/saliency.png`: each image beside its two saliency maps; returns the file.

    The member of the image's own fold is explained, for the diagnosis that it finds most probable in
    the upright view. Raises `RunError` for an unknown image, an unfinished fold, or an `out` that git
    would track.
    """
    refuse_tracked(out)
    rows = []
    for image_id in image_ids:
        member, square = held_out_image(run, image_id)
        logits_of = partial(logits, member)
        with torch.inference_mode():
            label = int(logits_of(square).argmax())
        maps = [
            explain(logits_of, square, label)[0] for explain in (gradient_saliency, smooth_saliency)
        ]
        true = run.data.table.set_index("image_id")["dx"][image_id]
        caption = f"{image_id}   true {true}   explained: {CODES[label]}"
        rows.append(SheetRow(caption, (on_screen(square[0]), *map(as_grey, maps))))
    out.mkdir(parents=True, exist_ok=True)
    draw_sheet("Gradient saliency", ("photo", "gradient", "SmoothGrad"), rows, out / "saliency.png")
    return out / "saliency.png"


def gradient_saliency(logits_of: LogitsOf, images: Tensor, label: int) -> Tensor:
    """|d logit / d pixel|, the largest over the channels: (batch, size, size).

    `images`: (batch, 3, size, size) in [0, 1].
    """
    return strength(_gradient(logits_of, images, label))


def smooth_saliency(logits_of: LogitsOf, images: Tensor, label: int) -> Tensor:
    """Mean of `gradient_saliency` over 16 noisy copies of `images`; the same in each call."""
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros_like(images[:, 0])
    for _ in range(COPIES):
        noise = NOISE * torch.randn(images.shape, generator=generator)
        total += gradient_saliency(logits_of, images + noise.to(images.device), label)
    return total / COPIES


def guided_gradient(logits_of: LogitsOf, images: Tensor, label: int) -> Tensor:
    """Guided gradient of logit `label` with respect to `images`, (batch, 3, size, size), signed.

    Raises `RunError` for a network without a known rectifier, in which nothing would be guided.
    """
    with Guided() as guided:
        gradient = _gradient(logits_of, images, label)
    if guided.calls == 0:
        raise RunError(
            "This network calls none of the rectifiers that guided back-propagation knows: use "
            "`python -m train saliency` for it instead."
        )
    return gradient


class Guided(TorchFunctionMode):
    """Context in which rectifiers are guided; changes no network.

    It intercepts every rectifier call, from modules, fused layers and functions. Springenberg et al.
    define the rule for ReLU. SiLU, GELU, Hardswish and the like keep their own derivative here, behind
    the same two gates. `calls` counts the rectifiers.
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


def logits(member: Member, images: Tensor) -> Tensor:
    """A member's logits alone; `partial(logits, member)` is a `LogitsOf`."""
    return member(images).logits


def strength(gradient: Tensor) -> Tensor:
    """Largest absolute value over the colour channels: (batch, 3, ...) to (batch, ...)."""
    return gradient.abs().amax(dim=1)


def as_grey(values: Tensor) -> np.ndarray:
    """(size, size) not negative as RGB (size, size, 3); white from the 99th percentile on."""
    grey = values.cpu().numpy()
    peak = np.percentile(grey, 99)
    return np.repeat((grey / peak if peak > 0 else grey).clip(0, 1)[..., None], 3, axis=2)


def _gradient(logits_of: LogitsOf, images: Tensor, label: int) -> Tensor:
    pixels = images.detach().clone().requires_grad_(True)
    return torch.autograd.grad(logits_of(pixels)[:, label].sum(), pixels)[0]
