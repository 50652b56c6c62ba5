"""The images whose explanations are tested, each with its maps by every method.

The first member that had not seen an image reads its upright view. As on the page, the map explains the
first diagnosis of this member's calibrated answer, right or wrong.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skin_app.ensemble import input_square
from skin_app.hardware import best_device, precision
from skin_app.network import Member, MemberOutput
from train.audit.out_of_fold import OutOfFold
from train.explain.maps import CENTRE, OURS, RANDOM, centre_gaussian, maps_by_method, random_map
from train.scores.estimate import Estimate, mean_estimate


@dataclass(frozen=True)
class Case:
    """One image, explained by a member that had not seen it.

    `row`: in the unseen's table; `member`: index of that member.
    `square`: (3, size, size) in [0, 1]; `label`: the diagnosis explained; `maps`: name -> (rows,
    columns) in [0, 1], those of `EXPLAINING`, then the centre Gaussian and the random one.
    """

    row: int
    member: int
    square: Tensor
    label: int
    maps: dict[str, np.ndarray]


def cases(unseen: OutOfFold, rows: np.ndarray) -> list[Case]:
    """The images of `rows` with their maps."""
    return [_case(unseen, int(row)) for row in rows]


def _case(unseen: OutOfFold, row: int) -> Case:
    index = int(unseen.table["member"].iloc[row])
    member = unseen.members[index]
    square = input_square(unseen.photo(row), member.config)
    output = read_once(member, square[None])
    probabilities = unseen.calibrated(output.logits.double().cpu().numpy(), 1)
    label = int(probabilities[0].argmax())
    by_method = maps_by_method(member, square[None], output, np.array([label]), probabilities)
    maps = {name: heat[0] for name, heat in by_method.items()}
    rows_of_map, columns = maps[OURS].shape
    maps[CENTRE] = centre_gaussian(rows_of_map, columns)
    maps[RANDOM] = random_map(rows_of_map, columns, seed=row)
    return Case(row, index, square, label, maps)


def read_once(member: Member, images: Tensor) -> MemberOutput:
    """The output of `member` for one batch, in the app's precision, as float32 without gradients."""
    device = best_device()
    with torch.no_grad(), precision(device):
        output = member(images.to(device))
    return MemberOutput(*(part.float() for part in output))


def known_mean(values: np.ndarray, lesions: np.ndarray) -> Estimate:
    """`mean_estimate` of the (images,) values that are not NaN; `images` counts only these."""
    known = ~np.isnan(values)
    return mean_estimate(values[known], lesions[known])
