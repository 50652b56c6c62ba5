"""How much of the heat lies on the lesion, and below which limit the page warns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from skin_app.lesion import HeatLimit, heat_on_lesion, lesion_mask, standard_square
from skin_app.photo.read import Photo
from train.audit.changed_photos import by_rule, chunks
from train.audit.out_of_fold import OutOfFold, random_lesions
from train.scores.crossfit import held_out
from train.scores.estimate import Estimate, mean_estimate

IMAGES = 1000
FALSE_ALARMS = 0.05


@dataclass(frozen=True)
class Errors:
    """Shares of wrong first diagnoses below and above the limit."""

    below: Estimate
    above: Estimate


@dataclass(frozen=True)
class HeatOnLesion:
    """`quantiles`: of the concentration (share of heat / share of area); `wrong`: by decision rule.

    False alarms are crossfit: the limit for each image is fitted on other lesions.
    """

    images: int
    without_mask: int
    limit: dict[str, Any]
    quantiles: dict[str, float]
    share: Estimate
    area: Estimate
    share_follows_area: float
    above_even: Estimate
    false_alarms: Estimate
    false_alarms_small_lesions: Estimate
    false_alarms_large_lesions: Estimate
    wrong: dict[str, Errors]


def first_maps(
    unseen: OutOfFold, rows: np.ndarray, photos: list[Photo]
) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n, 7) and the positive map (n, rows, columns) of each photo's own first diagnosis."""
    logits = unseen.read_logits(rows, photos)
    return logits, unseen.explain(rows, photos, unseen.calibrated(logits, 1))


def shares_on_lesion(maps: np.ndarray, photos: list[Photo]) -> list[tuple[float | None, float]]:
    """Share of each map's heat on the lesion (None without mask or heat), and the mask's area share."""
    found: list[tuple[float | None, float]] = []
    for own, photo in zip(maps, photos, strict=True):
        mask = lesion_mask(standard_square(photo))
        found.append((share_inside(own, mask) if mask.any() else None, float(mask.mean())))
    return found


def share_inside(heat: np.ndarray, mask: np.ndarray) -> float | None:
    """Share of the heat inside `mask`; None if the map is blank."""
    share = heat_on_lesion(heat, mask)
    return None if np.isnan(share) else share


def read_heat(unseen: OutOfFold) -> dict[str, Any]:
    """rows, logits, share and area of `IMAGES` out-of-fold images, stored in the unseen's folder."""
    return unseen.kept(
        "heat-on-lesion", lambda: _read_heat(unseen, random_lesions(unseen.lesions, IMAGES, seed=0))
    )


def _read_heat(unseen: OutOfFold, rows: np.ndarray) -> dict[str, Any]:
    found: dict[str, Any] = {"rows": rows.tolist(), "logits": [], "share": [], "area": []}
    for chunk, photos in chunks(unseen, rows):
        logits, maps = first_maps(unseen, chunk, photos)
        found["logits"] += logits.tolist()
        for share, area in shares_on_lesion(maps, photos):
            found["share"].append(share)
            found["area"].append(area)
    return found


def fit_heat_limit(unseen: OutOfFold) -> HeatLimit:
    """The concentration limit; a share `FALSE_ALARMS` of out-of-fold images lies below it."""
    share, area, _ = _with_mask(read_heat(unseen))
    return HeatLimit(
        least_concentration=_limit(share / area),
        false_alarm_rate=FALSE_ALARMS,
        fitted_on=f"{len(share)} out-of-fold HAM10000 images with a lesion mask, one a lesion, 1 "
        f"view, each by {unseen.answered_by}",
    )


def _with_mask(heat: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares and areas of the images that have both mask and heat, and which they are, (images,)."""
    known = np.array([share is not None for share in heat["share"]])
    share = np.array([share for share in heat["share"] if share is not None])
    return share, np.array(heat["area"])[known], known


def _limit(concentrations: np.ndarray) -> float:
    return float(np.quantile(concentrations, FALSE_ALARMS))


def measure(unseen: OutOfFold) -> HeatOnLesion:
    """Heat on the lesion, false alarms of crossfit limits, and errors below and above the limit."""
    heat = read_heat(unseen)
    share, area, known = _with_mask(heat)
    concentration = share / area
    rows = np.array(heat["rows"])[known]
    lesions = unseen.lesions[rows]
    below = np.zeros(len(rows), dtype=bool)
    for fit, apply in held_out(unseen.parts[rows]):
        below[apply] = concentration[apply] < _limit(concentration[fit])
    small = area <= np.median(area)
    wrong = {
        rule: probabilities.argmax(axis=1) != unseen.labels[rows]
        for rule, probabilities in by_rule(unseen, np.array(heat["logits"])[known]).items()
    }
    return HeatOnLesion(
        images=len(heat["rows"]),
        without_mask=int((~known).sum()),
        limit=fit_heat_limit(unseen).model_dump(),
        quantiles={str(q): float(np.quantile(concentration, q)) for q in (0.05, 0.5, 0.95)},
        share=mean_estimate(share, lesions),
        area=mean_estimate(area, lesions),
        share_follows_area=float(np.corrcoef(rankdata(share), rankdata(area))[0, 1]),
        above_even=mean_estimate(concentration > 1, lesions),
        false_alarms=mean_estimate(below, lesions),
        false_alarms_small_lesions=mean_estimate(below[small], lesions[small]),
        false_alarms_large_lesions=mean_estimate(below[~small], lesions[~small]),
        wrong={
            rule: Errors(
                mean_estimate(own[below], lesions[below]), mean_estimate(own[~below], lesions[~below])
            )
            for rule, own in wrong.items()
        },
    )
