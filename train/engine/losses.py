"""The losses that a stage can minimise: focal, one-vs-rest, or supervised contrastive.

Sources: Lin et al., "Focal Loss for Dense Object Detection" (2017), equation 5; Le et al., "Transfer
learning with class-weighted and focal loss function for automatic skin cancer classification" (2020);
Khosla et al., "Supervised Contrastive Learning" (2020), equation 2 (L_out), as used by SuperCon (2022).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skin_app.network import Member


def focal_loss(
    logits: Tensor, targets: Tensor, weights: Tensor, gamma: float, smoothing: float = 0.0
) -> Tensor:
    """Class-weighted multi-class focal loss, averaged over the batch.

    `logits`: (batch, classes); `targets`: (batch, classes) probabilities (one-hot or mixed);
    `weights`: (classes,). gamma 0 and weights 1 are plain cross-entropy.
    """
    classes = logits.shape[1]
    targets = targets * (1 - smoothing) + smoothing / classes
    log_probabilities = F.log_softmax(logits, dim=1)
    modulation = (1 - log_probabilities.exp()).clamp(min=0) ** gamma
    return -(targets * weights * modulation * log_probabilities).sum(dim=1).mean()


def one_vs_rest_loss(
    logits: Tensor, targets: Tensor, weights: Tensor, smoothing: float = 0.0
) -> Tensor:
    """Binary cross-entropy of each class against the rest, summed over classes, mean over the batch.

    Shapes as in `focal_loss`; `weights` scale whole images by their class (Mishra et al. 2019).
    """
    of_image = (targets * weights).sum(dim=1)
    targets = targets * (1 - smoothing) + smoothing / 2
    per_class = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (per_class.sum(dim=1) * of_image).mean()


class ContrastiveNetwork(nn.Module):
    """A member's backbone with a two-layer projection head in place of its dense layers."""

    def __init__(self, member: Member, width: int) -> None:
        super().__init__()
        self.member = member
        self.project = nn.Sequential(
            nn.Linear(member.channels, member.channels),
            nn.ReLU(),
            nn.Linear(member.channels, width),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Unit vectors (batch, width) of `images`, (batch, 3, size, size) in [0, 1]."""
        features = self.member.feature_map((images - self.member.mean) / self.member.std)
        return F.normalize(self.project(features.mean(dim=(2, 3))).float(), dim=1)


def contrastive_loss(vectors: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Supervised contrastive loss, mean over the anchors that have a positive.

    `vectors`: (batch, width) unit vectors, all views of all images; `labels`: (batch,). Positives
    of an anchor are the other vectors of its class. 0 when no anchor has one.
    """
    alone = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    alike = (labels[:, None] == labels[None]) & ~alone
    similarity = (vectors @ vectors.T / temperature).masked_fill(alone, float("-inf"))
    log_share = similarity - torch.logsumexp(similarity, dim=1, keepdim=True)
    positives = alike.sum(dim=1)
    of_anchor = -log_share.masked_fill(~alike, 0.0).sum(dim=1) / positives.clamp(min=1)
    return of_anchor.sum() / (positives > 0).sum().clamp(min=1)
