"""The contrastive stage of SuperCon 2022: a projection head and the supervised contrastive loss.

Source: Khosla et al., "Supervised Contrastive Learning" (2020), equation 2 (L_out).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skin_app.network import Member


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
