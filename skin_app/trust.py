"""How far an answer can be trusted: the limits stored in the weights, applied to a photo."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel

from skin_app.context import ContextModel
from skin_app.diagnoses import CODES
from skin_app.heatmap import HeatLimit, heat_on_lesion
from skin_app.lesion import see
from skin_app.novelty import Novelty, NoveltyLimits
from skin_app.operating_points import DecisionLimits
from skin_app.outcome import SUSPICIOUS_FROM, Decision, agreement, decide
from skin_app.photo.read import Photo
from skin_app.quality import Finding, QualityLimits, findings
from skin_app.skin_tone import ToneBands, tone_band, typology_angle

# The measured results; `skin_app.words.evidence.MEASURED` puts each into words.
Measured = Literal[
    "ppv_of_suspicious",
    "npv_of_not_suspicious",
    "melanomas_not_suspicious",
    "malignant_suspicious",
    "melanoma_sensitivity_under_40",
    "uncertain",
    "context_specificity_gain",
    "context_melanomas_not_suspicious",
    "set_coverage",
    "set_size",
    "refused_dermatoscopic",
    "refused_ordinary",
    "refused_clinical",
    "with_quality_finding",
    "heat_on_lesion",
    "lesion_area",
    "changed_by_dark_hair",
    "changed_by_dark_corners",
    "changed_by_mirroring",
    "map_above_centre",
]


class StoredEstimate(BaseModel, extra="forbid", frozen=True):
    """A measured share (in [0, 1]) or number, its 95 % interval, and how many images it rests on."""

    value: float
    interval_95: tuple[float, float]
    images: int
    is_share: bool = True


class Trust(BaseModel, extra="forbid", frozen=True):
    """The limits that `python -m train audit` fitted, stored in `ensemble.json`.

    `measured`: the main results of `docs/trust.json`, with limits that were fitted on other lesions.
    `context`: the model of the patient's age and sex, None where the training data state no ages.
    """

    decisions: DecisionLimits
    novelty: NoveltyLimits
    quality: QualityLimits
    heat: HeatLimit
    tone: ToneBands
    measured: dict[Measured, StoredEstimate]
    context: ContextModel | None = None

    @property
    def maps_are_weak(self) -> bool | None:
        """True when the audit did not show that maps beat a central spot; None when not measured."""
        estimate = self.measured.get("map_above_centre")
        return None if estimate is None else estimate.interval_95[0] <= 0


@dataclass(frozen=True, eq=False)
class Look:
    """What is measured on a photo without any network.

    `mask`: (side, side) bool, the lesion on the centre square, all False where none stands out;
    `findings`: faults of the photo; `tone`: band of the skin around the lesion, None where too
    little skin is visible, or it is grey or bluish; `tone_angle`: its ITA in degrees; `damaged`: as in
    `photo.read.Photo`.
    """

    mask: np.ndarray
    findings: tuple[Finding, ...]
    tone_angle: float | None
    damaged: bool = False

    @property
    def lesion_area(self) -> float:
        """Share of the square that the mask covers, in [0, 1]."""
        return float(self.mask.mean())

    @property
    def tone(self) -> str | None:
        return None if self.tone_angle is None else tone_band(self.tone_angle)


@dataclass(frozen=True, eq=False)
class Assessment:
    """How far to trust one answer.

    `heat_on_lesion`: (7,) share of each class's map that lies on the lesion, NaN where there is no map
    or it is all zero. None where no lesion stands out, and in an answer without maps.
    `heat_is_outside`: whether this share, for the most probable diagnosis, is too small for the
    lesion's size; None where it was not measured. `tone_is_rare`: whether the training data have too
    few lesions in the skin's band.
    """

    decision: Decision
    novelty: Novelty
    look: Look
    heat_on_lesion: np.ndarray | None
    heat_is_outside: bool | None
    tone_is_rare: bool


def look_at(photo: Photo, trust: Trust) -> Look:
    """Measure quality, lesion and skin of a photo, with the limits of `trust`."""
    seen = see(photo)
    angle = typology_angle(seen.square, seen.mask, seen.view)
    return Look(seen.mask, findings(photo, trust.quality, seen), angle, photo.damaged)


def assess(
    probabilities: np.ndarray,
    readings: np.ndarray,
    maps: Mapping[str, np.ndarray] | None,
    views: int,
    novelty: Novelty,
    look: Look,
    trust: Trust,
) -> Assessment:
    """Assess one answer from all its parts.

    `probabilities`: (7,) calibrated; `readings`: (members x views, 7) calibrated, of each member's
    answer to each view; `maps`: as in `Analysis`. Raises `ValueError` when no limits were fitted for
    `views`.
    """
    decisions, novel = trust.decisions, novelty.is_novel
    threshold = decisions.of(views).point_of(SUSPICIOUS_FROM).threshold
    shared = float(agreement(probabilities, readings, threshold))
    shares = None
    if maps is not None and look.mask.any():
        shares = np.array([heat_on_lesion(maps[c], look.mask) if c in maps else np.nan for c in CODES])
    first = np.nan if shares is None else float(shares[int(probabilities.argmax())])
    return Assessment(
        decision=decide(probabilities, shared, decisions, views, novel, look.damaged),
        novelty=novelty,
        look=look,
        heat_on_lesion=shares,
        heat_is_outside=None if np.isnan(first) else trust.heat.warns(first, look.lesion_area),
        tone_is_rare=look.tone is not None and trust.tone.scarce(look.tone),
    )
