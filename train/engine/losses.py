"""Losses for unbalanced diagnoses: class weights, focal loss, one-vs-rest.

Sources: Lin et al., "Focal Loss for Dense Object Detection" (2017), equation 5; Le et al.,
"Transfer learning with class-weighted and focal loss function for automatic skin cancer
classification" (2020).
"""

from torch import Tensor
from torch.nn import functional as F


def class_weights(counts: Tensor, power: float) -> Tensor:
    """Weights per class, mean 1 over the images.

    `counts`: (classes,) images per class (a class without any counts as one). `power`: 0
    gives no weighting, 1 the class-ratio weights of Le et al. 2020 (N / (classes * n)), 0.5 their
    square root.
    """
    counts = counts.clamp(min=1)
    weights = (counts.sum() / (len(counts) * counts.double())) ** power
    return (weights * counts.sum() / (weights * counts).sum()).float()


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
