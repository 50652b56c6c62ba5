"""Maps of what a member looks at: ours, those of the grad-cam library, and maps that know nothing.

Ours are `skin_app.heatmap.attributions`. The others are Grad-CAM (Selvaraju et al. 2017), Grad-CAM++
(Chattopadhay et al. 2018), HiResCAM (Draelos and Carin 2020), LayerCAM (Jiang et al. 2021) and
Eigen-CAM (Muhammad and Yeasin 2020), by the installed library. Maps that know nothing are what all of
them have to beat: lesions lie in the middle of dermatoscopic images.
"""

import copy
from collections.abc import Mapping

import numpy as np
import torch
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM
from pytorch_grad_cam.base_cam import BaseCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
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
    """A copy of a member's head as the library wants it: a module from feature maps to logits.

    All of the library's methods here need no gradient below the last feature map, so the backbone is
    left out. Being a copy with gradients on, it leaves nothing behind on the frozen, shared member.
    """

    def __init__(self, member: Member) -> None:
        super().__init__()
        without = {id(member.backbone): nn.Identity()}  # deepcopy takes it for copied already
        self.member = copy.deepcopy(member, without).requires_grad_(True)
        self.spatial = nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """Logits (batch, 7) of `features`, (batch, channels, rows, columns)."""
        return self.member.head(self.member.pooled(self.spatial(features.requires_grad_(True))))


def our_maps(
    member: Member, images: Tensor, labels: np.ndarray, probabilities: np.ndarray
) -> np.ndarray:
    """Our map of one class an image: (batch, rows, columns), positive part, 1 at its own peak.

    `images`: (batch, 3, size, size) in [0, 1]; `labels`: (batch,) in [0, 7); `probabilities`:
    (batch, 7) calibrated. A map without any positive place is all zero.
    """
    device = next(member.parameters()).device
    shares = torch.as_tensor(probabilities, dtype=torch.float32)
    scores = against_the_others(torch.as_tensor(labels), shares).to(device)
    positive = attributions(member, images.to(device), scores)[:, 0].float().clamp(min=0)
    peak = positive.amax(dim=(1, 2), keepdim=True)
    return torch.where(peak > 0, positive / peak, 0).cpu().numpy()


def library_maps(member: Member, features: Tensor, labels: np.ndarray) -> dict[str, np.ndarray]:
    """The library's maps of one class an image, by method: (batch, rows, columns) in [0, 1].

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
    """Our maps and the library's, of one class an image: name -> (batch, rows, columns) in [0, 1].

    `images`: (batch, 3, size, size) in [0, 1]; `reading`: what `member` said of them;
    `probabilities`: (batch, 7), the same calibrated.
    """
    return {
        OURS: our_maps(member, images, labels, probabilities),
        **library_maps(member, reading.features, labels),
    }


def centre_gaussian(rows: int, columns: int) -> np.ndarray:
    """A map that only knows where the middle is: (rows, columns) in (0, 1], isotropic on the square."""
    y, x = np.indices((rows, columns)) + 0.5
    squared = (y / rows - 0.5) ** 2 + (x / columns - 0.5) ** 2
    return np.exp(-squared / (2 * CENTRE_WIDTH**2))


def random_map(rows: int, columns: int, seed: int) -> np.ndarray:
    """Independent numbers in [0, 1), (rows, columns): as coarse as a real map of that many places."""
    return np.random.default_rng(seed).random((rows, columns))


def enlarged(heat: np.ndarray, size: int) -> np.ndarray:
    """A map (rows, columns) on the pixels it speaks of, (size, size), bilinearly as on the page."""
    values = torch.from_numpy(np.ascontiguousarray(heat, dtype=np.float64))[None, None]
    return F.interpolate(values, (size, size), mode="bilinear", align_corners=False)[0, 0].numpy()
