"""Deletion and insertion curves: does the answer depend on the pixels that a map calls important?

After Petsiuk et al., "RISE" (2018). Deletion removes the most important pixels first: the probability
should fall quickly, so a small area under the curve is good. Insertion restores them first: the
probability should rise quickly, so a large area is good. Removed pixels come from a strongly blurred
copy of the image. Black pixels would look like the dark corners of a dermatoscope, and the network
would react.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from skin_app.hardware import best_device
from skin_app.member_groups import read_batches
from train.audit.explanations import Case, same_map
from train.audit.out_of_fold import OutOfFold, known_mean
from train.explain.maps import CENTRE, OURS, RANDOM, enlarged, random_map
from train.scores.intervals import Estimate

STEPS = 10
BLUR = 1 / 8  # standard deviation of the blur, in sides of the square
# The curves of this many images chose the form of our map among a dozen, so those are not scored.
CHOSEN_ON = 28
CONTROLS = (RANDOM, CENTRE)
SCORES = ("deletion", "insertion", "insertion less deletion")


@dataclass(frozen=True)
class CurveScores:
    """Areas under the curves: map -> score; our map minus each control, paired: control -> score.

    `first`, `blurred`: mean probability for the intact image and for its blurred copy; `mean`: map ->
    mean deletion and insertion curve; `left_out`: number of images that chose our map.
    """

    left_out: int
    steps: int
    blur: float
    first: Estimate
    blurred: Estimate
    areas: dict[str, dict[str, Estimate]]
    ours_less: dict[str, dict[str, Estimate]]
    mean: dict[str, list[list[float]]]


def blurred(square: Tensor) -> Tensor:
    """`square`, (3, size, size) in [0, 1], blurred until colours remain and structure is gone."""
    sigma = BLUR * square.shape[-1]
    return torch.from_numpy(gaussian_filter(square.numpy(), (0, sigma, sigma), mode="reflect"))


def importance_order(heat: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """Flat indices of the pixels, most important first; both arguments (size, size).

    Pixels of equal `heat` (such as all that the positive part set to 0) are ordered by `ties`, highest
    first. Ordering them by row instead would act as a map of its own.
    """
    return np.lexsort((-ties.ravel(), -heat.ravel()))


def area(curve: np.ndarray) -> np.ndarray:
    """Area under curves (..., steps + 1) over the share of pixels from 0 to 1, by trapezoids; a mean
    probability."""
    return np.trapezoid(curve, dx=1 / (curve.shape[-1] - 1))


def curves(
    probability: Callable[[Tensor], np.ndarray],
    square: Tensor,
    maps: Mapping[str, np.ndarray],
    seed: int = 0,
    steps: int = STEPS,
) -> dict[str, np.ndarray]:
    """Deletion and insertion curve of each map of one image: (2, steps + 1) probabilities after 0, 1,
    ... `steps` steps, which take equal shares of the pixels.

    `probability`: maps (batch, 3, size, size) to (batch,) probabilities of the explained diagnosis.
    `square`: (3, size, size) in [0, 1]. `maps`: (rows, columns) each. `seed`: for the order of ties.
    """
    size = square.shape[-1]
    smooth = blurred(square)
    whole, gone = probability(torch.stack([square, smooth]))
    found: dict[str, np.ndarray] = {}
    for name, heat in maps.items():
        twin = next((other for other in found if same_map(maps[other], heat)), None)
        if twin is not None:
            found[name] = found[twin]
            continue
        ties = enlarged(random_map(*heat.shape, seed=seed), size)
        order = importance_order(enlarged(heat, size), ties)
        firsts = [_first(order, size, step / steps) for step in range(1, steps)]
        without = [torch.where(first, smooth, square) for first in firsts]
        only = [torch.where(first, square, smooth) for first in firsts]
        deletion, insertion = probability(torch.stack(without + only)).reshape(2, -1)
        found[name] = np.array([[whole, *deletion, gone], [gone, *insertion, whole]])
    return found


def _first(order: np.ndarray, size: int, share: float) -> Tensor:
    """(size, size) bool: whether a pixel is in the first `share` of `order`."""
    first = np.zeros(size * size, dtype=bool)
    first[order[: round(share * size * size)]] = True
    return torch.from_numpy(first.reshape(size, size))


def curves_of(unseen: OutOfFold, case: Case) -> dict[str, list[list[float]]]:
    """Deletion and insertion curve of one image, by map."""

    def probability(images: Tensor) -> np.ndarray:
        answer = read_batches([unseen.members[case.member]], 0, images, 1, best_device())[0]
        return unseen.calibrated(answer.logits.double().numpy(), 1)[:, case.label]

    found = curves(probability, case.square, case.maps, seed=len(unseen.table) + case.row)
    return {name: both.tolist() for name, both in found.items()}


def measure(unseen: OutOfFold, tested: Sequence[Case]) -> CurveScores:
    """Scores of the images that did not choose our map; with few images, of all.

    The curves take thousands of forward passes, so they are stored in the work folder.
    """
    kept: dict[str, Any] = unseen.kept(
        f"curves-{STEPS}-{len(tested)}",
        lambda: {"curves": [curves_of(unseen, case) for case in tested]},
    )
    rows = np.array([case.row for case in tested])
    scored = np.ones(len(rows), dtype=bool)
    if len(rows) > CHOSEN_ON:
        scored = ~np.isin(rows, unseen.sample(CHOSEN_ON))
    found = {
        name: np.array([of[name] for of, keep in zip(kept["curves"], scored, strict=True) if keep])
        for name in kept["curves"][0]
    }
    return curve_scores(found, unseen.lesions[rows][scored], left_out=int((~scored).sum()))


def curve_scores(found: dict[str, np.ndarray], lesions: np.ndarray, left_out: int = 0) -> CurveScores:
    """`found`: map -> (images, 2, steps + 1) deletion and insertion curves; `lesions`: (images,)."""
    areas: dict[str, dict[str, np.ndarray]] = {}
    for name, own in found.items():
        deletion, insertion = area(own).T
        areas[name] = dict(zip(SCORES, (deletion, insertion, insertion - deletion), strict=True))
    deletions = found[OURS][:, 0]
    return CurveScores(
        left_out=left_out,
        steps=deletions.shape[1] - 1,
        blur=BLUR,
        first=known_mean(deletions[:, 0], lesions),
        blurred=known_mean(deletions[:, -1], lesions),
        areas={n: {s: known_mean(own[s], lesions) for s in SCORES} for n, own in areas.items()},
        ours_less={
            control: {s: known_mean(areas[OURS][s] - areas[control][s], lesions) for s in SCORES}
            for control in CONTROLS
        },
        mean={name: own.mean(axis=0).tolist() for name, own in found.items()},
    )
