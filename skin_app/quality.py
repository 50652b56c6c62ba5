"""What is wrong with a photo or its file, and how to get a better one.

Size, blur, exposure, dark corners, framing, colour cast; no network. A photo is measured on the centre
square that the networks see; each measurement has limits that were fitted on HAM10000 at a stated
false-alarm rate and are stored with the weights. A finding
says that few images in HAM10000 look like that, not that the answer is wrong. What is wrong with the
file itself is known without limits (`file_findings`).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy import ndimage

from skin_app.colour import to_lab
from skin_app.lesion import Seen, eroded, see
from skin_app.photo.read import Photo

BLURRING = 9  # pixels of the mean that a photo is compared with, as published
WHITE = 254  # a channel that is stored at or above this value is clipped
LEAST_VIEW = 0.05  # share of the square below which black is taken for darkness, not for a surround
RIM = 3  # pixels beside the edge of the view in which a lesion counts as cut off

Side = Literal["low", "high"]


@dataclass(frozen=True)
class Check:
    """One measurement, the side on which it can be wrong, and the sentence that says what to change."""

    kind: str
    measurement: str
    side: Side
    sentence: str


AGAIN = "and take it again."
UNUSUAL = "than in nearly all images learnt from: set the white balance " + AGAIN
CHECKS = (
    Check(
        "size",
        "shorter side",
        "low",
        "The photo is too small: use the original file of the camera, not a preview or a thumbnail.",
    ),
    Check(
        "blur",
        "sharpness",
        "low",
        "The photo is blurred: hold the dermatoscope still, wait for focus " + AGAIN,
    ),
    Check(
        "exposure",
        "skin lightness",
        "low",
        "The skin is darker than in nearly all images learnt from: if there was little light, expose "
        "longer " + AGAIN,
    ),
    Check(
        "exposure",
        "skin lightness",
        "high",
        "The photo is too bright: expose shorter " + AGAIN,
    ),
    Check(
        "exposure",
        "clipped",
        "high",
        "Colours are lost where the photo is at its brightest: expose shorter or turn the flash down "
        + AGAIN,
    ),
    Check(
        "dark corners",
        "dark corners",
        "high",
        "The dermatoscope's black surround is in the photo: zoom in, or crop to the bright circle.",
    ),
    Check(
        "framing",
        "lesion share",
        "low",
        "The lesion is very small in the photo: go closer, or crop to it with skin on all sides.",
    ),
    Check(
        "framing",
        "cut off",
        "high",
        "The lesion is cut off by the edge: move back until skin shows on all sides " + AGAIN,
    ),
    Check(
        "framing",
        "off centre",
        "high",
        "The lesion is far from the centre: point at its middle " + AGAIN,
    ),
    Check("colour cast", "skin a*", "low", f"The skin looks greener {UNUSUAL}"),
    Check("colour cast", "skin a*", "high", f"The skin looks redder {UNUSUAL}"),
    Check("colour cast", "skin b*", "low", f"The skin looks bluer {UNUSUAL}"),
    Check("colour cast", "skin b*", "high", f"The skin looks yellower {UNUSUAL}"),
)
KINDS = tuple(dict.fromkeys(check.kind for check in CHECKS))
MEASUREMENTS = tuple(dict.fromkeys(check.measurement for check in CHECKS))
# `Photo`'s field -> kind and sentence. Faults of the file, not of its picture: no limit is fitted.
FILE_FAULTS = {
    "damaged": ("damaged file", "Part of this photo is damaged: copy it again from the camera."),
    "unknown_profile": (
        "colour profile",
        "The photo's colour profile is broken, unknown or missing, so its colours may be off: "
        "export it as sRGB and try that.",
    ),
}


@dataclass(frozen=True)
class Finding:
    """`sentence` says what to change; `kind` is one of `KINDS`, or of `FILE_FAULTS`.

    `value`, which was measured on the pixels, is beyond `limit`; both are None for a fault of the file.
    """

    kind: str
    sentence: str
    value: float | None = None
    limit: float | None = None


class QualityLimits(BaseModel):
    """Limits by measurement, stored in `ensemble.json`; a measurement without a limit is not judged.

    `low`, `high`: a value below or above is a finding. `false_alarm_rate`: share of HAM10000's images
    that each limit was set to find. `measured_false_alarms`: share that was found among images of
    other lesions, by kind and for "any" of them. `fitted_on`: what data, in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: dict[str, float]
    high: dict[str, float]
    false_alarm_rate: float = Field(gt=0, lt=0.5)
    measured_false_alarms: dict[str, float]
    fitted_on: str


def findings(photo: Photo, limits: QualityLimits, seen: Seen | None = None) -> tuple[Finding, ...]:
    """What is wrong with the file and, in the order of `CHECKS`, with the photo; empty when nothing is.

    `seen`: what `see` gave of the photo, if it was asked before.
    """
    return file_findings(photo) + judged(measurements(photo, seen), limits)


def file_findings(photo: Photo) -> tuple[Finding, ...]:
    """What is wrong with the photo's file, whatever its pixels show."""
    return tuple(Finding(*fault) for field, fault in FILE_FAULTS.items() if getattr(photo, field))


def judged(values: dict[str, float], limits: QualityLimits) -> tuple[Finding, ...]:
    """The findings of known `measurements`; what could not be measured (NaN) is no finding."""
    found = []
    for check in CHECKS:
        value = values[check.measurement]
        limit = (limits.low if check.side == "low" else limits.high).get(check.measurement)
        if limit is not None and (value < limit if check.side == "low" else value > limit):
            found.append(Finding(check.kind, check.sentence, value, limit))
    return tuple(found)


def measurements(photo: Photo, seen: Seen | None = None) -> dict[str, float]:
    """All of `MEASUREMENTS`, of the centre square at 256 pixels a side.

    `seen`: what `see` gave of the photo, if it was asked before.

    shorter side: pixels of the photo as it came. sharpness: 0 to 1, see `sharpness`. skin lightness,
    skin a*, skin b*: medians outside the lesion (CIE L*a*b*). clipped: share of the view with a
    channel at white. dark corners: share of the square outside the field of view. lesion share: of the
    view. cut off: share of the lesion's outline that lies on the edge of the view. off centre: distance
    of the lesion's middle from the square's, 1 is half a side. The last three are NaN when no lesion
    stands out from the skin, the skin's colour when no skin is seen.
    """
    square, view, mask = seen or see(photo)
    dark = 1 - float(view.mean())
    if view.mean() < LEAST_VIEW:
        view = np.ones_like(view)
    lesion = mask & view
    return {
        "shorter side": float(min(photo.height, photo.width)),
        "sharpness": sharpness(square, view),
        "clipped": float((square[::2, ::2][view[::2, ::2]] >= WHITE).any(axis=-1).mean()),
        "dark corners": dark,
        **_skin_colour(square, view & ~lesion),
        **_framing(lesion, view),
    }


def sharpness(square: np.ndarray, view: np.ndarray) -> float:
    """How much of the change from pixel to pixel is lost by blurring it further, in [0, 1]; 0 is flat.

    In the direction of the lesser loss, so that motion blur counts. Independent of contrast and of
    brightness. `square`: (side, side, 3) uint8; `view`: (side, side) bool, whose rim is left out.
    Crété-Roffet et al., "The blur effect" (2007), whose blur is 1 minus this.
    """
    grey = square.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    inside = view if view.all() else ndimage.binary_erosion(view, iterations=BLURRING, border_value=1)
    return min(_loss(grey, inside), _loss(grey.T, inside.T))


def _loss(grey: np.ndarray, inside: np.ndarray) -> float:
    change = np.abs(np.diff(grey, axis=0))
    left = np.abs(np.diff(ndimage.uniform_filter1d(grey, BLURRING, axis=0), axis=0))
    counted = inside[1:] & inside[:-1]
    total = float(change[counted].sum())
    return float(np.maximum(change - left, 0)[counted].sum()) / total if total > 0 else 0.0


def _skin_colour(square: np.ndarray, skin: np.ndarray) -> dict[str, float]:
    """Medians of every second row and column, which is as good and four times as quick."""
    pixels = square[::2, ::2][skin[::2, ::2]]
    if not len(pixels):
        return dict.fromkeys(("skin lightness", "skin a*", "skin b*"), float("nan"))
    lightness, a, b = np.median(to_lab(pixels), axis=0)
    return {"skin lightness": float(lightness), "skin a*": float(a), "skin b*": float(b)}


def _framing(lesion: np.ndarray, view: np.ndarray) -> dict[str, float]:
    if not lesion.any():
        return dict.fromkeys(("lesion share", "cut off", "off centre"), float("nan"))
    outline = lesion & ~np.asarray(ndimage.binary_erosion(lesion, border_value=0), dtype=bool)
    edge = ~eroded(view, RIM)
    rows, columns = np.nonzero(lesion)
    middle = (len(lesion) - 1) / 2
    distance = np.hypot(rows.mean() - middle, columns.mean() - middle)
    return {
        "lesion share": float(lesion.sum() / view.sum()),
        "cut off": float((outline & edge).sum() / outline.sum()),
        "off centre": float(distance / (len(lesion) / 2)),
    }
