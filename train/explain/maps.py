"""Maps of what a member looks at: ours, the grad-cam library's, and two controls without a network.

Ours are `skin_app.heatmap.attributions`. The library's are Grad-CAM (Selvaraju et al. 2017), Grad-CAM++
(Chattopadhay et al. 2018), HiResCAM (Draelos and Carin 2020), LayerCAM (Jiang et al. 2021) and
Eigen-CAM (Muhammad and Yeasin 2020). Useful maps must beat the controls: a random map, and a spot in
the middle, where lesions lie in dermatoscopic images.
"""

import copy
from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM
from pytorch_grad_cam.base_cam import BaseCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn import functional as F

from skin_app.heatmap import against_the_others, attributions
from skin_app.network import Member, MemberOutput

OURS, CENTRE, RANDOM = "ours", "centre Gaussian", "random"
METHODS: Mapping[str, type[BaseCAM]] = {
    "Grad-CAM": GradCAM,
    "Grad-CAM++": GradCAMPlusPlus,
    "HiResCAM": HiResCAM,
    "LayerCAM": LayerCAM,
    "Eigen-CAM": EigenCAM,
}
EXPLAINING = (OURS, *METHODS)
CENTRE_WIDTH = 0.25  # standard deviation of the centre Gaussian, in sides of the square


class HeadOfFeatures(nn.Module):
    """A copy of a member's head as the library needs it: a module from feature maps to logits.

    None of the methods here needs a gradient below the last feature map, so the backbone is left out.
    The copy has gradients on; the frozen, shared member stays as it is.
    """

    def __init__(self, member: Member) -> None:
        super().__init__()
        without = {id(member.backbone): nn.Identity()}  # so deepcopy does not copy the backbone
        self.member = copy.deepcopy(member, without).requires_grad_(True)
        self.spatial = nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """Logits (batch, 7) of `features`, (batch, channels, rows, columns)."""
        return self.member.head(self.member.pooled(self.spatial(features.requires_grad_(True))))


def our_maps(
    member: Member, images: Tensor, labels: np.ndarray, probabilities: np.ndarray
) -> np.ndarray:
    """Our map of one class per image: (batch, rows, columns), positive part, scaled to a peak of 1.

    `images`: (batch, 3, size, size) in [0, 1]; `labels`: (batch,) in [0, 7); `probabilities`:
    (batch, 7) calibrated. A map without any positive place is all zero.
    """
    device = next(member.parameters()).device
    shares = torch.as_tensor(probabilities, dtype=torch.float32)
    scores = against_the_others(torch.as_tensor(labels)[:, None], shares).to(device)
    positive = attributions(member, images.to(device), scores)[:, 0].float().clamp(min=0)
    peak = positive.amax(dim=(1, 2), keepdim=True)
    return torch.where(peak > 0, positive / peak, 0).cpu().numpy()


def library_maps(member: Member, features: Tensor, labels: np.ndarray) -> dict[str, np.ndarray]:
    """The library's maps of one class per image, by method: (batch, rows, columns) in [0, 1].

    `features`: the member's last feature map, (batch, channels, rows, columns). As the library gives
    them: the positive part, less its minimum, divided by its maximum. The sign of Eigen-CAM, which asks
    for no class, is that of a singular vector: arbitrary.
    """
    maps = {}
    targets = [ClassifierOutputTarget(int(label)) for label in labels]
    with torch.inference_mode(False), torch.enable_grad():
        head = HeadOfFeatures(member)
        entered = features.detach().float().clone()
        for name, method in METHODS.items():
            explain = method(model=head, target_layers=[head.spatial])
            # not in a `with`: there the library prints IndexErrors and goes on
            try:
                maps[name] = explain(entered.clone(), targets)  # type: ignore[arg-type]
            finally:
                explain.activations_and_grads.release()
    return maps


def maps_by_method(
    member: Member,
    images: Tensor,
    reading: MemberOutput,
    labels: np.ndarray,
    probabilities: np.ndarray,
) -> dict[str, np.ndarray]:
    """Our maps and the library's, of one class per image: name -> (batch, rows, columns) in [0, 1].

    `images`: (batch, 3, size, size) in [0, 1]; `reading`: the output of `member` for them;
    `probabilities`: (batch, 7), the same calibrated.
    """
    return {
        OURS: our_maps(member, images, labels, probabilities),
        **library_maps(member, reading.features, labels),
    }


def centre_gaussian(rows: int, columns: int) -> np.ndarray:
    """A spot in the middle, (rows, columns) in (0, 1], isotropic on the square."""
    y, x = np.indices((rows, columns)) + 0.5
    squared = (y / rows - 0.5) ** 2 + (x / columns - 0.5) ** 2
    return np.exp(-squared / (2 * CENTRE_WIDTH**2))


def random_map(rows: int, columns: int, seed: int) -> np.ndarray:
    """Independent numbers in [0, 1), (rows, columns)."""
    return np.random.default_rng(seed).random((rows, columns))


def randomised(member: Member, part: Literal["head", "all"], seed: int = 0) -> Member:
    """A copy of `member` whose head, or all of whose weights, are drawn anew (Adebayo et al. 2018)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = Member(member.config)
    if part == "head":
        fresh.backbone = copy.deepcopy(member.backbone)
    return fresh.to(member.mean.device).train(member.training)


def rank_correlation(one: Tensor, other: Tensor) -> float:
    """Spearman's rank correlation of two maps of the same shape, in [-1, 1]; NaN for a constant one."""
    ranks = [rankdata(values.detach().cpu().flatten().numpy()) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


def enlarged(heat: np.ndarray, size: int) -> np.ndarray:
    """A map (rows, columns) enlarged bilinearly to (size, size) pixels."""
    values = torch.from_numpy(np.ascontiguousarray(heat, dtype=np.float64))[None, None]
    return F.interpolate(values, (size, size), mode="bilinear", align_corners=False)[0, 0].numpy()
