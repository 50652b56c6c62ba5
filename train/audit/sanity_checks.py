"""Whether a map depends on what the network has learnt: randomises the weights layer by layer.

Cascading randomisation of Adebayo et al., "Sanity checks for saliency maps" (2018): first the
classifier gets random weights, then also the layer below it, and so on down to the pixels. A map that
does not change depends on the image alone, not on the network. `train.explain.pairs` has a shorter
check for its sheets.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter

from skin_app.network import Member
from train.audit.explanations import Case, read_once
from train.audit.out_of_fold import OutOfFold, known_mean
from train.explain.maps import maps_by_method, randomised, rank_correlation
from train.scores.intervals import Estimate

IMAGES, SEEDS = 42, (0, 1)
CHANGED = 0.5  # rank correlation below which a map counts as changed
MEASURES = ("rank", "size", "structure")
WINDOW = 1.5  # standard deviation of the structural similarity's window, in places of the map
STABILISERS = (0.01**2, 0.03**2)  # Wang et al. 2004, for maps in [0, 1]
Similarities = dict[str, dict[str, dict[str, list[float]]]]


@dataclass(frozen=True)
class OfMethod:
    """`parts`: part down to which weights are randomised, from the top -> `MEASURES` -> similarity.

    `changes`: whether, at every depth, the upper end of the rank correlation's interval is below
    `CHANGED`. A depth at which every map is blank counts as changed.
    """

    parts: dict[str, dict[str, Estimate]]
    changes: bool


@dataclass(frozen=True)
class RandomisationScores:
    """`methods`: by name of the map."""

    images: int
    seeds: int
    criterion: float
    methods: dict[str, OfMethod]


def measure(unseen: OutOfFold, tested: Sequence[Case]) -> RandomisationScores:
    """The cascade on `IMAGES` random images of `tested`; stores the result in the work folder."""
    places = np.sort(np.random.default_rng(0).permutation(len(tested))[:IMAGES])
    some = [tested[place] for place in places]
    kept = unseen.kept(
        f"randomised-{len(SEEDS)}-{len(tested)}-{len(some)}",
        lambda: after_randomising(unseen, some, SEEDS),
    )
    return randomisation_scores(kept, unseen.lesions[[case.row for case in some]])


def randomisation_scores(drawn: Similarities, lesions: np.ndarray) -> RandomisationScores:
    """Means of the similarities from `after_randomising`; `lesions`: (images,)."""
    methods = {}
    for name, by_part in drawn.items():
        parts = {
            part: {each: known_mean(np.array(values[each]), lesions) for each in MEASURES}
            for part, values in by_part.items()
        }
        intervals = [own["rank"].interval_95 for own in parts.values()]
        uppers = [interval[1] for interval in intervals if interval is not None]
        methods[name] = OfMethod(parts, changes=bool(uppers) and max(uppers) < CHANGED)
    return RandomisationScores(len(lesions), len(SEEDS), CHANGED, methods)


def parts_from_the_top(member: Member) -> dict[str, list[str]]:
    """Names of the weights of each part, from the classifier down to the pixels.

    A part holds the weights that share their innermost numbered module (a block, a stage's patch
    merging). Weights below no numbered module are grouped by the network's named child.
    """
    parts: dict[str, list[str]] = {}
    for key in member.state_dict():
        path = key.removeprefix("backbone.").split(".")
        numbers = [place for place, name in enumerate(path) if name.isdigit()]
        parts.setdefault(".".join(path[: numbers[-1] + 1] if numbers else path[:1]), []).append(key)
    return dict(reversed(parts.items()))


def cascade(member: Member, seed: int = 0) -> Iterator[tuple[str, Member]]:
    """Each part's name, from the top, with the member whose weights are randomised from there up.

    Yields the same copy each time, changed further at each step; `member` is not changed. Weights are
    drawn as for a new member before training.
    """
    drawn = randomised(member, "all", seed).state_dict()
    changed = copy.deepcopy(member)
    weights = changed.state_dict()
    for part, keys in parts_from_the_top(member).items():
        with torch.no_grad():
            for key in keys:
                weights[key].copy_(drawn[key])
        yield part, changed


def structural_similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Mean structural similarity (Wang et al. 2004) of two maps (rows, columns) in [0, 1]; at most 1.

    Uses Gaussian windows of 1.5 places on the maps' own grid. Enlarged maps would be smooth inside
    every window, without structure to compare.
    """

    def mean(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, WINDOW, truncate=3.5)

    one, other = one.astype(np.float64), other.astype(np.float64)
    m, n = mean(one), mean(other)
    variances = mean(one * one) - m * m + mean(other * other) - n * n
    covariance = mean(one * other) - m * n
    a, b = STABILISERS
    similar = (2 * m * n + a) * (2 * covariance + b) / ((m * m + n * n + a) * (variances + b))
    return float(similar.mean())


def after_randomising(unseen: OutOfFold, tested: Sequence[Case], seeds: Sequence[int]) -> Similarities:
    """Similarity to the trained member's map in the cascade: method -> part -> measure -> (images,).

    Measures, each the mean over `seeds`: "rank", Spearman's rank correlation; "size", its absolute
    value; "structure", the structural similarity. NaN if, with every seed, the map before or after is
    blank. All members must have parts of the same names.
    """
    records = []
    for index in sorted({case.member for case in tested}):
        places = [place for place, case in enumerate(tested) if case.member == index]
        own = [tested[place] for place in places]
        squares = torch.stack([case.square for case in own])
        labels = np.array([case.label for case in own])
        for seed in seeds:
            for part, changed in cascade(unseen.members[index], seed):
                output, said = read_once(unseen, changed, squares)
                for name, maps in maps_by_method(changed, squares, output, labels, said).items():
                    for place, case, heat in zip(places, own, maps, strict=True):
                        records.append((name, part, place, *similarity(case.maps[name], heat)))
    # the mean over seeds leaves out NaN
    table = pd.DataFrame(records, columns=pd.Index(["method", "part", "place", *MEASURES]))
    return {
        str(method): {
            str(part): dict(pd.DataFrame(rows.groupby("place").mean(numeric_only=True)).to_dict("list"))
            for part, rows in of_method.groupby("part", sort=False)
        }
        for method, of_method in table.groupby("method", sort=False)
    }


def similarity(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """The three measures of two maps (rows, columns) in [0, 1]; NaN if one of the maps is constant."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan"), float("nan"), float("nan")
    rank = rank_correlation(torch.from_numpy(one), torch.from_numpy(other))
    return rank, abs(rank), structural_similarity(one, other)
