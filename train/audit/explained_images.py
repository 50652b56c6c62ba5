"""Maps of out-of-fold images: which places of a photo speak for the first diagnosis.

`first_maps` makes the page's map: of all members that had not seen the image. `cases` makes the maps of
every method for the first of these members alone, to compare the methods. Both explain the first
diagnosis of the calibrated answer to the upright view, right or wrong.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skin_app.ensemble import input_square
from skin_app.hardware import best_device, precision
from skin_app.heatmap import against_the_others, attributions, averaged_over_members
from skin_app.network import Member, MemberOutput
from skin_app.photo.read import Photo
from train.audit.out_of_fold import OutOfFold, by_member
from train.explain.maps import CENTRE, OURS, RANDOM, centre_gaussian, maps_by_method, random_map


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


def first_maps(
    unseen: OutOfFold, rows: np.ndarray, photos: list[Photo]
) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n, 7) and the positive map (n, rows, columns) of each photo's own first diagnosis.

    Averages over runs as the page averages over members.
    """
    logits = unseen.read_logits(rows, photos)
    shares = torch.from_numpy(unseen.calibrated(logits, 1)).float()
    scores = against_the_others(shares.argmax(dim=1), shares)

    def maps(index: int, places: np.ndarray) -> list[Tensor]:
        member, device = unseen.members[index], best_device()
        squares = torch.stack([input_square(photos[place], member.config) for place in places])
        signed = attributions(member, squares.to(device), scores[places].to(device))
        return list(signed.float().cpu())

    signed = [torch.stack(by_member(members, maps)) for members in unseen.answering[rows].T]
    return logits, averaged_over_members(signed)[:, 0].double().clamp(min=0).numpy()


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
