"""The square that the networks see, its eight symmetric views, and the inverse for maps.

A dermatoscopic image has no up or down, so its four rotations, each plain and mirrored, show the
same lesion. Averaging over these views is the test-time augmentation (TTA).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

VIEWS = 8


def square_in(height: int, width: int) -> tuple[int, int, int]:
    """Left, top and side, in pixels, of the largest centred square: all that the networks see."""
    side = min(height, width)
    return (width - side) // 2, (height - side) // 2, side


def centre_square(image: Tensor, size: int) -> Tensor:
    """The largest centred square of `image`, resized.

    `image`: (3, height, width) uint8. Returns (3, size, size) float32 in [0, 1]; bilinear with
    antialiasing. The aspect ratio is kept; pixels outside the square are dropped.
    """
    left, top, side = square_in(*image.shape[1:])
    square = image[:, top : top + side, left : left + side].float().div(255)
    resized = F.interpolate(
        square[None], (size, size), mode="bilinear", antialias=True, align_corners=False
    )
    # The pixels arrive channels-last, which makes the first convolution of a Swin three times slower.
    return resized[0].clamp(0, 1).contiguous()


def turn(images: Tensor, view: int) -> Tensor:
    """View number `view` (0 to 7) of square `images` (..., size, size); view 0 is the image."""
    turned = torch.rot90(images, view % 4, dims=(-2, -1))
    return turned.flip(-1) if view >= 4 else turned


def turn_back(maps: Tensor, view: int) -> Tensor:
    """Undo `turn`: `turn_back(turn(x, v), v)` is x."""
    unmirrored = maps.flip(-1) if view >= 4 else maps
    return torch.rot90(unmirrored, -(view % 4), dims=(-2, -1))


def all_views(images: Tensor, count: int = VIEWS) -> Tensor:
    """The first `count` views of (batch, 3, size, size) as (batch, count, 3, size, size)."""
    return torch.stack([turn(images, view) for view in range(count)], dim=1)


def photo_views(image: Tensor, size: int, views: Sequence[int]) -> Tensor:
    """The `views` of a photo as network input, (views, 3, size, size) in [0, 1].

    `image`: (3, height, width) uint8.
    """
    square = centre_square(image, size)
    return torch.stack([turn(square, view) for view in views])


def views_by_size(sizes: Sequence[int], count: int) -> dict[int, list[int]]:
    """Size in pixels -> which of the first `count` views have it: view k has `sizes[k % len(sizes)]`.

    The first key is the size of view 0.
    """
    found: dict[int, list[int]] = {}
    for view in range(count):
        found.setdefault(sizes[view % len(sizes)], []).append(view)
    return found
