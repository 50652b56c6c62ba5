"""Recipes: everything that decides a training run, one frozen dataclass each."""

from dataclasses import asdict, dataclass, field
from typing import Any

from skin_app.network import MemberConfig
from train.augment import Augmentation

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Recipe:
    """One training recipe.

    `frozen`: prefixes of backbone parameters that are not trained. `class_weight_power`: 0 none, 1
    class-ratio weights. `focal_gamma`: 0 is cross-entropy. `backbone_rate`, `head_rate`: peak AdamW
    rates; `layer_decay`: rate factor per layer towards the input. `averaging`: decay of the running
    mean of the weights (EMA), which is what is validated and shipped. `patience`: epochs without a
    better validation loss before stopping. `cache_side`: side of the cached squares in pixels.
    `shipped`: how many members go into the weights folder (fewer than `folds` keeps it under 64 MB).
    """

    name: str
    member: MemberConfig
    folds: int = 5
    epochs: int = 3
    batch: int = 32
    backbone_rate: float = 2e-4
    head_rate: float = 1e-3
    layer_decay: float = 0.85
    weight_decay: float = 0.05
    warmup_share: float = 0.1
    focal_gamma: float = 1.0
    class_weight_power: float = 0.5
    smoothing: float = 0.0
    averaging: float = 0.99
    patience: int = 2
    clip: float = 1.0
    frozen: tuple[str, ...] = ()
    cache_side: int = 256
    shipped: int = 2
    augmentation: Augmentation = field(default_factory=Augmentation)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {**asdict(self), "member": self.member.model_dump(mode="json")}


FLAGSHIP = Recipe(
    name="flagship",
    member=MemberConfig(
        architecture="swin_tiny_patch4_window7_224",
        arguments={"img_size": 160, "window_size": 5, "drop_path_rate": 0.1},
        stages=3,
        size=160,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    ),
    frozen=("patch_embed", "layers.0", "layers.1"),
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (FLAGSHIP,)}
