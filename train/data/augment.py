"""Augmentation of whole batches: rotation, flips, crops, shifts, cutout, colour, mixing.

All geometry is one affine resampling, so a batch is interpolated only once. Every random draw comes
from the generator passed in, so a batch can be rebuilt exactly after a restart.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from train.data import conditions


@dataclass(frozen=True)
class Augmentation:
    """Strengths; 0 (or 1 for the scales) turns a part off.

    `rotation`: largest angle in degrees, either way. `crop`: smallest and largest side of the crop as
    a share of the square. `shift`: largest shift as a share of the side. `cutout`: side of the
    erased square as a share of the image's. `cutout_probability`. `brightness`, `contrast`,
    `saturation`, `hue_gain`: largest relative change (`hue_gain` scales each channel by itself).
    `mixup`: alpha of the beta distribution. `painted`, `surround`, `uneven_light`, `constancy`, `blur`,
    `jpeg`: shares of the images that get hair, rulers, ink, bubbles or dark corners, a dark surround,
    light from one side, colour constancy, blur, or JPEG compression (`train.data.conditions`). `cast`:
    largest length of a colour cast's log gains.
    """

    rotation: float = 180.0
    flip: bool = True
    crop: tuple[float, float] = (0.75, 1.0)
    shift: float = 0.05
    cutout: float = 0.3
    cutout_probability: float = 0.3
    brightness: float = 0.15
    contrast: float = 0.15
    saturation: float = 0.2
    hue_gain: float = 0.06
    mixup: float = 0.0
    painted: float = 0.0
    surround: float = 0.0
    uneven_light: float = 0.0
    cast: float = 0.0
    constancy: float = 0.0
    blur: float = 0.0
    jpeg: float = 0.0


def augment(images: Tensor, size: int, settings: Augmentation, generator: Generator) -> Tensor:
    """Augmented copies of `images`, (batch, 3, side, side) in [0, 1], as (batch, 3, size, size)."""
    images = _seen_through(images, settings, generator)
    warped = _warp(images, size, settings, generator)
    stored = _stored(_recolour(warped, settings, generator), settings, generator)
    return _cutout(stored, settings, generator)


def mix(images: Tensor, targets: Tensor, alpha: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Mixup (Zhang et al. 2018): convex mixtures of image pairs and of their targets."""
    if alpha <= 0:
        return images, targets
    seed = int(torch.randint(2**31, (1,), generator=generator))
    share = float(np.random.default_rng(seed).beta(alpha, alpha))
    share = max(share, 1 - share)
    other = torch.randperm(len(images), generator=generator).to(images.device)
    mixed = images * share + images[other] * (1 - share)
    return mixed, targets * share + targets[other] * (1 - share)


def _seen_through(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Artefacts on and around the skin; a part that is off draws nothing from the generator."""
    if settings.painted:
        images = conditions.paint(images, settings.painted, generator)
    if settings.surround:
        images = conditions.surround(images, settings.surround, generator)
    if settings.uneven_light:
        images = conditions.uneven_light(images, settings.uneven_light, generator)
    return images


def _stored(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Effects of camera and file; a part that is off draws nothing from the generator."""
    if settings.cast:
        images = conditions.colour_cast(images, settings.cast, generator)
    if settings.constancy:
        images = conditions.colour_constancy(images, settings.constancy, generator)
    if settings.blur:
        images = conditions.blur(images, settings.blur, generator)
    if settings.jpeg:
        images = conditions.compressed(images, settings.jpeg, generator)
    return images


def _warp(images: Tensor, size: int, settings: Augmentation, generator: Generator) -> Tensor:
    count = len(images)
    angle = conditions.between(count, -1, 1, generator) * math.radians(settings.rotation)
    scale = conditions.between(count, settings.crop[0], settings.crop[1], generator)
    mirrored = (torch.rand(count, generator=generator) < 0.5) & settings.flip
    mirror = torch.where(mirrored, -1.0, 1.0)
    shift = (torch.rand(count, 2, generator=generator) * 2 - 1) * 2 * settings.shift
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    matrix = torch.stack(
        [
            torch.stack([cosine * mirror, -sine, shift[:, 0]], dim=1),
            torch.stack([sine * mirror, cosine, shift[:, 1]], dim=1),
        ],
        dim=1,
    ).to(images)
    grid = F.affine_grid(matrix, [count, 3, size, size], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _recolour(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    count = len(images)

    def gain(strength: float, channels: int = 1) -> Tensor:
        values = conditions.between(count * channels, 1 - strength, 1 + strength, generator)
        return values.view(count, channels, 1, 1).to(images)

    toned = images * gain(settings.brightness) * gain(settings.hue_gain, 3)
    mean = toned.mean(dim=(1, 2, 3), keepdim=True)
    toned = (toned - mean) * gain(settings.contrast) + mean
    grey = toned.mean(dim=1, keepdim=True)
    return ((toned - grey) * gain(settings.saturation) + grey).clamp(0, 1)


def _cutout(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Erase one square of each chosen image with its mean colour (DeVries and Taylor 2017)."""
    count, _, size, _ = images.shape
    chosen = torch.rand(count, generator=generator) < settings.cutout_probability
    centre = torch.rand(count, 2, generator=generator) * size
    half = settings.cutout * size / 2
    position = torch.arange(size)
    near = (position[None, None] - centre[:, :, None]).abs() < half
    hole = near[:, 0, :, None] & near[:, 1, None, :] & chosen[:, None, None]
    mean = images.mean(dim=(2, 3), keepdim=True)
    return torch.where(hole[:, None].to(images.device), mean, images)
