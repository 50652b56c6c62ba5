"""Gradient saliency: which pixels a logit depends on most.

Simonyan et al., "Deep Inside Convolutional Networks" (2013); averaged over noisy copies of the image
it is SmoothGrad (Smilkov et al. 2017).
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from skin_app.diagnoses import CODES
from skin_app.ensemble import input_square
from skin_app.hardware import best_device
from skin_app.network import Member
from skin_app.photo.read import read_photo
from train.engine.predict import load_fold_member
from train.engine.run import Run, RunError
from train.explain.guided import strength
from train.explain.sheets import Case, draw_sheet, refuse_tracked

COPIES, NOISE = 16, 0.1  # of SmoothGrad: 0.1 of the range of the pixels is in its authors' range


def gradient_saliency(logits_of: Callable[[Tensor], Tensor], images: Tensor, label: int) -> Tensor:
    """|d logit / d pixel|, the largest over the channels: (batch, size, size), not negative.

    `logits_of`: a network in evaluation mode, giving (batch, classes); `images`: (batch, 3, size,
    size) in [0, 1].
    """
    pixels = images.detach().clone().requires_grad_(True)
    return strength(torch.autograd.grad(logits_of(pixels)[:, label].sum(), pixels)[0])


def smooth_saliency(
    logits_of: Callable[[Tensor], Tensor], images: Tensor, label: int, seed: int = 0
) -> Tensor:
    """Mean of `gradient_saliency` over 16 noisy copies of `images`; the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros_like(images[:, 0])
    for _ in range(COPIES):
        noise = NOISE * torch.randn(images.shape, generator=generator)
        total += gradient_saliency(logits_of, images + noise.to(images.device), label)
    return total / COPIES


def saliency_sheet(run: Run, image_ids: Sequence[str], out: Path) -> Path:
    """Write `out/saliency.png`: each image beside its two saliency maps; returns the file.

    Each is explained by the member of its own fold, for the diagnosis that this member finds most
    probable in the upright view. Raises `RunError` for an unknown image, an unfinished fold, or an
    `out` that git would track.
    """
    refuse_tracked(out)
    device = best_device()
    ids = run.data.table["image_id"].tolist()
    cases = []
    for image_id in image_ids:
        if image_id not in ids:
            raise RunError(f"There is no image {image_id} in the data: pass ids of its CSV.")
        row = ids.index(image_id)
        fold = int(run.assignment[row])
        if not (run.fold_folder(fold) / "member.safetensors").is_file():
            raise RunError(f"{image_id} is in fold {fold}, which is not trained: fit it first.")
        member = load_fold_member(run, fold).requires_grad_(False).to(device)
        photo = read_photo(str(run.data.table["path"].iloc[row]))
        square = input_square(photo, member.config)[None].to(device)
        with torch.inference_mode():
            label = int(member(square).logits.argmax())
        logits_of = partial(_logits, member)
        maps = [
            explain(logits_of, square, label)[0] for explain in (gradient_saliency, smooth_saliency)
        ]
        panels = (square[0].permute(1, 2, 0).cpu().numpy(), *(as_grey(values) for values in maps))
        caption = f"{image_id}   true {run.data.table['dx'].iloc[row]}   explained: {CODES[label]}"
        cases.append(Case(caption, panels))
    out.mkdir(parents=True, exist_ok=True)
    draw_sheet("Gradient saliency", ("photo", "gradient", "SmoothGrad"), cases, out / "saliency.png")
    return out / "saliency.png"


def _logits(member: Member, images: Tensor) -> Tensor:
    return member(images).logits


def as_grey(values: Tensor) -> np.ndarray:
    """(size, size) not negative as (size, size, 3) in [0, 1]; white from the 99th percentile on."""
    grey = values.cpu().numpy()
    peak = np.percentile(grey, 99)
    return np.repeat((grey / peak if peak > 0 else grey).clip(0, 1)[..., None], 3, axis=2)
