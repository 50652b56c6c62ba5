"""Heatmaps: the places of a photo that contribute to a class's score.

The page shows `attributions`: for Swin members, gradient times activation of the stage before the last
(HiResCAM, Draelos and Carin 2020), after subtracting each activation's mean over the photo. This is the
first-order estimate of how much a score would fall if a place looked like the photo's average. Without
the subtraction, the constant part of every feature would spread the heat evenly. What is explained is
a class's logit less the mean logit of all classes, weighted by their probabilities
(`against_the_others`): times p_k, the derivative of its probability. `docs/trust.md` compares the maps
with Grad-CAM and other methods.

`class_maps` is Grad-CAM (Selvaraju et al. 2017) in closed form. With an average-pooled head, the
gradient with respect to the last feature map is the same at every position: the head's Jacobian at the
pooled vector, divided by the number of positions. This needs no hooks and no backward pass, and leaves
nothing on the shared network. Members without Swin-like stages, such as a ViT or a MobileNet, are
explained by `class_maps`, also minus its mean over the photo.

The page's second choice is the Grad-CAM of the whole ensemble (`mean_grad_cams`): the positive part of
the mean of `class_maps` over all readings, turned back. The ensemble's logit is the mean of the
readings' logits, so this is Grad-CAM of the ensemble as one network. As Selvaraju et al. define it, the
target is the plain logit: the map says what supports a diagnosis, not what tells it from the others.
Calibration scales all logits alike, so on their shared scale the maps are the same after it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from pydantic import BaseModel, Field
from torch import Tensor
from torch.nn import functional as F

from skin_app.diagnoses import CODES
from skin_app.network import Member, MemberOutput, has_stages

LEAST_PROBABILITY = 0.01  # a less probable class gets no map, unless the first is nearly certain
LEAST_OF_REST = 0.2
MOST = 0.5  # share of the heat in one ninth of the square from which it is named; .11 if uniform


class HeatLimit(BaseModel, extra="forbid", frozen=True):
    """When too little heat lies on the lesion; fitted on out-of-fold images, stored in `ensemble.json`.

    A larger lesion covers more of any map. So the limit applies to the concentration of heat: the share
    of heat on the lesion divided by the mask's share of the square, which is 1 for an even map.
    `least_concentration`: below it the page warns. `false_alarm_rate`: share of the out-of-fold images
    below it. `fitted_on`: the data, in words.
    """

    least_concentration: float = Field(ge=0)
    false_alarm_rate: float = Field(gt=0, lt=1)
    fitted_on: str

    def warns(self, share: float, area: float) -> bool:
        """True when too little heat lies on the lesion for its size.

        `share`: of the heat on the lesion, from `heat_on_lesion`; `area`: the mask's share of the
        square, above 0.
        """
        return share < self.least_concentration * area


def count_with_map(probabilities: np.ndarray) -> int:
    """How many classes get a map, the most probable first; `probabilities`: (7,).

    All classes of at least `LEAST_PROBABILITY`, or of at least the share `LEAST_OF_REST` of what the
    first one leaves; always two. The seven maps sum to zero at every place. So if one class is nearly
    certain, the maps of the next ones show the evidence against it. Theirs is often the strongest
    place of all, which sets the common scale.
    """
    least = min(LEAST_PROBABILITY, LEAST_OF_REST * (1 - float(probabilities.max())))
    return max(2, int((probabilities >= least).sum()))


def attributions(
    member: Member, images: Tensor, scores: Tensor | None = None, entered: Tensor | None = None
) -> Tensor:
    """Signed maps of `images`, (batch, 3, size, size) in [0, 1]: what each place adds to each score.

    `scores`: (batch, k, 7), weights of the logits in k scores per photo; None for the seven logits
    themselves. `entered`: what `member.before_last_stage` gives for `images`, if it was called before.
    Returns (batch, k, rows, columns). Computes no gradient of the weights and leaves nothing on the
    member.
    """
    if scores is None:
        scores = torch.eye(len(CODES)).to(images).expand(len(images), -1, -1)
    if not has_stages(member) or len(member.backbone.layers) < 2:
        with torch.no_grad():
            maps = class_maps(member, member(images))
            centred = maps - maps.mean(dim=(2, 3), keepdim=True)
            return torch.einsum("bsk,bkyx->bsyx", scores, centred)
    if entered is None:
        with torch.no_grad():
            entered = member.before_last_stage(images)
    with torch.inference_mode(False), torch.enable_grad():
        start, weights = entered.detach().clone().requires_grad_(True), scores.clone()
        logits = member.output_of(member.backbone.norm(member.backbone.layers[-1](start))).logits
        wanted = torch.einsum("bsk,bk->s", weights, logits)  # the photos of a batch are independent
        each = torch.eye(len(wanted)).to(wanted)  # one backward pass for all scores
        gradients = torch.autograd.grad(wanted, start, each, is_grads_batched=True)[0]
    centred = entered - entered.mean(dim=(1, 2), keepdim=True)  # (batch, rows, columns, channels)
    return torch.einsum("byxc,sbyxc->bsyx", centred, gradients)


def against_the_others(labels: Tensor, probabilities: Tensor) -> Tensor:
    """`scores` for `attributions` of k classes per photo: each logit minus the weighted mean logit.

    `labels`: (batch, k); `probabilities`: (batch, 7), the weights. Returns (batch, k, 7). Times p_k
    this is the derivative of the softmax: a map then shows the evidence for its class against the
    others, and the map of an improbable class is weak.
    """
    return F.one_hot(labels, len(CODES)).to(probabilities) - probabilities[:, None]


def class_maps(member: Member, output: MemberOutput) -> Tensor:
    """Signed activation maps (batch, 7, rows, columns): what each place adds to each logit.

    Their positive part, scaled to its own maximum, is what the grad-cam library shows.
    """
    features = output.features.float()
    positions = features.shape[2] * features.shape[3]
    jacobian = member.head_jacobian(member.pooled(features))
    if member.config.pool == "flatten":  # Grad-CAM averages the gradient over positions
        jacobian = jacobian.unflatten(2, (-1, positions)).sum(dim=3)
    return torch.einsum("bkc,bcyx->bkyx", jacobian, features) / positions


def averaged_maps(maps: Sequence[Tensor]) -> Tensor:
    """Mean of the maps of members or readings, (photos, k, ...) each, on the finest of their grids."""
    rows = max(own.shape[-2] for own in maps)
    columns = max(own.shape[-1] for own in maps)
    return torch.stack(
        [
            own
            if own.shape[-2:] == (rows, columns)
            else F.interpolate(own, (rows, columns), mode="bilinear", align_corners=False)
            for own in maps
        ]
    ).mean(dim=0)


def on_shared_scale(maps: Tensor) -> Tensor:
    """Positive part of one photo's maps (k, rows, columns), scaled to [0, 1].

    All classes share one scale, so that they can be compared: 1 is the largest value of any class. All
    zero when no class has a positive value.
    """
    positive = maps.clamp(min=0)
    peak = positive.max()
    return positive / peak if peak > 0 else positive


def mean_grad_cams(
    readings: Sequence[Tensor], beside: Sequence[Mapping[str, np.ndarray] | None]
) -> list[dict[str, np.ndarray] | None]:
    """The Grad-CAM of the whole ensemble, for each photo: code -> (rows, columns) in [0, 1].

    `readings`: signed `class_maps` of each reading, (photos, 7, rows, columns), turned back. Each is
    taken per area, so that inputs of all sizes count alike, as they do in the logit. `beside`: the maps
    by `attributions`; the same diagnoses get a Grad-CAM, on one scale, or none where it is None.
    """
    per_area = [own * (own.shape[-2] * own.shape[-1]) for own in readings]
    found: list[dict[str, np.ndarray] | None] = [None] * len(beside)
    for row, maps in enumerate(beside):
        if maps is not None:
            labels = [CODES.index(code) for code in maps]
            few = on_shared_scale(averaged_maps([own[row, labels][None] for own in per_area])[0])
            found[row] = dict(zip(maps, few.numpy(), strict=True))
    return found


def heat_on_lesion(class_map: np.ndarray, mask: np.ndarray) -> float:
    """Share in [0, 1] of the map's sum that lies inside the mask; NaN when the map is all zero.

    `class_map`: (rows, columns), no value below 0; enlarged bilinearly to the mask's size.
    `mask`: (side, side) bool.
    """
    heat = torch.from_numpy(np.ascontiguousarray(class_map, dtype=np.float64))[None, None]
    enlarged = F.interpolate(heat, mask.shape, mode="bilinear", align_corners=False)[0, 0].numpy()
    total = float(enlarged.sum())
    return float(enlarged[mask].sum()) / total if total > 0 else float("nan")


def place_of_heat(class_map: np.ndarray) -> tuple[int, int] | None:
    """The ninth of the square with most of a map's heat: (row, column) in {0, 1, 2}.

    `class_map`: (rows, columns) in [0, 1], not all zero. None where no ninth holds `MOST` of the heat.
    """
    fine = torch.from_numpy(np.asarray(class_map, dtype=np.float32))[None, None]
    ninths = F.interpolate(fine, (96, 96), mode="area")[0, 0].reshape(3, 32, 3, 32).sum(dim=(1, 3))
    shares = ninths / ninths.sum()
    best = int(shares.argmax())
    return (best // 3, best % 3) if float(shares.flatten()[best]) >= MOST else None
