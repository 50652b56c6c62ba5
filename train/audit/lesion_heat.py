"""How much of the heat lies on the lesion, and below which limit the page warns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from skin_app.heatmap import HeatLimit, heat_on_lesion
from skin_app.lesion import lesion_mask, standard_square
from skin_app.photo.read import Photo
from train.audit.changed_photos import by_rule
from train.audit.explanations import Case, first_maps
from train.audit.out_of_fold import OutOfFold, crossfit_quantile, random_lesions
from train.explain.maps import CENTRE, EXPLAINING
from train.scores.intervals import Estimate

IMAGES = 1000
FALSE_ALARMS = 0.05


@dataclass(frozen=True)
class LesionHeat:
    """`quantiles`: of the concentration (share of heat / share of area).

    False alarms are crossfit: the limit for each image is fitted on other lesions. `wrong`: decision
    rule -> share of wrong first diagnoses "below" and "above" the limit.
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
    wrong: dict[str, dict[str, Estimate]]


@dataclass(frozen=True)
class HeatByMethod:
    """Share of each method's heat on the lesion, alone and minus that of two simpler maps.

    `area`: share of the square that the lesion covers, which is also the share for a uniform map.
    Images without a lesion mask are excluded and counted.
    """

    without_mask: int
    area: Estimate
    heat: dict[str, Estimate]
    more_than_area: dict[str, Estimate]
    more_than_centre: dict[str, Estimate]


def heat_and_area(maps: np.ndarray, photos: list[Photo]) -> list[list[float]]:
    """For each photo, the share of its map's heat on the lesion (NaN without mask or heat), and the
    mask's share of the square."""
    masks = [lesion_mask(standard_square(photo)) for photo in photos]
    return [[_share(own, mask), float(mask.mean())] for own, mask in zip(maps, masks, strict=True)]


def _share(heat: np.ndarray, mask: np.ndarray) -> float:
    return heat_on_lesion(heat, mask) if mask.any() else float("nan")


def read_heat(unseen: OutOfFold) -> dict[str, Any]:
    """rows, logits, and `heat_and_area` of `IMAGES` out-of-fold images, stored in the work folder."""
    return unseen.kept(
        "heat-on-lesion", lambda: _read_heat(unseen, random_lesions(unseen.lesions, IMAGES, seed=0))
    )


def _read_heat(unseen: OutOfFold, rows: np.ndarray) -> dict[str, Any]:
    found: dict[str, Any] = {"rows": rows.tolist(), "logits": [], "heat_and_area": []}
    for chunk, photos in unseen.chunks(rows):
        logits, maps = first_maps(unseen, chunk, photos)
        found["logits"] += logits.tolist()
        found["heat_and_area"] += heat_and_area(maps, photos)
    return found


def fit_heat_limit(unseen: OutOfFold) -> HeatLimit:
    """The concentration limit; a share `FALSE_ALARMS` of out-of-fold images lies below it."""
    share, area = np.array(read_heat(unseen)["heat_and_area"]).T
    known = ~np.isnan(share)
    return HeatLimit(
        least_concentration=float(np.quantile(share[known] / area[known], FALSE_ALARMS)),
        false_alarm_rate=FALSE_ALARMS,
        fitted_on=f"{known.sum()} out-of-fold HAM10000 images with a lesion mask, one a lesion, 1 "
        f"view, each by {unseen.answered_by}",
    )


def measure(unseen: OutOfFold) -> LesionHeat:
    """Heat on the lesion, false alarms of crossfit limits, and errors below and above the limit."""
    heat = read_heat(unseen)
    share, area = np.array(heat["heat_and_area"]).T
    known = ~np.isnan(share)
    rows, share, area = np.array(heat["rows"])[known], share[known], area[known]
    concentration, small = share / area, area <= np.median(area)
    below = concentration < crossfit_quantile(concentration, unseen.parts[rows], FALSE_ALARMS)
    wrong = {
        rule: probabilities.argmax(axis=1) != unseen.labels[rows]
        for rule, probabilities in by_rule(unseen, np.array(heat["logits"])[known]).items()
    }
    return LesionHeat(
        images=len(known),
        without_mask=int((~known).sum()),
        limit=fit_heat_limit(unseen).model_dump(),
        quantiles={str(q): float(np.quantile(concentration, q)) for q in (0.05, 0.5, 0.95)},
        share=unseen.mean(share, rows),
        area=unseen.mean(area, rows),
        share_follows_area=float(np.corrcoef(rankdata(share), rankdata(area))[0, 1]),
        above_even=unseen.mean(concentration > 1, rows),
        false_alarms=unseen.mean(below, rows),
        false_alarms_small_lesions=unseen.mean(below[small], rows[small]),
        false_alarms_large_lesions=unseen.mean(below[~small], rows[~small]),
        wrong={
            rule: {
                side: unseen.mean(own[where], rows[where])
                for side, where in (("below", below), ("above", ~below))
            }
            for rule, own in wrong.items()
        },
    )


def heat_by_method(unseen: OutOfFold, tested: Sequence[Case]) -> HeatByMethod:
    """Heat of the maps of every method on the lesions in `tested`."""
    rows = np.array([case.row for case in tested])
    masks = [lesion_mask(standard_square(unseen.photo(int(row)))) for row in rows]
    area = np.array([mask.mean() if mask.any() else np.nan for mask in masks])
    heat = {
        name: np.array([_share(case.maps[name], own) for case, own in zip(tested, masks, strict=True)])
        for name in tested[0].maps
    }
    return HeatByMethod(
        without_mask=int(np.isnan(area).sum()),
        area=unseen.mean(area, rows),
        heat={name: unseen.mean(values, rows) for name, values in heat.items()},
        more_than_area={name: unseen.mean(values - area, rows) for name, values in heat.items()},
        more_than_centre={n: unseen.mean(heat[n] - heat[CENTRE], rows) for n in EXPLAINING},
    )
