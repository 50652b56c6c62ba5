"""Skin tone around the lesion, as the individual typology angle, and how much data there was for it.

ITA = arctan((L* - 50) / b*) in degrees (Chardon et al. 1991), in the bands of Del Bino & Bernerd
(British Journal of Dermatology, 2013). It was made for a colorimeter on clean skin. In a photo it
also depends on lighting, polarisation, contact gel and the camera's white balance, all unknown here,
and redness lowers it. So the band describes the picture and says little about the person.
"""

import numpy as np
from pydantic import BaseModel, Field
from scipy import ndimage

from skin_app.cielab import lightness_and_yellow
from skin_app.lesion import pixels_at

# Smallest angle of each band, in degrees, lightest skin first.
BANDS = (("very light", 55.0), ("light", 41.0), ("intermediate", 28.0), ("tan", 10.0), ("brown", -30.0))
DARKEST = "dark"
TONES = (*(name for name, _ in BANDS), DARKEST)
MARGIN = 0.05  # of the side: skin begins this far from the mask
LEAST_SKIN = 0.05  # share of the square that must be skin
LEAST_YELLOW = 1.0  # b*: in a nearly grey picture, rounding would decide the angle
TYPICAL = 10.0  # L*: pixels further from the skin's median are hairs, shadows or specular spots


class ToneBands(BaseModel, extra="forbid", frozen=True):
    """How much training data lies in each band; stored in `ensemble.json`.

    `images`, `lesions`: counts by band; `unknown`: images without an angle. `least_lesions`: a band
    with fewer lesions has too little data. `fitted_on`: the data, in words.
    """

    images: dict[str, int]
    lesions: dict[str, int]
    unknown: int = Field(ge=0)
    least_lesions: int = Field(gt=0)
    fitted_on: str

    def scarce(self, band: str) -> bool:
        """True when the training data has too few lesions in `band`. Raises `ValueError` if unknown."""
        if band not in TONES:
            raise ValueError(f"{band!r} is no tone band: it is one of {', '.join(TONES)}.")
        return self.lesions.get(band, 0) < self.least_lesions


def skin_colour(square: np.ndarray, mask: np.ndarray, view: np.ndarray) -> tuple[float, float] | None:
    """Median L* and b* of the skin around the lesion; None when too little of it is visible.

    `square`: (side, side, 3) RGB uint8; `mask`: (side, side) bool, the lesion; `view`: (side, side)
    bool, the field of view. A margin around the lesion, and pixels far from the skin's median L*, are
    left out.
    """
    skin = view & _away_from(mask, MARGIN * len(square))
    light, yellow = lightness_and_yellow(pixels_at(square, skin))
    if len(light) < LEAST_SKIN * view.size:
        return None
    typical = np.abs(light - np.median(light)) <= TYPICAL
    return float(np.median(light[typical])), float(np.median(yellow[typical]))


def _away_from(mask: np.ndarray, distance: float) -> np.ndarray:
    """True more than `distance` pixels from the mask; searched only in the rectangle around it."""
    away = np.ones_like(mask)
    if mask.any():
        reach = int(distance) + 1
        near = tuple(
            slice(max(own[0] - reach, 0), own[-1] + reach + 1)
            for own in (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        )
        away[near] = np.asarray(ndimage.distance_transform_edt(~mask[near])) > distance
    return away


def typology_angle(square: np.ndarray, mask: np.ndarray, view: np.ndarray) -> float | None:
    """Individual typology angle in degrees, in (-90, 90), of the skin around the lesion.

    Arguments as for `skin_colour`. None when too little skin is visible. Also None when that "skin" is
    grey or bluish (b* below 1): no skin is, so the white balance is off and the angle is meaningless.
    """
    colour = skin_colour(square, mask, view)
    return None if colour is None else angle_of(*colour)


def angle_of(lightness: float, yellow: float) -> float | None:
    """arctan((L* - 50) / b*) in degrees; None where b* is below `LEAST_YELLOW`."""
    if yellow < LEAST_YELLOW:
        return None
    return float(np.degrees(np.arctan((lightness - 50) / yellow)))


def tone_band(angle: float) -> str:
    """The band of an angle in degrees: one of `TONES`."""
    return next((name for name, least in BANDS if angle > least), DARKEST)
