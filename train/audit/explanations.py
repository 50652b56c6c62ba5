"""Tests of explanations: do maps depend on the weights, mark pixels that matter, agree across views?

Begin at `measure`. The images and their maps come from `explained_images`; `sanity_checks`,
`deletion_curves` and `lesion_heat` hold one test each, and this module the stability.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from skin_app.hardware import best_device
from skin_app.heatmap import against_the_others, attributions
from skin_app.network import Member
from skin_app.views import VIEWS, all_views, turn_back
from train.audit import deletion_curves, sanity_checks
from train.audit.deletion_curves import CurveScores, same_map
from train.audit.explained_images import Case, cases, read_once
from train.audit.lesion_heat import HeatByMethod, heat_by_method
from train.audit.out_of_fold import OutOfFold
from train.audit.sanity_checks import RandomisationScores
from train.explain.maps import EXPLAINING, OURS, rank_correlation
from train.scores.estimate import Estimate

IMAGES, RANDOMISED = 70, 42


@dataclass(frozen=True)
class ExplanationScores:
    """`same_as_ours`: method -> images on which its map equals ours up to scale and offset.

    `right`: number of right first diagnoses; `places`: rows and columns of a map; `blank`: images on
    which our map is blank; `steadiness`: rank correlations of our map, by what it is compared with.
    """

    images: int
    right: int
    runs: int
    places: list[int]
    blank: int
    same_as_ours: dict[str, int]
    randomisation: RandomisationScores
    curves: CurveScores
    lesion: HeatByMethod
    steadiness: dict[str, Estimate]


def measure(unseen: OutOfFold, images: int = IMAGES, randomised: int = RANDOMISED) -> ExplanationScores:
    """All tests on `images` images; `randomised` of them also with randomised weights."""
    rows = unseen.sample(images)
    tested = cases(unseen, rows)
    some = np.sort(np.random.default_rng(0).permutation(len(rows))[:randomised])
    labels = np.array([case.label for case in tested])
    return ExplanationScores(
        images=len(rows),
        right=int((unseen.labels[rows] == labels).sum()),
        runs=unseen.runs,
        places=list(tested[0].maps[OURS].shape),
        blank=int(sum(np.ptp(case.maps[OURS]) == 0 for case in tested)),
        same_as_ours={
            name: sum(same_map(case.maps[OURS], case.maps[name]) for case in tested)
            for name in EXPLAINING
            if name != OURS
        },
        randomisation=sanity_checks.measure(unseen, [tested[place] for place in some], of=len(rows)),
        curves=deletion_curves.measure(unseen, tested),
        lesion=heat_by_method(unseen, tested),
        steadiness=steadiness(unseen, tested),
    )


def steadiness(unseen: OutOfFold, tested: Sequence[Case]) -> dict[str, Estimate]:
    """Mean of `steadiness_of` over the images; adds "another image" for scale: maps of other images by
    the same member."""
    found: dict[str, list[float]] = {}
    for case in tested:
        ours = torch.from_numpy(case.maps[OURS])
        others = [
            (ours, torch.from_numpy(other.maps[OURS]))
            for other in tested
            if other.member == case.member and other.row != case.row
        ]
        values = steadiness_of(unseen, case) | {"another image": mean_similarity(others)}
        for name, value in values.items():
            found.setdefault(name, []).append(value)
    rows = np.array([case.row for case in tested])
    return {name: unseen.mean(np.array(values), rows) for name, values in found.items()}


def steadiness_of(unseen: OutOfFold, case: Case) -> dict[str, float]:
    """Rank correlations of our map: among the eight views, and with the other members' maps.

    "view and mean": each view's map, turned back, against the mean of all; "two views": each pair of
    the eight; "two members": the image's member against each other member with maps of the same shape.
    NaN if a map is blank or nothing can be compared.
    """
    member = unseen.members[case.member]
    signed = _signed(unseen, member, all_views(case.square[None])[0], case.label)
    turned = [turn_back(signed[v], v).clamp(min=0) for v in range(VIEWS)]
    shown = torch.stack(turned).mean(dim=0)
    others = [
        _signed(unseen, other, case.square[None], case.label)[0].clamp(min=0)
        for index, other in enumerate(unseen.members)
        if index != case.member and other.config.size == member.config.size
    ]
    return {
        "view and mean": mean_similarity([(one, shown) for one in turned]),
        "two views": mean_similarity(list(combinations(turned, 2))),
        "two members": mean_similarity(
            [(turned[0], other) for other in others if other.shape == shown.shape]
        ),
    }


def _signed(unseen: OutOfFold, member: Member, images: Tensor, label: int) -> Tensor:
    """Our signed maps of class `label` for each of `images`: (batch, rows, columns), on the CPU."""
    probabilities = torch.from_numpy(read_once(unseen, member, images)[1]).float()
    scores = against_the_others(torch.full((len(images),), label), probabilities)
    device = best_device()
    return attributions(member, images.to(device), scores.to(device))[:, 0].float().cpu()


def mean_similarity(pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Mean rank correlation of pairs of maps, without pairs with a constant map; NaN if none remain."""
    known = [rank_correlation(one, other) for one, other in pairs if one.std() > 0 and other.std() > 0]
    return float(np.mean(known)) if known else float("nan")
