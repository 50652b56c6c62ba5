"""Optional corrections of a photo: light, colour, field of view.

The four that Mishra et al. (CVPR Workshops 2019) use on photos of skin. The networks were trained on
uncorrected images, so a correction can make answers worse; `docs/trust.md` says where. None is
applied unless the user asks for it. Every function takes a `Photo`, leaves it unchanged and returns a
new one, which keeps the recorded faults of the file.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

from skin_app.lesion import SIDE, field_of_view, lesion_mask, standard_square
from skin_app.photo.read import Photo
from skin_app.views import square_in

GAMMA = 1.35  # the middle of the published 1.2 to 1.5
MINKOWSKI = 6  # Finlayson & Trezzi's best
GRID = 64  # cells per side on which the illumination is fitted; no photo has fewer pixels
DARKER = 0.88  # of the fitted light: a darker cell is lesion or hair, not shaded skin
ROUNDS = 8
STIFFNESS = 0.01  # ridge on all terms but the mean: with little skin, the surface stays flat
LEAST_SKIN = 0.15  # of the photo
LEAST, MOST = 0.45, 1.6  # of the mean light: a fit beyond these is not trusted
SURROUND = 0.01  # least share of the square that must be black before it is cropped
SMALLEST = 0.4  # of the square's side: a smaller crop is not trusted


def gamma(photo: Photo, exponent: float = GAMMA) -> Photo:
    """Brighten the mid-tones: 255 * (value / 255) ** (1 / `exponent`), by channel.

    An exponent above 1 brightens, below 1 darkens, 1 changes nothing; black and white stay the same.
    Raises `ValueError` unless `exponent` is above 0.
    """
    if exponent <= 0:
        raise ValueError(f"The gamma is {exponent}: choose one above 0 (1.2 to 1.5 is usual).")
    table = 255 * (np.arange(256) / 255) ** (1 / exponent)
    return replace(photo, pixels=_stored(table)[photo.pixels])


def even_illumination(photo: Photo) -> Photo:
    """Divide out a smooth illumination: a quadratic surface through the brightness of the skin.

    Brightness is V of HSV, the largest channel. The logarithm of V is fitted by least squares over the
    field of view without the lesion; cells clearly darker than the fit (hair, a lesion that was missed)
    are left out and the surface is fitted again. Each pixel is divided by the ratio of the fitted light
    to its mean, limited to `LEAST` to `MOST`. Unchanged where too little skin is visible. After
    Cavalcanti, Scharcanski & Lopes, "Shading attenuation in human skin color images" (2010).
    """
    small = _grid(photo)
    view = ndimage.binary_erosion(field_of_view(small), iterations=1, border_value=1)
    lesion = np.asarray(ndimage.binary_dilation(lesion_mask(small), iterations=2), dtype=bool)
    light = _fitted_light(np.log(np.maximum(small.max(axis=-1), 1) / 255), view, view & ~lesion)
    if light is None:
        return replace(photo, pixels=photo.pixels.copy())
    gain = torch.from_numpy(np.exp(-light)).float()[None, None]
    size = (photo.height, photo.width)
    smooth = F.interpolate(gain, size, mode="bilinear", align_corners=False)[0, 0].numpy()
    return replace(photo, pixels=_stored(photo.pixels * smooth[..., None]))


def colour_constancy(photo: Photo, norm: int = MINKOWSKI) -> Photo:
    """Shades of gray: scale the channels so that their Minkowski means are equal.

    The light's colour is, for each channel, the mean of value ** `norm` to the power 1 / `norm`. Each
    channel is divided by its own such mean and multiplied by the root mean square of the three.
    Finlayson & Trezzi, "Shades of gray and colour constancy" (2004), on the stored sRGB values as usual
    for skin images (Barata et al. 2015). A black photo is unchanged.
    """
    counts = np.stack([np.bincount(photo.pixels[..., c].ravel(), minlength=256) for c in range(3)])
    powers = (np.arange(256) / 255) ** norm
    light = (counts @ powers / counts.sum(axis=1)) ** (1 / norm)
    if light.min() <= 0:
        return replace(photo, pixels=photo.pixels.copy())
    gain = np.sqrt(np.mean(light**2)) / light
    tables = _stored(np.arange(256)[:, None] * gain)
    channels = [tables[photo.pixels[..., c], c] for c in range(3)]
    return replace(photo, pixels=np.stack(channels, axis=-1))


def crop_to_view(photo: Photo) -> Photo:
    """Crop to the largest square inside the bright circle of the centre square, if there is one."""
    found = view_square(photo)
    if found is None:
        return replace(photo, pixels=photo.pixels.copy())
    left, top, side = found
    return replace(photo, pixels=photo.pixels[top : top + side, left : left + side].copy())


def view_square(photo: Photo) -> tuple[int, int, int] | None:
    """Left, top and side, in pixels, of what `crop_to_view` keeps; None where it crops nothing.

    It crops nothing when less than `SURROUND` of the square that the networks see is black surround.
    It also crops nothing when less than `SMALLEST` of the side would be left, because the bright area
    is then not a dermatoscope's circle.
    """
    view = field_of_view(standard_square(photo))
    if view.mean() > 1 - SURROUND:
        return None
    top, left, side = _largest_square(view)
    if side < SMALLEST * SIDE:
        return None
    square_left, square_top, whole = square_in(photo.height, photo.width)
    first_row = square_top + round(top * whole / SIDE)
    first_column = square_left + round(left * whole / SIDE)
    length = min(round(side * whole / SIDE), photo.height - first_row, photo.width - first_column)
    return first_column, first_row, length


CORRECTIONS: dict[str, Callable[[Photo], Photo]] = {
    "gamma": gamma,
    "illumination": even_illumination,
    "colour constancy": colour_constancy,
    "field of view": crop_to_view,
}


def _stored(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def _grid(photo: Photo) -> np.ndarray:
    """(GRID, GRID, 3) uint8: the whole photo, of any shape, averaged in cells."""
    rows = [band.mean(axis=0, dtype=np.float32) for band in np.array_split(photo.pixels, GRID)]
    cells = [band.mean(axis=1) for band in np.array_split(np.stack(rows), GRID, axis=1)]
    return _stored(np.stack(cells, axis=1))


def _fitted_light(values: np.ndarray, view: np.ndarray, skin: np.ndarray) -> np.ndarray | None:
    """Log of light / mean light in the view, (GRID, GRID); None where too little skin is visible."""
    y, x = (np.indices(values.shape) + 0.5) / GRID * 2 - 1
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    ridge = STIFFNESS * np.diag([0, 1, 1, 1, 1, 1])
    used, fit = skin, np.zeros_like(values)
    for _ in range(ROUNDS):
        if used.sum() < LEAST_SKIN * used.size:
            return None
        seen = terms[used]
        factors = np.linalg.solve(seen.T @ seen / len(seen) + ridge, seen.T @ values[used] / len(seen))
        fit = terms @ factors
        used = skin & (values > fit + np.log(DARKER))
    mean = np.log(np.exp(fit[view]).mean())
    return np.clip(fit - mean, np.log(LEAST), np.log(MOST))


def _largest_square(view: np.ndarray) -> tuple[int, int, int]:
    """Top, left and side of the largest square that is all True; the most central one of several."""
    padded = np.asarray(ndimage.distance_transform_cdt(np.pad(view, 1), "chessboard"))
    reach = padded[1:-1, 1:-1]
    candidates = np.argwhere(reach == reach.max())
    centre = np.argwhere(view).mean(axis=0) if view.any() else np.zeros(2)
    row, column = candidates[((candidates - centre) ** 2).sum(axis=1).argmin()]
    radius = int(reach.max())
    return int(row) - radius + 1, int(column) - radius + 1, 2 * radius - 1
