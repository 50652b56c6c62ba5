"""Whether a map depends on what the network has learnt: weights drawn anew, layer by layer.

Adebayo et al., "Sanity checks for saliency maps" (2018), cascading: first the classifier is drawn anew,
then the layer below it too, and so on down to the pixels. A map that stays as it was shows the image
and not the network. `train.explain.guided` has the shorter check of the sheets of confused pairs.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from skin_app.network import Member
from train.audit.bench import Bench
from train.audit.explained_images import Case, known_mean, read_once
from train.explain.guided import likeness, randomised
from train.explain.maps import maps_by_method
from train.scores.estimate import Estimate

SEEDS = (0, 1)
CHANGED = 0.5  # rank correlation below which a map counts as changed
MEASURES = ("rank", "size", "structure")
WINDOW = 1.5  # standard deviation of the window of the structural similarity, in places of the map
STABILISERS = (0.01**2, 0.03**2)  # Wang et al. 2004, for maps in [0, 1]
Similarities = dict[str, dict[str, dict[str, list[float]]]]


@dataclass(frozen=True)
class Similarity:
    """Of a map with that of the trained member: rank correlation, its absolute value, and structure."""

    rank: Estimate
    size: Estimate
    structure: Estimate


@dataclass(frozen=True)
class OfMethod:
    """`parts`: by the part down to which weights are drawn anew, from the top.

    `changes`: at every depth the upper end of the rank correlation's interval is below `CHANGED`. A
    depth that left every map blank has changed them.
    """

    parts: dict[str, Similarity]
    changes: bool


@dataclass(frozen=True)
class RandomisationScores:
    """`methods`: by name of the map."""

    images: int
    seeds: int
    criterion: float
    methods: dict[str, OfMethod]


def measure(bench: Bench, tested: Sequence[Case], of: int) -> RandomisationScores:
    """The cascade on `of` images of all that are `tested`, kept in the bench's folder."""
    kept = bench.kept(
        f"randomised-{len(SEEDS)}-{of}-{len(tested)}",
        lambda: after_randomising(bench, tested, SEEDS),
    )
    return randomisation_scores(kept, bench.lesions[[case.row for case in tested]])


def randomisation_scores(drawn: Similarities, lesions: np.ndarray) -> RandomisationScores:
    """Means of what `after_randomising` gave; `lesions`: (images,)."""
    methods = {}
    for name, by_part in drawn.items():
        parts = {
            part: Similarity(*(known_mean(np.array(values[each]), lesions) for each in MEASURES))
            for part, values in by_part.items()
        }
        uppers = [own.rank.interval_95[1] for own in parts.values() if own.rank.interval_95 is not None]
        methods[name] = OfMethod(parts, changes=bool(uppers) and max(uppers) < CHANGED)
    return RandomisationScores(len(lesions), len(SEEDS), CHANGED, methods)


def parts_from_the_top(member: Member) -> dict[str, list[str]]:
    """Names of the weights of each part, from the classifier down to the pixels.

    A part is what lies below one numbered module (a block, a stage's patch merging), or a named child
    of the network that has no numbers.
    """
    parts: dict[str, list[str]] = {}
    for key in member.state_dict():
        path = key.removeprefix("backbone.").split(".")
        numbers = [place for place, name in enumerate(path) if name.isdigit()]
        parts.setdefault(".".join(path[: numbers[-1] + 1] if numbers else path[:1]), []).append(key)
    return dict(reversed(parts.items()))


def cascade(member: Member, seed: int = 0) -> Iterator[tuple[str, Member]]:
    """The name of each part from the top, and the member with all weights from there up drawn anew.

    It is one copy, changed further at each step; `member` stays as it is. Weights are drawn as for a
    new member before training.
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
    """Mean structural similarity (Wang et al. 2004) of two maps (rows, columns) in [0, 1]: to 1.

    Gaussian windows of 1.5 places on the maps' own grid: enlarged maps would be smooth inside every
    window, and there would be no structure to compare.
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


def after_randomising(bench: Bench, tested: Sequence[Case], seeds: Sequence[int]) -> Similarities:
    """Similarity to the trained member's map down the cascade: method -> part -> measure -> (images,).

    Measures: "rank", Spearman's rank correlation; "size", its absolute value; "structure", the
    structural similarity; each the mean over `seeds`. NaN where the map is blank, before or after, with
    all seeds. Members must have parts of the same names.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    for index, member in enumerate(bench.members):
        places = [place for place, case in enumerate(tested) if case.member == index]
        if not places:
            continue
        own = [tested[place] for place in places]
        squares = torch.stack([case.square for case in own])
        labels = np.array([case.label for case in own])
        for turn, seed in enumerate(seeds):
            for part, changed in cascade(member, seed):
                output = read_once(changed, squares)
                said = bench.calibrated(output.logits.double().cpu().numpy(), 1)
                drawn = maps_by_method(changed, squares, output, labels, said)
                for name, maps in drawn.items():
                    blank = np.full((len(seeds), len(tested), len(MEASURES)), np.nan)
                    table = found.setdefault(name, {}).setdefault(part, blank)
                    for place, case, heat in zip(places, own, maps, strict=True):
                        table[turn, place] = similarity(case.maps[name], heat)
    return {
        name: {
            part: dict(zip(MEASURES, _mean_known(table).T.tolist(), strict=True))
            for part, table in by_part.items()
        }
        for name, by_part in found.items()
    }


def similarity(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """The three measures of two maps (rows, columns) in [0, 1]; NaN when one of them is constant."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan"), float("nan"), float("nan")
    rank = likeness(torch.from_numpy(one), torch.from_numpy(other))
    return rank, abs(rank), structural_similarity(one, other)


def _mean_known(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is not NaN; NaN where nothing is left."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis=0) / known.sum(axis=0)
