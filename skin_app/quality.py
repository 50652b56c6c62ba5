"""Faults of a photo or its file, and how to take a better photo.

Measures size, blur, exposure, dark corners, framing and colour cast, without a network, on the centre
square that the networks see. Each measurement has limits that were fitted on HAM10000 at a stated
false-alarm rate and are stored with the weights. A finding means that few images in HAM10000 look like
this, not that the answer is wrong. Faults of the file itself need no limits (`file_findings`).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field
from scipy import ndimage

from skin_app.cielab import to_lab
from skin_app.lesion import Seen, eroded, pixels_at, see
from skin_app.photo.read import Photo

BLURRING = 9  # length in pixels of the mean filter, as published
WHITE = 254  # a channel at or above this stored value is clipped
LEAST_VIEW = 0.05  # share of the square: with a smaller view, black is darkness, not a surround
RIM = 3  # pixels: a lesion this close to the edge of the view counts as cut off

Side = Literal["low", "high"]
# Possible faults of a photo or its file; `skin_app.words.photo.ADVICE` says what to do about each.
Fault = Literal[
    "small",
    "blurred",
    "dark",
    "bright",
    "clipped",
    "dark_corners",
    "small_lesion",
    "cut_off",
    "off_centre",
    "greenish",
    "reddish",
    "bluish",
    "yellowish",
    "damaged_file",
    "unknown_profile",
]


@dataclass(frozen=True)
class Check:
    """Reports `fault` when `measurement` exceeds its limit on one side; `name` groups faults."""

    name: str
    measurement: str
    side: Side
    fault: Fault


CHECKS = (
    Check("size", "shorter side", "low", "small"),
    Check("blur", "sharpness", "low", "blurred"),
    Check("exposure", "skin lightness", "low", "dark"),
    Check("exposure", "skin lightness", "high", "bright"),
    Check("exposure", "clipped", "high", "clipped"),
    Check("dark corners", "dark corners", "high", "dark_corners"),
    Check("framing", "lesion share", "low", "small_lesion"),
    Check("framing", "cut off", "high", "cut_off"),
    Check("framing", "off centre", "high", "off_centre"),
    Check("colour cast", "skin a*", "low", "greenish"),
    Check("colour cast", "skin a*", "high", "reddish"),
    Check("colour cast", "skin b*", "low", "bluish"),
    Check("colour cast", "skin b*", "high", "yellowish"),
)
NAMES = tuple(dict.fromkeys(check.name for check in CHECKS))
MEASUREMENTS = tuple(dict.fromkeys(check.measurement for check in CHECKS))


@dataclass(frozen=True)
class Finding:
    """A fault that was found. `name`: one of `NAMES`, or a fault of the file.

    `value`: measured on the pixels, beyond `limit`; both are None for a fault of the file.
    """

    name: str
    fault: Fault
    value: float | None = None
    limit: float | None = None


# Field of `Photo` -> its finding. These are faults of the file, so no limit is fitted.
FILE_FINDINGS = {
    "damaged": Finding("damaged file", "damaged_file"),
    "unknown_profile": Finding("colour profile", "unknown_profile"),
}


class QualityLimits(BaseModel, extra="forbid", frozen=True):
    """Limits by measurement, stored in `ensemble.json`; a measurement without limits gives no finding.

    `low`, `high`: a value below `low` or above `high` is a finding. `false_alarm_rate`: share of
    HAM10000's images that each limit was set to flag. `measured_false_alarms`: share of images of other
    lesions that was flagged, by name and for "any" finding. `fitted_on`: the data, in words.
    """

    low: dict[str, float]
    high: dict[str, float]
    false_alarm_rate: float = Field(gt=0, lt=0.5)
    measured_false_alarms: dict[str, float]
    fitted_on: str


def findings(photo: Photo, limits: QualityLimits, seen: Seen | None = None) -> tuple[Finding, ...]:
    """Faults of the file and then, in the order of `CHECKS`, of the photo; empty when there are none.

    `seen`: the result of `see` for the photo, if it was called before.
    """
    return file_findings(photo) + judged(measurements(photo, seen), limits)


def file_findings(photo: Photo) -> tuple[Finding, ...]:
    """Faults of the photo's file, independent of what its pixels show."""
    return tuple(finding for field, finding in FILE_FINDINGS.items() if getattr(photo, field))


def judged(values: dict[str, float], limits: QualityLimits) -> tuple[Finding, ...]:
    """The findings for known `measurements`; a value that could not be measured (NaN) gives none."""
    found = []
    for check in CHECKS:
        value = values[check.measurement]
        limit = (limits.low if check.side == "low" else limits.high).get(check.measurement)
        if limit is not None and (value < limit if check.side == "low" else value > limit):
            found.append(Finding(check.name, check.fault, value, limit))
    return tuple(found)


def measurements(photo: Photo, seen: Seen | None = None) -> dict[str, float]:
    """All `MEASUREMENTS` of the centre square, at 256 pixels a side.

    `seen`: the result of `see` for the photo, if it was called before.

    shorter side: in pixels, of the original photo. sharpness: 0 to 1, see `sharpness`. skin lightness,
    skin a*, skin b*: medians outside the lesion (CIE L*a*b*). clipped: share of the view in which a
    channel is clipped. dark corners: share of the square outside the field of view. lesion share: of
    the view. cut off: share of the lesion's outline that lies on the edge of the view. off centre:
    distance of the lesion's middle from the square's; 1 is half a side. The last three are NaN when no
    lesion stands out from the skin; the skin's colour is NaN when no skin is visible.
    """
    square, view, mask = seen or see(photo)
    dark = 1 - float(view.mean())
    if view.mean() < LEAST_VIEW:
        view = np.ones_like(view)
    lesion = mask & view
    return {
        "shorter side": float(min(photo.height, photo.width)),
        "sharpness": sharpness(square, view),
        "clipped": float((square[::2, ::2].max(axis=-1)[view[::2, ::2]] >= WHITE).mean()),
        "dark corners": dark,
        **_skin_colour(square, view & ~lesion),
        **_framing(lesion, view),
    }


def sharpness(square: np.ndarray, view: np.ndarray) -> float:
    """Share in [0, 1] of the change from pixel to pixel that further blurring removes; 0 is flat.

    The smaller of the losses in the two directions, so that motion blur counts. Independent of contrast
    and brightness. `square`: (side, side, 3) uint8; `view`: (side, side) bool, whose rim is left out.
    Crété-Roffet et al., "The blur effect" (2007), whose blur is 1 minus this.
    """
    grey = square.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    inside = view if view.all() else eroded(view, BLURRING, beyond=True)
    return min(_loss(grey, inside), _loss(grey.T, inside.T))


def _loss(grey: np.ndarray, inside: np.ndarray) -> float:
    change = np.abs(np.diff(grey, axis=0))
    left = np.abs(np.diff(ndimage.uniform_filter1d(grey, BLURRING, axis=0), axis=0))
    counted = inside[1:] & inside[:-1]
    total = float(change[counted].sum())
    return float(np.maximum(change - left, 0)[counted].sum()) / total if total > 0 else 0.0


def _skin_colour(square: np.ndarray, skin: np.ndarray) -> dict[str, float]:
    """Medians over every second row and column: as accurate, and four times as fast."""
    pixels = pixels_at(square[::2, ::2], skin[::2, ::2])
    if not len(pixels):
        return dict.fromkeys(("skin lightness", "skin a*", "skin b*"), float("nan"))
    lightness, a, b = np.median(to_lab(pixels), axis=0)
    return {"skin lightness": float(lightness), "skin a*": float(a), "skin b*": float(b)}


def _framing(lesion: np.ndarray, view: np.ndarray) -> dict[str, float]:
    if not lesion.any():
        return dict.fromkeys(("lesion share", "cut off", "off centre"), float("nan"))
    outline = lesion & ~eroded(lesion)
    edge = ~eroded(view, RIM)
    rows, columns = np.nonzero(lesion)
    middle = (len(lesion) - 1) / 2
    distance = np.hypot(rows.mean() - middle, columns.mean() - middle)
    return {
        "lesion share": float(lesion.sum() / view.sum()),
        "cut off": float((outline & edge).sum() / outline.sum()),
        "off centre": float(distance / (len(lesion) / 2)),
    }
