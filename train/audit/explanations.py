"""Maps of out-of-fold images, and whether they are steady: across views, members and images.

`first_maps` makes the page's map: of all members that had not seen the image. `cases` makes the maps of
every method for the first of these members alone; `sanity_checks`, `deletion_curves` and `lesion_heat`
compare the methods on them. Both explain the first diagnosis of the calibrated answer to the upright
view, right or wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from skin_app.hardware import best_device, precision
from skin_app.heatmap import against_the_others, attributions, averaged_maps
from skin_app.member_groups import input_square
from skin_app.network import Member, MemberOutput
from skin_app.photo.read import Photo
from skin_app.views import VIEWS, all_views, turn_back
from train.audit.out_of_fold import OutOfFold, by_member
from train.explain.maps import (
    CENTRE,
    EXPLAINING,
    OURS,
    RANDOM,
    centre_gaussian,
    maps_by_method,
    random_map,
    rank_correlation,
)
from train.scores.intervals import Estimate

IMAGES = 70
SAME = 1e-3  # maps that differ by less, relative to their range, count as the same


@dataclass(frozen=True)
class Case:
    """One image, explained by a member that had not seen it.

    `row`: in the table of images; `member`: index of that member.
    `square`: (3, size, size) in [0, 1]; `label`: the diagnosis explained; `maps`: name -> (rows,
    columns) in [0, 1], those of `EXPLAINING`, then the centre Gaussian and the random one.
    """

    row: int
    member: int
    square: Tensor
    label: int
    maps: dict[str, np.ndarray]


@dataclass(frozen=True)
class Explanations:
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
    steadiness: dict[str, Estimate]


def first_maps(
    unseen: OutOfFold, rows: np.ndarray, photos: list[Photo]
) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n, 7) and the positive map (n, rows, columns) of each photo's own first diagnosis.

    Averages over runs as the page averages over members.
    """
    logits = unseen.read_logits(rows, photos)
    shares = torch.from_numpy(unseen.calibrated(logits, 1)).float()
    scores = against_the_others(shares.argmax(dim=1, keepdim=True), shares)

    def maps(index: int, places: np.ndarray) -> list[Tensor]:
        member, device = unseen.members[index], best_device()
        squares = torch.stack([input_square(photos[place], member.config) for place in places])
        signed = attributions(member, squares.to(device), scores[places].to(device))
        return list(signed.float().cpu())

    signed = [torch.stack(by_member(members, maps)) for members in unseen.answering[rows].T]
    return logits, averaged_maps(signed)[:, 0].double().clamp(min=0).numpy()


def cases(unseen: OutOfFold, rows: np.ndarray) -> list[Case]:
    """The images of `rows` with their maps by every method."""
    return [_case(unseen, int(row)) for row in rows]


def _case(unseen: OutOfFold, row: int) -> Case:
    index = int(unseen.table["member"].iloc[row])
    member = unseen.members[index]
    square = input_square(unseen.photo(row), member.config)
    output, probabilities = read_once(unseen, member, square[None])
    label = int(probabilities[0].argmax())
    by_method = maps_by_method(member, square[None], output, np.array([label]), probabilities)
    maps = {name: heat[0] for name, heat in by_method.items()}
    size = maps[OURS].shape
    maps |= {CENTRE: centre_gaussian(*size), RANDOM: random_map(*size, seed=row)}
    return Case(row, index, square, label, maps)


def read_once(unseen: OutOfFold, member: Member, images: Tensor) -> tuple[MemberOutput, np.ndarray]:
    """The output of `member` for one batch in the app's precision, as float32 without gradients; and
    its calibrated probabilities (batch, 7)."""
    device = best_device()
    with torch.no_grad(), precision(device):
        output = MemberOutput(*(part.float() for part in member(images.to(device))))
    return output, unseen.calibrated(output.logits.double().cpu().numpy(), 1)


def measure(unseen: OutOfFold, tested: Sequence[Case]) -> Explanations:
    """What the maps of `tested` explain, and their steadiness."""
    ours = [case.maps[OURS] for case in tested]
    return Explanations(
        images=len(tested),
        right=sum(int(unseen.labels[case.row]) == case.label for case in tested),
        runs=unseen.runs,
        places=list(ours[0].shape),
        blank=sum(np.ptp(heat) == 0 for heat in ours),
        same_as_ours={
            name: sum(same_map(case.maps[OURS], case.maps[name]) for case in tested)
            for name in EXPLAINING
            if name != OURS
        },
        steadiness=steadiness(unseen, tested),
    )


def same_map(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two maps are the same up to scale and offset."""
    return one.shape == other.shape and float(np.abs(_spread(one) - _spread(other)).max()) < SAME


def _spread(heat: np.ndarray) -> np.ndarray:
    reach = float(heat.max() - heat.min())
    return (heat - heat.min()) / reach if reach > 0 else np.zeros_like(heat)


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
    scores = against_the_others(torch.full((len(images), 1), label), probabilities)
    device = best_device()
    return attributions(member, images.to(device), scores.to(device))[:, 0].float().cpu()


def mean_similarity(pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Mean rank correlation of pairs of maps, without pairs with a constant map; NaN if none remain."""
    known = [rank_correlation(one, other) for one, other in pairs if one.std() > 0 and other.std() > 0]
    return float(np.mean(known)) if known else float("nan")
