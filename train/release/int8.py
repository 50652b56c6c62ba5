"""How storing members as 8-bit integers changes their out-of-fold predictions.

`skin_app.weights.quantisation` stores them; begin at `measure_rounding`.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from skin_app.hardware import best_device
from skin_app.member_groups import MemberGroup
from skin_app.network import Member
from skin_app.photo.read import read_photo
from skin_app.views import VIEWS
from skin_app.weights.contract import Rounding
from skin_app.weights.quantisation import Stored, packed, unpacked
from train.engine.fold import CHUNK
from train.scores.evidence import Evidence

CHECKED = 200  # images of a fold


def as_loaded(member: Member, stored: Stored) -> Member:
    """`member`, frozen, with its weights as they are after storing and loading."""
    loaded = Member(member.config)
    loaded.load_state_dict(unpacked(packed(member.state_dict(), stored)))
    return loaded.eval().requires_grad_(False)


def measure_rounding(
    members: Sequence[Member], folds: Sequence[int], kept: Evidence, paths: Mapping[str, str]
) -> Rounding:
    """How far rounded members are from the predictions `kept` of them, on some images of each fold.

    `folds`: the fold that each member was not trained on. `paths`: image id -> its file.
    """
    device, changes, same = best_device(), [], []
    alone = [MemberGroup([member.to(device)]) for member in members]
    for fold in dict.fromkeys(folds):
        unseen = [group for group, of in zip(alone, folds, strict=True) if of == fold]
        held_out = np.flatnonzero(kept.folds == fold)
        some = np.unique(np.linspace(0, len(held_out) - 1, CHECKED).round().astype(int))
        for rows in np.array_split(held_out[some], range(CHUNK, len(some), CHUNK)):
            photos = [read_photo(paths[image]) for image in kept.table["image_id"].iloc[rows]]
            logits = [
                group.read(group.inputs(photos, VIEWS), device)[0].by_view.mean(dim=1).numpy()
                for group in unseen
            ]
            rounded, before = np.mean(logits, axis=0), kept.logits[VIEWS][rows]
            changes.append(np.abs(rounded - before))
            same.append(rounded.argmax(axis=1) == before.argmax(axis=1))
    for member in members:
        member.cpu()
    change = np.concatenate(changes)
    return Rounding(
        images=len(change),
        same_first=float(np.concatenate(same).mean()),
        mean_change=float(change.mean()),
        largest_change=float(change.max()),
    )
