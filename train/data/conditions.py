"""Effects of camera, dermatoscope and body on a lesion's image, as augmentation of whole batches.

Painted hair, rulers, ink, bubbles and dark corners (the drawings of `train.data.artefacts`), a dark
surround, uneven light, colour casts, colour constancy, blur and JPEG compression, each on a share of
the images. Every draw comes from the generator passed in.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F
from torchvision.io import ImageReadMode, decode_image, encode_jpeg

from skin_app.corrections import MINKOWSKI
from train.data.artefacts import ARTEFACTS

LAYERS_OF_A_KIND = 40
RADIUS = (0.75, 1.25)  # of the dark surround's circle, as shares of half the side
STOPS = 1.5  # of light between two opposite corners, at most
BLUR = (0.4, 2.0)  # standard deviation in pixels
QUALITY = (20, 80)  # of the JPEG files


class Layers(NamedTuple):
    """Drawn artefacts without a photo: a photo x becomes x * `passed` + `added`.

    Both (layers, 3, side, side) float16 in [0, 1].
    """

    passed: Tensor
    added: Tensor


@cache
def painted_layers(side: int, of_a_kind: int = LAYERS_OF_A_KIND) -> Layers:
    """`of_a_kind` drawings of each of `ARTEFACTS` on squares of `side` pixels, always the same.

    Each drawing is linear in the photo, so painting it on black and on white determines it.
    """
    passed, added = [], []
    for number, paint in enumerate(ARTEFACTS.values()):
        for drawing in range(of_a_kind):
            on_black, on_white = (
                paint(np.full((side, side, 3), paper), np.random.default_rng([side, number, drawing]))
                for paper in (0.0, 255.0)
            )
            passed.append((on_white - on_black) / 255)
            added.append(on_black / 255)
    return Layers(*(_planes(np.stack(part)) for part in (passed, added)))


def _planes(pictures: np.ndarray) -> Tensor:
    return torch.from_numpy(pictures.clip(0, 1)).permute(0, 3, 1, 2).half().contiguous()


def chosen(count: int, share: float, generator: Generator) -> Tensor:
    """Numbers of the images chosen from `count`, each with probability `share`."""
    return torch.nonzero(torch.rand(count, generator=generator) < share).flatten()


def paint(images: Tensor, share: float, generator: Generator) -> Tensor:
    """One drawing, turned at random, on a `share` of `images`, (batch, 3, side, side) in [0, 1]."""
    layers = painted_layers(images.shape[-1])
    rows = chosen(len(images), share, generator)
    which = torch.randint(len(layers.passed), (len(rows),), generator=generator)
    turns = torch.randint(8, (len(rows),), generator=generator)
    painted = images.clone()
    for row, layer, turn in zip(rows.tolist(), which.tolist(), turns.tolist(), strict=True):
        passed, added = (_turned(part[layer].to(images.device, images.dtype), turn) for part in layers)
        painted[row] = images[row] * passed + added
    return painted.clamp(0, 1)


def _turned(plane: Tensor, turn: int) -> Tensor:
    mirrored = plane.flip(-1) if turn >= 4 else plane
    return torch.rot90(mirrored, turn % 4, (-2, -1))


def surround(images: Tensor, share: float, generator: Generator) -> Tensor:
    """The dark surround of a dermatoscope on a `share` of the images, with a soft rim."""
    rows = chosen(len(images), share, generator)
    radius = between(len(rows), *RADIUS, generator)
    soft = between(len(rows), 0.01, 0.05, generator)
    dark = between(len(rows), 0.0, 0.05, generator)
    off = between(2 * len(rows), -0.08, 0.08, generator).view(2, -1, 1, 1)
    place = torch.linspace(-1, 1, images.shape[-1])
    distance = torch.hypot(place[None, :, None] - off[0], place[None, None] - off[1])
    shut = torch.sigmoid((distance - radius.view(-1, 1, 1)) / soft.view(-1, 1, 1))
    return _replaced(
        images, rows, lambda own: own.lerp(dark.view(-1, 1, 1, 1).to(own), shut[:, None].to(own))
    )


def uneven_light(images: Tensor, share: float, generator: Generator) -> Tensor:
    """Light that falls off to one side by up to `STOPS` on a `share` of the images."""
    rows = chosen(len(images), share, generator)
    angle = between(len(rows), 0, 2 * math.pi, generator).view(-1, 1, 1)
    stops = between(len(rows), 0, STOPS, generator).view(-1, 1, 1)
    place = torch.linspace(-1, 1, images.shape[-1])
    along = (place[None, :, None] * angle.sin() + place[None, None] * angle.cos()) / math.sqrt(2)
    gain = 2 ** (stops * along / 2 / 2.2)  # gain of stored values, which are about light ** (1 / 2.2)
    return _replaced(images, rows, lambda own: (own * gain[:, None].to(own)).clamp(0, 1))


def colour_cast(images: Tensor, strength: float, generator: Generator) -> Tensor:
    """Another camera's white balance: log gains of the channels, up to `strength` long, in any hue.

    Most casts are weak: the length is `strength` times the square of a uniform draw.
    """
    hue = between(len(images), 0, 2 * math.pi, generator)
    length = strength * torch.rand(len(images), generator=generator) ** 2
    first = torch.tensor([2.0, -1, -1]) / math.sqrt(6)
    second = torch.tensor([0.0, 1, -1]) / math.sqrt(2)
    direction = hue.cos()[:, None] * first + hue.sin()[:, None] * second
    gains = (length[:, None] * direction).exp().view(-1, 3, 1, 1)
    return (images * gains.to(images)).clamp(0, 1)


def colour_constancy(images: Tensor, share: float, generator: Generator) -> Tensor:
    """Shades of Gray (Finlayson and Trezzi 2004) on a `share` of the images."""
    rows = chosen(len(images), share, generator)

    def balanced(own: Tensor) -> Tensor:
        light = (own**MINKOWSKI).mean(dim=(2, 3), keepdim=True).clamp(min=1e-12) ** (1 / MINKOWSKI)
        return (own * light.square().mean(dim=1, keepdim=True).sqrt() / light).clamp(0, 1)

    return _replaced(images, rows, balanced)


def blur(images: Tensor, share: float, generator: Generator) -> Tensor:
    """Out of focus: Gaussian blur on a `share` of the images."""
    rows = chosen(len(images), share, generator)
    sigma = between(len(rows), *BLUR, generator)
    half = math.ceil(2.5 * BLUR[1])
    place = torch.arange(-half, half + 1)
    kernel = torch.exp(-((place[None] / sigma[:, None]) ** 2) / 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(3, dim=0)[:, None]

    def blurred(own: Tensor) -> Tensor:
        count, channels, height, width = own.shape
        flat = F.pad(own.view(1, -1, height, width), (half,) * 4, mode="reflect")
        weight = kernel.to(own)
        flat = F.conv2d(flat, weight[..., None], groups=count * channels)
        return F.conv2d(flat, weight[..., None, :], groups=count * channels).view_as(own)

    return _replaced(images, rows, blurred)


def compressed(images: Tensor, share: float, generator: Generator) -> Tensor:
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


def between(count: int, low: float, high: float, generator: Generator) -> Tensor:
    """(count,) uniform draws from [low, high)."""
    return torch.rand(count, generator=generator) * (high - low) + low
