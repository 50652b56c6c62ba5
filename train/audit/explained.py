"""The images whose explanations are tested, each with its maps by every method, and the slow readings.

Each image is read in the upright view by the first member that had not seen it, and explained for the
diagnosis that this member's calibrated answer names first, right or wrong: as on the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skin_app.ensemble import input_square, read_batches
from skin_app.hardware import best_device, precision
from skin_app.heatmap import against_the_others, attributions
from skin_app.network import Member, Reading
from skin_app.views import VIEWS, all_views, turn_back
from train.audit.bench import Bench
from train.audit.deletion import curves
from train.explain.maps import (
    CENTRE,
    OURS,
    RANDOM,
    centre_gaussian,
    maps_by_method,
    random_map,
    rank_correlation,
)


@dataclass(frozen=True)
class Case:
    """One image: its row in the bench's table, the index of its member, what that member sees and says.

    `square`: (3, size, size) in [0, 1]; `label`: the diagnosis explained; `maps`: name -> (rows,
    columns) in [0, 1], those of `EXPLAINING`, then the centre Gaussian and the random one.
    """

    row: int
    member: int
    square: Tensor
    label: int
    maps: dict[str, np.ndarray]


def cases(bench: Bench, rows: np.ndarray) -> list[Case]:
    """The images of `rows` with their maps."""
    return [_case(bench, int(row)) for row in rows]


def _case(bench: Bench, row: int) -> Case:
    index = int(bench.table["member"].iloc[row])
    member = bench.members[index]
    square = input_square(bench.photo(row), member.config)
    reading = read_once(member, square[None])
    probabilities = bench.calibrated(reading.logits.double().cpu().numpy(), 1)
    label = int(probabilities[0].argmax())
    by_method = maps_by_method(member, square[None], reading, np.array([label]), probabilities)
    maps = {name: heat[0] for name, heat in by_method.items()}
    rows_of_map, columns = maps[OURS].shape
    maps[CENTRE] = centre_gaussian(rows_of_map, columns)
    maps[RANDOM] = random_map(rows_of_map, columns, seed=row)
    return Case(row, index, square, label, maps)


def read_once(member: Member, images: Tensor) -> Reading:
    """What `member` says of one batch, in the precision of the app, as float32 without gradients."""
    device = best_device()
    with torch.no_grad(), precision(device):
        reading = member(images.to(device))
    return Reading(*(part.float() for part in reading))


def curves_of(bench: Bench, case: Case) -> dict[str, Any]:
    """Deletion and insertion curves of one image, by map: two lists of probabilities."""

    def probability(images: Tensor) -> np.ndarray:
        answer = read_batches([bench.members[case.member]], 0, images, 1, best_device())[0]
        return bench.calibrated(answer.logits.double().numpy(), 1)[:, case.label]

    found = curves(probability, case.square, case.maps, seed=len(bench.table) + case.row)
    return {name: [c.deletion.tolist(), c.insertion.tolist()] for name, c in found.items()}


def steadiness(bench: Bench, case: Case) -> dict[str, float]:
    """Rank correlations of our map: among the eight views, and with the other members' maps.

    "view and mean": each view's map, turned back, with the mean of all; "two views": any two of the
    eight; "two members": this image's member and each other one whose maps have as many
    places. NaN where a map is blank or there is no other.
    """
    member = bench.members[case.member]
    signed = _signed(bench, member, all_views(case.square[None])[0], case.label)
    turned = [turn_back(signed[v], v).clamp(min=0) for v in range(VIEWS)]
    shown = torch.stack(turned).mean(dim=0)
    others = [
        _signed(bench, other, case.square[None], case.label)[0].clamp(min=0)
        for index, other in enumerate(bench.members)
        if index != case.member and other.config.size == member.config.size
    ]
    pairs = combinations(turned, 2)
    return {
        "view and mean": mean_likeness([(one, shown) for one in turned]),
        "two views": mean_likeness(list(pairs)),
        "two members": mean_likeness(
            [(turned[0], other) for other in others if other.shape == shown.shape]
        ),
    }


def _signed(bench: Bench, member: Member, images: Tensor, label: int) -> Tensor:
    """Our signed maps of class `label` for each of `images`: (batch, rows, columns), on the CPU."""
    logits = read_once(member, images).logits.double().cpu().numpy()
    probabilities = torch.from_numpy(bench.calibrated(logits, 1)).float()
    scores = against_the_others(torch.full((len(images),), label), probabilities)
    device = best_device()
    return attributions(member, images.to(device), scores.to(device))[:, 0].float().cpu()


def mean_likeness(pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Mean rank correlation of pairs of maps; pairs with a blank (constant) map left out; else NaN."""
    known = [rank_correlation(one, other) for one, other in pairs if one.std() > 0 and other.std() > 0]
    return float(np.mean(known)) if known else float("nan")
