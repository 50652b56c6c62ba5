"""Explanations tested: do they follow the weights, find what the answer hangs on, and hold still?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from skin_app.lesion import heat_on_lesion, lesion_mask, standard_square
from train.audit.bench import Bench, measured_mean
from train.audit.deletion import BLUR, STEPS, area, like
from train.audit.explained import Case, cases, curves_of, mean_likeness, steadiness
from train.audit.randomisation import MEASURES, after_randomising
from train.explain.maps import CENTRE, EXPLAINING, OURS, RANDOM

IMAGES, RANDOMISED, SEEDS = 70, 42, (0, 1)
# The form of our map was chosen, among a dozen, by the curves of so many images: those are not scored.
CHOSEN_ON = 28
CHANGED = 0.5  # rank correlation below which a map counts as changed
CONTROLS = (RANDOM, CENTRE)
SCORES = ("deletion", "insertion", "insertion less deletion")
STEADY = ("view and mean", "two views", "two members", "another image")


def measure(bench: Bench, images: int = IMAGES, randomised: int = RANDOMISED) -> dict[str, Any]:
    """All tests of the explanations, on `images` images, `randomised` of them with new weights too.

    The two slow parts, thousands of forward passes each, are kept in the bench's folder.
    """
    rows = bench.sample(images)
    tested = cases(bench, rows)
    lesions = bench.lesions[rows]
    some = np.sort(np.random.default_rng(0).permutation(len(rows))[:randomised])
    curves = bench.kept(
        f"curves-{STEPS}-{images}", lambda: {"curves": [curves_of(bench, case) for case in tested]}
    )
    drawn = bench.kept(
        f"randomised-{len(SEEDS)}-{images}-{randomised}",
        lambda: after_randomising(
            bench.members,
            [tested[place] for place in some],
            SEEDS,
            lambda logits: bench.calibrated(logits, 1),
        ),
    )
    labels = np.array([case.label for case in tested])
    return {
        "images": len(rows),
        "right": int((bench.labels[rows] == labels).sum()),
        "kinds": bench.runs,
        "places": list(tested[0].maps[OURS].shape),
        "blank": int(sum(np.ptp(case.maps[OURS]) == 0 for case in tested)),
        "same_as_ours": _same_as_ours(tested),
        "randomisation": randomisation_scores(drawn, lesions[some]),
        "curves": untouched_scores(bench, rows, curves["curves"]),
        "lesion": lesion_scores(bench, tested, lesions),
        "steadiness": _steadiness(bench, tested, lesions),
    }


def randomisation_scores(
    drawn: dict[str, dict[str, dict[str, list[float]]]], lesions: np.ndarray
) -> dict[str, Any]:
    """What `after_randomising` gave, as means with intervals, and whether each method's maps change.

    `lesions`: (images,). A method's maps change when at every depth the upper end of the mean rank
    correlation's interval is below `CHANGED`. A depth that left every map blank has changed them.
    """
    found: dict[str, Any] = {"images": len(lesions), "seeds": len(SEEDS), "criterion": CHANGED}
    found["methods"] = {}
    for name, by_part in drawn.items():
        parts = {
            part: {measure: known_mean(np.array(values[measure]), lesions) for measure in MEASURES}
            for part, values in by_part.items()
        }
        uppers = [part["rank"]["interval_95"] for part in parts.values()]
        known = [pair[1] for pair in uppers if pair is not None]
        changes = bool(known) and max(known) < CHANGED
        found["methods"][name] = {"parts": parts, "changes": changes}
    return found


def known_mean(values: np.ndarray, lesions: np.ndarray) -> dict[str, Any]:
    """`measured_mean` of the (images,) values that are not NaN; `images` says how many those are."""
    known = ~np.isnan(values)
    return measured_mean(values[known], lesions[known])


def untouched_scores(
    bench: Bench, rows: np.ndarray, curves: Sequence[dict[str, list[list[float]]]]
) -> dict[str, Any]:
    """`curve_scores` of the images that had no part in choosing our map; of few images, of all.

    `rows`: (images,) in the bench's table, in the order of `curves`.
    """
    untouched = np.ones(len(rows), dtype=bool)
    if len(rows) > CHOSEN_ON:
        untouched = ~np.isin(rows, bench.sample(CHOSEN_ON))
    kept = [own for own, keep in zip(curves, untouched, strict=True) if keep]
    left_out = int((~untouched).sum())
    return {"left_out": left_out, **curve_scores(kept, bench.lesions[rows][untouched])}


def curve_scores(curves: Sequence[dict[str, list[list[float]]]], lesions: np.ndarray) -> dict[str, Any]:
    """Areas under the curves by map, what ours differ by from the two that know nothing, mean curves.

    `curves`: for each image what `curves_of` gave; `lesions`: (images,). A verdict on our map is
    "better", "worse" or "none" when the interval of the paired difference spans zero.
    """
    names = list(curves[0])
    areas: dict[str, dict[str, np.ndarray]] = {}
    for name in names:
        deletion, insertion = (np.array([area(np.array(c[name][k])) for c in curves]) for k in (0, 1))
        areas[name] = dict(zip(SCORES, (deletion, insertion, insertion - deletion), strict=True))
    differences = {
        control: {
            score: _difference(areas[OURS][score] - areas[control][score], lesions, score)
            for score in SCORES
        }
        for control in CONTROLS
    }
    return {
        "steps": len(curves[0][OURS][0]) - 1,
        "blur": BLUR,
        "first": known_mean(np.array([c[OURS][0][0] for c in curves]), lesions),
        "blurred": known_mean(np.array([c[OURS][0][-1] for c in curves]), lesions),
        "areas": {n: {s: known_mean(areas[n][s], lesions) for s in SCORES} for n in names},
        "ours_less": differences,
        "mean": {n: np.mean([c[n] for c in curves], axis=0).tolist() for n in names},
    }


def _difference(values: np.ndarray, lesions: np.ndarray, score: str) -> dict[str, Any]:
    found = known_mean(values, lesions)
    low, high = found["interval_95"]
    if low <= 0 <= high:
        return found | {"verdict": "none"}
    return found | {"verdict": "better" if (low > 0) != (score == "deletion") else "worse"}


def lesion_scores(bench: Bench, tested: Sequence[Case], lesions: np.ndarray) -> dict[str, Any]:
    """Share of each map's heat on the lesion, and how much more that is than the lesion's own area.

    Images where the simple mask finds no lesion are left out, and counted.
    """
    masks = [lesion_mask(standard_square(bench.photo(case.row))) for case in tested]
    found = np.array([mask.any() for mask in masks])
    share = np.array([mask.mean() for mask in masks])
    share[~found] = np.nan
    heat = {
        name: np.array(
            [
                heat_on_lesion(case.maps[name], mask) if mask.any() else np.nan
                for case, mask in zip(tested, masks, strict=True)
            ]
        )
        for name in tested[0].maps
    }
    return {
        "without_mask": int((~found).sum()),
        "area": known_mean(share, lesions),
        "heat": {name: known_mean(values, lesions) for name, values in heat.items()},
        "more_than_area": {n: known_mean(values - share, lesions) for n, values in heat.items()},
        "more_than_centre": {
            name: known_mean(heat[name] - heat[CENTRE], lesions) for name in EXPLAINING
        },
    }


def _steadiness(bench: Bench, tested: Sequence[Case], lesions: np.ndarray) -> dict[str, Any]:
    """Rank correlations by what was compared; "another image": of the sample, by the same member."""
    found = [steadiness(bench, case) for case in tested]
    for case, numbers in zip(tested, found, strict=True):
        own = torch.from_numpy(case.maps[OURS])
        numbers["another image"] = mean_likeness(
            [
                (own, torch.from_numpy(other.maps[OURS]))
                for other in tested
                if other.member == case.member and other.row != case.row
            ]
        )
    return {
        name: known_mean(np.array([numbers[name] for numbers in found]), lesions) for name in STEADY
    }


def _same_as_ours(tested: Sequence[Case]) -> dict[str, int]:
    """By method of the library: on how many images its map is ours but for scale and offset."""
    return {
        name: sum(like(case.maps[OURS], case.maps[name]) for case in tested)
        for name in EXPLAINING
        if name != OURS
    }
