"""Augmentation of whole batches: geometry, colour, cutout, mixup, and effects of camera and body.

All geometry is one affine resampling, so a batch is interpolated only once. Every random draw comes
from the generator passed in, so a batch can be rebuilt exactly after a restart.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import cast

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F
from torchvision.io import ImageReadMode, decode_image, encode_jpeg

from skin_app.corrections import MINKOWSKI
from train.data.painted_artefacts import ARTEFACTS

DRAWINGS = 40  # of each artefact
RADIUS = (0.75, 1.25)  # of the dark surround's circle, as shares of half the side
STOPS = 1.5  # of light between two opposite corners, at most
BLUR = (0.4, 2.0)  # standard deviation in pixels
QUALITY = (20, 80)  # of the JPEG files


@dataclass(frozen=True)
class Augmentation:
    """Strengths; 0 (or 1 for the scales) turns a part off.

    `rotation`: largest angle in degrees, either way. `crop`: smallest and largest side of the crop as
    a share of the square. `shift`: largest shift as a share of the side. `cutout`: side of the
    erased square as a share of the image's. `cutout_probability`. `brightness`, `contrast`,
    `saturation`, `hue_gain`: largest relative change (`hue_gain` scales each channel by itself).
    `mixup`: alpha of the beta distribution. `painted`, `surround`, `uneven_light`, `constancy`, `blur`,
    `jpeg`: shares of the images that get hair, rulers, ink, bubbles or dark corners, a dark surround,
    light from one side, colour constancy, blur, or JPEG compression. `cast`: largest length of a colour
    cast's log gains.
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
    """Augmented copies of `images`, (batch, 3, side, side) in [0, 1], as (batch, 3, size, size).

    Effects on the skin come first, then geometry and colour, then those of camera and file. An effect
    that is off draws nothing from the generator, so that it does not change the draws of the others.
    """
    for strength, effect in (
        (settings.painted, with_artefacts),
        (settings.surround, with_surround),
        (settings.uneven_light, with_uneven_light),
    ):
        images = effect(images, strength, generator) if strength else images
    images = _recolour(_warp(images, size, settings, generator), settings, generator)
    for strength, effect in (
        (settings.cast, with_cast),
        (settings.constancy, with_constancy),
        (settings.blur, with_blur),
        (settings.jpeg, with_compression),
    ):
        images = effect(images, strength, generator) if strength else images
    return _cutout(images, settings, generator)


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


def _warp(images: Tensor, size: int, settings: Augmentation, generator: Generator) -> Tensor:
    count = len(images)
    angle = _between(count, -1, 1, generator) * math.radians(settings.rotation)
    scale = _between(count, *settings.crop, generator)
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
        values = _between(count * channels, 1 - strength, 1 + strength, generator)
        return values.view(count, channels, 1, 1).to(images)

    toned = images * gain(settings.brightness) * gain(settings.hue_gain, 3)
    mean = toned.mean(dim=(1, 2, 3), keepdim=True)
    toned = (toned - mean) * gain(settings.contrast) + mean
    grey = toned.mean(dim=1, keepdim=True)
    return ((toned - grey) * gain(settings.saturation) + grey).clamp(0, 1)


def _cutout(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Erase one square of each chosen image with its mean colour (DeVries and Taylor 2017)."""
    count, _, size, _ = images.shape
    erased = torch.rand(count, generator=generator) < settings.cutout_probability
    centre = torch.rand(count, 2, generator=generator) * size
    near = (torch.arange(size) - centre[:, :, None]).abs() < settings.cutout * size / 2
    hole = near[:, 0, :, None] & near[:, 1, None, :] & erased[:, None, None]
    mean = images.mean(dim=(2, 3), keepdim=True)
    return torch.where(hole[:, None].to(images.device), mean, images)


@cache
def painted_layers(side: int, drawings: int = DRAWINGS) -> tuple[Tensor, Tensor]:
    """`drawings` of each of `ARTEFACTS` on squares of `side` pixels, always the same.

    Returns `passed` and `added`, both (layers, 3, side, side) float16 in [0, 1]: a painted photo x is
    x * `passed` + `added`. Each drawing is linear in the photo, so painting it on black and on white
    determines it.
    """
    passed, added = [], []
    for number, paint in enumerate(ARTEFACTS.values()):
        for drawing in range(drawings):
            on_black, on_white = (
                paint(np.full((side, side, 3), paper), np.random.default_rng([side, number, drawing]))
                for paper in (0.0, 255.0)
            )
            passed.append((on_white - on_black) / 255)
            added.append(on_black / 255)
    return _planes(passed), _planes(added)


def _planes(pictures: list[np.ndarray]) -> Tensor:
    stacked = torch.from_numpy(np.stack(pictures).clip(0, 1))
    return stacked.permute(0, 3, 1, 2).half().contiguous()


def chosen(count: int, share: float, generator: Generator) -> Tensor:
    """Numbers of the images chosen from `count`, each with probability `share`."""
    return torch.nonzero(torch.rand(count, generator=generator) < share).flatten()


def with_artefacts(images: Tensor, share: float, generator: Generator) -> Tensor:
    """One drawing, turned at random, on a `share` of `images`, (batch, 3, side, side) in [0, 1]."""
    layers = painted_layers(images.shape[-1])
    rows = chosen(len(images), share, generator)
    which = torch.randint(len(layers[0]), (len(rows),), generator=generator)
    turns = torch.randint(8, (len(rows),), generator=generator)
    painted = images.clone()
    for row, layer, turn in zip(rows.tolist(), which.tolist(), turns.tolist(), strict=True):
        passed, added = (_turned(part[layer].to(images.device, images.dtype), turn) for part in layers)
        painted[row] = images[row] * passed + added
    return painted.clamp(0, 1)


def _turned(plane: Tensor, turn: int) -> Tensor:
    mirrored = plane.flip(-1) if turn >= 4 else plane
    return torch.rot90(mirrored, turn % 4, (-2, -1))


def with_surround(images: Tensor, share: float, generator: Generator) -> Tensor:
    """The dark surround of a dermatoscope on a `share` of the images, with a soft rim."""
    rows = chosen(len(images), share, generator)
    radius = _between(len(rows), *RADIUS, generator)
    soft = _between(len(rows), 0.01, 0.05, generator)
    dark = _between(len(rows), 0.0, 0.05, generator)
    off = _between(2 * len(rows), -0.08, 0.08, generator).view(2, -1, 1, 1)
    place = torch.linspace(-1, 1, images.shape[-1])
    distance = torch.hypot(place[None, :, None] - off[0], place[None, None] - off[1])
    shut = torch.sigmoid((distance - radius.view(-1, 1, 1)) / soft.view(-1, 1, 1))
    return _replaced(
        images, rows, lambda own: own.lerp(dark.view(-1, 1, 1, 1).to(own), shut[:, None].to(own))
    )


def with_uneven_light(images: Tensor, share: float, generator: Generator) -> Tensor:
    """Light that falls off to one side by up to `STOPS` on a `share` of the images."""
    rows = chosen(len(images), share, generator)
    angle = _between(len(rows), 0, 2 * math.pi, generator).view(-1, 1, 1)
    stops = _between(len(rows), 0, STOPS, generator).view(-1, 1, 1)
    place = torch.linspace(-1, 1, images.shape[-1])
    along = (place[None, :, None] * angle.sin() + place[None, None] * angle.cos()) / math.sqrt(2)
    gain = 2 ** (stops * along / 2 / 2.2)  # gain of stored values, which are about light ** (1 / 2.2)
    return _replaced(images, rows, lambda own: (own * gain[:, None].to(own)).clamp(0, 1))


def with_cast(images: Tensor, strength: float, generator: Generator) -> Tensor:
    """Another camera's white balance: log gains of the channels, up to `strength` long, in any hue.

    Most casts are weak: the length is `strength` times the square of a uniform draw.
    """
    hue = _between(len(images), 0, 2 * math.pi, generator)
    length = strength * torch.rand(len(images), generator=generator) ** 2
    first = torch.tensor([2.0, -1, -1]) / math.sqrt(6)
    second = torch.tensor([0.0, 1, -1]) / math.sqrt(2)
    direction = hue.cos()[:, None] * first + hue.sin()[:, None] * second
    gains = (length[:, None] * direction).exp().view(-1, 3, 1, 1)
    return (images * gains.to(images)).clamp(0, 1)


def with_constancy(images: Tensor, share: float, generator: Generator) -> Tensor:
    """Shades of Gray (Finlayson and Trezzi 2004) on a `share` of the images."""
    rows = chosen(len(images), share, generator)

    def balanced(own: Tensor) -> Tensor:
        light = (own**MINKOWSKI).mean(dim=(2, 3), keepdim=True).clamp(min=1e-12) ** (1 / MINKOWSKI)
        return (own * light.square().mean(dim=1, keepdim=True).sqrt() / light).clamp(0, 1)

    return _replaced(images, rows, balanced)


def with_blur(images: Tensor, share: float, generator: Generator) -> Tensor:
    """Out of focus: Gaussian blur on a `share` of the images."""
    rows = chosen(len(images), share, generator)
    sigma = _between(len(rows), *BLUR, generator)
    half = math.ceil(2.5 * BLUR[1])
    place = torch.arange(-half, half + 1)
    kernel = torch.exp(-((place[None] / sigma[:, None]) ** 2) / 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(3, dim=0)[:, None]

    def convolved(own: Tensor) -> Tensor:
        count, channels, height, width = own.shape
        flat = F.pad(own.view(1, -1, height, width), (half,) * 4, mode="reflect")
        weight = kernel.to(own)
        flat = F.conv2d(flat, weight[..., None], groups=count * channels)
        return F.conv2d(flat, weight[..., None, :], groups=count * channels).view_as(own)

    return _replaced(images, rows, convolved)


def with_compression(images: Tensor, share: float, generator: Generator) -> Tensor:
    """JPEG compression at low quality on a `share` of the images."""
    rows = chosen(len(images), share, generator)
    quality = torch.randint(*QUALITY, (len(rows),), generator=generator)

    def saved(own: Tensor) -> Tensor:
        stored = (own * 255).round().to("cpu", torch.uint8)
        files = [
            cast(Tensor, encode_jpeg(picture.contiguous(), quality=int(q)))
            for picture, q in zip(stored, quality, strict=True)
        ]
        return torch.stack([decode_image(file, ImageReadMode.RGB) for file in files]).to(own) / 255

    return _replaced(images, rows, saved)


def _replaced(images: Tensor, rows: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """`images`, with `change` applied to those numbered `rows`."""
    if not len(rows):
        return images
    rows = rows.to(images.device)
    return images.index_copy(0, rows, change(images[rows]))


def _between(count: int, low: float, high: float, generator: Generator) -> Tensor:
    """(count,) uniform draws from [low, high)."""
    return torch.rand(count, generator=generator) * (high - low) + low
