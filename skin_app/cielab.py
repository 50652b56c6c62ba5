"""Perceptual colour: converts sRGB to CIE L*a*b* under the daylight illuminant D65.

IEC 61966-2-1 (sRGB transfer curve and primaries) and CIE 15:2004 (L*a*b*). A dermatoscope's camera is
not calibrated, so the numbers describe the picture, not the skin.
"""

import numpy as np

WHITE_D65 = np.array([0.95047, 1.0, 1.08883])
SRGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_STORED = np.arange(256) / 255
LINEAR = np.where(_STORED <= 0.04045, _STORED / 12.92, ((_STORED + 0.055) / 1.055) ** 2.4)
KNEE = (6 / 29) ** 3


def to_lab(pixels: np.ndarray) -> np.ndarray:
    """L* in [0, 100], a* and b* (about -128 to 127) of sRGB pixels.

    `pixels`: (..., 3) uint8 RGB. Returns (..., 3) float64. Raises `TypeError` for any other type,
    because its value range would be a guess.
    """
    x, y, z = _responses(pixels, (0, 1, 2))
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def lightness(pixels: np.ndarray) -> np.ndarray:
    """L* alone, (...), in a third of the time of `to_lab`; same arguments and errors."""
    (y,) = _responses(pixels, (1,))
    return 116 * y - 16


def lightness_and_yellow(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """L* and b* alone, (...) each, as `to_lab` gives them."""
    y, z = _responses(pixels, (1, 2))
    return 116 * y - 16, 200 * (y - z)


def _responses(pixels: np.ndarray, wanted: tuple[int, ...]) -> list[np.ndarray]:
    """The cube-root responses of CIE 15 for the `wanted` of X, Y, Z (0, 1, 2)."""
    if pixels.dtype != np.uint8:
        raise TypeError(f"Pixels are {pixels.dtype}: pass uint8 sRGB in [0, 255].")
    red, green, blue = (LINEAR[pixels[..., channel]] for channel in range(3))
    parts = [(SRGB_TO_XYZ[k], WHITE_D65[k]) for k in wanted]
    return [_response((row[0] * red + row[1] * green + row[2] * blue) / white) for row, white in parts]


def _response(share: np.ndarray) -> np.ndarray:
    """The cube root of CIE 15, linear near black; `share`: tristimulus value relative to white."""
    return np.where(share > KNEE, np.cbrt(share), share / (3 * (6 / 29) ** 2) + 4 / 29)
