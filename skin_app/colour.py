"""Colour as the eye orders it: sRGB to CIE L*a*b* under the daylight illuminant D65.

IEC 61966-2-1 (sRGB transfer curve and primaries) and CIE 15:2004 (L*a*b*). A dermatoscope's camera is
not calibrated, so the numbers are those of the picture, not of the skin.
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
    whose range would have to be guessed.
    """
    if pixels.dtype != np.uint8:
        raise TypeError(f"Pixels are {pixels.dtype}: pass uint8 sRGB in [0, 255].")
    red, green, blue = (LINEAR[pixels[..., channel]] for channel in range(3))
    x, y, z = (
        _response((row[0] * red + row[1] * green + row[2] * blue) / white)
        for row, white in zip(SRGB_TO_XYZ, WHITE_D65, strict=True)
    )
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _response(share: np.ndarray) -> np.ndarray:
    """The cube root of CIE 15, straight near black; `share` of the white's tristimulus value."""
    return np.where(share > KNEE, np.cbrt(share), share / (3 * (6 / 29) ** 2) + 4 / 29)
