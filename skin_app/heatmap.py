"""Class activation maps in closed form.

For an average-pooled head the gradient of a class score with respect to the feature map is the same
at every position: the head's Jacobian at the pooled vector, divided by the number of positions.
Grad-CAM (Selvaraju et al. 2017) of all seven classes is therefore one small matrix product: no hooks,
no backward pass, nothing kept on the shared network.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from skin_app.network import Member, Reading
from skin_app.views import turn_back


def class_maps(member: Member, reading: Reading) -> Tensor:
    """Signed activation maps (batch, 7, rows, columns): what each place adds to each logit.

    Their positive part, scaled to its own maximum, is what the grad-cam library shows.
    """
    features = reading.features.float()
    positions = features.shape[2] * features.shape[3]
    jacobian = member.head_jacobian(member.pooled(features))
    if member.config.pool == "flatten":  # Grad-CAM averages the gradient over positions
        jacobian = jacobian.unflatten(2, (-1, positions)).sum(dim=3)
    return torch.einsum("bkc,bcyx->bkyx", jacobian, features) / positions


def averaged_over_views(maps: Tensor, views: int) -> Tensor:
    """Turn the maps of (photos * views, 7, rows, columns) back and average: (photos, 7, ...)."""
    by_view = maps.unflatten(0, (-1, views))
    return torch.stack([turn_back(by_view[:, view], view) for view in range(views)], dim=1).mean(dim=1)


def averaged_over_members(maps: list[Tensor]) -> Tensor:
    """Mean of the members' maps (photos, 7, ...), on the finest grid among them."""
    rows = max(member_maps.shape[-2] for member_maps in maps)
    columns = max(member_maps.shape[-1] for member_maps in maps)
    return torch.stack(
        [
            member_maps
            if member_maps.shape[-2:] == (rows, columns)
            else F.interpolate(member_maps, (rows, columns), mode="bilinear", align_corners=False)
            for member_maps in maps
        ]
    ).mean(dim=0)


def on_shared_scale(maps: Tensor) -> Tensor:
    """Positive part of one photo's (7, rows, columns), 1 where any class is strongest: [0, 1].

    One scale for all seven classes, so that they can be compared. All zero when no class has a
    positive place.
    """
    positive = maps.clamp(min=0)
    peak = positive.max()
    return positive / peak if peak > 0 else positive
