"""Recipes: everything that decides a training run, one frozen dataclass each.

Four published systems and our own. What a publication leaves open (in what we could read of it) is
our choice; `ours` of each recipe names those fields.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from skin_app.network import MemberConfig
from train.augment import Augmentation
from train.backbones import member_config, swin_stages_123


@dataclass(frozen=True)
class Stage:
    """One stretch of training with its own trainable part, optimiser and schedule.

    `objective`: "classify", or "contrast" (supervised contrastive; no validation, its last weights go
    on). `frozen`: prefixes of backbone parameter names that are not trained ("" is all of them).
    `backbone_rate`, `head_rate`: peak rates; `layer_decay`: rate factor per layer towards the input.
    `schedule`: "cosine" (linear warm-up over `warmup_share` of the steps, then half a cosine),
    "restarts" (SGDR: cosine cycles, the first `cycle_epochs` long, each `cycle_growth` times the one
    before), "plateau" (times `plateau_factor` after `plateau_patience` epochs without a better
    validation loss) or "constant". `patience`: epochs without a better validation loss before stopping.
    """

    name: str = "all"
    epochs: int = 3
    objective: Literal["classify", "contrast"] = "classify"
    frozen: tuple[str, ...] = ()
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    backbone_rate: float = 2e-4
    head_rate: float = 1e-3
    layer_decay: float = 0.85
    weight_decay: float = 0.05
    momentum: float = 0.9
    schedule: Literal["cosine", "restarts", "plateau", "constant"] = "cosine"
    warmup_share: float = 0.1
    cycle_epochs: int = 1
    cycle_growth: int = 2
    plateau_factor: float = 0.5
    plateau_patience: int = 2
    patience: int = 2


@dataclass(frozen=True)
class Recipe:
    """One training recipe.

    `split`: "lesion" (no lesion on both sides) or "image" (as in 2020; leaks, for comparison only).
    `sampling`: "shuffle"; "balanced" (each batch holds all diagnoses equally often, drawn with
    replacement) or "expanded" (each epoch repeats rare diagnoses up to `expansion` times the
    commonest's count). `loss`: "focal" (`focal_gamma` 0 is cross-entropy) or "one_vs_rest" (binary
    cross-entropy). `class_weight_power`: 0 none, 1 class-ratio weights; `class_boost`: further factors
    by diagnosis. `temperature`, `projection`: of the contrastive stage. `averaging`: decay of the
    running mean of the weights (EMA), which is what is validated and shipped; 0 is none. `cache_side`:
    side of the cached squares in pixels. `shipped`: how many members go into the weights folder.
    `source`: the publication; `ours`: the fields that it leaves open and that we chose.
    """

    name: str
    member: MemberConfig
    source: str = ""
    ours: tuple[str, ...] = ()
    split: Literal["lesion", "image"] = "lesion"
    folds: int = 5
    batch: int = 32
    stages: tuple[Stage, ...] = (Stage(),)
    sampling: Literal["shuffle", "balanced", "expanded"] = "shuffle"
    expansion: float = 1.0
    loss: Literal["focal", "one_vs_rest"] = "focal"
    focal_gamma: float = 1.0
    class_weight_power: float = 0.5
    class_boost: tuple[tuple[str, float], ...] = ()
    smoothing: float = 0.0
    temperature: float = 0.1
    projection: int = 128
    averaging: float = 0.99
    clip: float = 1.0
    cache_side: int = 256
    shipped: int = 2
    augmentation: Augmentation = field(default_factory=Augmentation)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {**asdict(self), "member": self.member.model_dump(mode="json")}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Recipe":
        """The recipe that `to_dict` (or its JSON) describes.

        Raises `TypeError` or `ValueError` for unknown fields and impossible values.
        """
        parts = dict(values)
        parts["member"] = MemberConfig.model_validate(parts["member"])
        augmentation = dict(parts["augmentation"])
        augmentation["crop"] = tuple(augmentation["crop"])
        parts["augmentation"] = Augmentation(**augmentation)
        parts["stages"] = tuple(
            Stage(**{**stage, "frozen": tuple(stage["frozen"])}) for stage in parts["stages"]
        )
        parts["ours"] = tuple(parts["ours"])
        parts["class_boost"] = tuple((code, factor) for code, factor in parts["class_boost"])
        return cls(**parts)


FLAGSHIP = Recipe(
    name="flagship",
    member=swin_stages_123(160),
    stages=(Stage(frozen=("patch_embed", "layers.0", "layers.1")),),
)

LE2020 = Recipe(
    name="le2020",
    source="Le, Le, Ngo, Ngo: Transfer learning with class-weighted and focal loss function for "
    "automatic skin cancer classification (2020)",
    ours=(
        "member.size",
        "member.hidden",
        "member.dropout",
        "batch",
        "stages",
        "focal_gamma",
        "clip",
        "augmentation",
    ),
    member=member_config("resnet50", 224).model_copy(update={"hidden": 512, "dropout": 0.5}),
    stages=(Stage(epochs=30, backbone_rate=1e-4, head_rate=1e-3, layer_decay=1.0, patience=6),),
    focal_gamma=2.0,
    class_weight_power=1.0,
    averaging=0.0,
    shipped=5,
)

MISHRA2019 = Recipe(
    name="mishra2019",
    source="Mishra, Imaizumi, Yamasaki: Interpreting fine-grained dermatological classification by "
    "deep learning (2019)",
    ours=("member.size", "member.hidden", "member.dropout", "batch", "stages", "augmentation"),
    member=member_config("resnet34", 224).model_copy(update={"hidden": 512, "dropout": 0.25}),
    loss="one_vs_rest",
    sampling="balanced",
    class_weight_power=0.0,
    averaging=0.0,
    shipped=3,
    stages=(
        Stage(
            name="last layers",
            epochs=3,
            frozen=("",),
            optimiser="sgd",
            head_rate=1e-2,
            weight_decay=1e-4,
            schedule="restarts",
            patience=3,
        ),
        Stage(
            name="all",
            epochs=15,
            optimiser="sgd",
            backbone_rate=1e-2,
            head_rate=1e-2,
            layer_decay=0.85,
            weight_decay=1e-4,
            schedule="restarts",
            patience=8,
        ),
    ),
)

TEES3R2019 = Recipe(
    name="tees3r2019",
    source="tees3r/HAM10K: MobileNet, last 23 layers trainable (2019)",
    ours=("member.hidden", "averaging", "clip"),
    member=member_config("mobilenetv1_100", 224).model_copy(update={"hidden": 0, "dropout": 0.25}),
    batch=10,
    sampling="expanded",
    focal_gamma=0.0,
    class_weight_power=0.0,
    class_boost=(("mel", 3.0),),
    averaging=0.0,
    shipped=1,
    stages=(
        Stage(
            name="last 23 layers",
            epochs=30,
            frozen=(
                "conv_stem",
                "bn1",
                "blocks.0",
                "blocks.1",
                "blocks.2",
                *(f"blocks.3.{block}." for block in range(5)),
            ),
            optimiser="adam",
            backbone_rate=1e-2,
            head_rate=1e-2,
            layer_decay=1.0,
            weight_decay=0.0,
            schedule="plateau",
            plateau_factor=0.5,
            plateau_patience=2,
            patience=6,
        ),
    ),
    augmentation=Augmentation(
        rotation=180.0,
        crop=(0.9, 1.1),
        shift=0.1,
        cutout=0.0,
        brightness=0.0,
        contrast=0.0,
        saturation=0.0,
        hue_gain=0.0,
    ),
)


def contrastive_stages(stage: Stage, epochs: int) -> tuple[Stage, Stage]:
    """Two in place of `stage`: a contrastive one of `epochs`, then `stage` on frozen features."""
    return (
        replace(stage, name="contrastive", objective="contrast", epochs=epochs),
        replace(stage, name="classifier", frozen=("",)),
    )


SUPERCON2022 = Recipe(
    name="supercon2022",
    source="Chen, Zhuang, Chang: SuperCon: supervised contrastive learning for imbalanced skin "
    "lesion classification (2022)",
    ours=(
        "member.size",
        "member.hidden",
        "member.dropout",
        "batch",
        "stages",
        "temperature",
        "projection",
        "focal_gamma",
        "class_weight_power",
        "clip",
        "augmentation",
    ),
    member=member_config("resnet50", 224).model_copy(update={"hidden": 512}),
    batch=128,
    focal_gamma=2.0,
    class_weight_power=0.0,
    averaging=0.0,
    stages=contrastive_stages(
        Stage(epochs=15, backbone_rate=3e-4, layer_decay=1.0, patience=5), epochs=30
    ),
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (FLAGSHIP, LE2020, MISHRA2019, TEES3R2019, SUPERCON2022)
}


def changed_fields(recipe: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Where `recipe` (as `to_dict` gives it) differs from the recipe of its name.

    Returns dotted field -> (value of the recipe as named, value used); a field that only one of the
    two has (a stage, an argument of the backbone) counts as None in the other. Raises `KeyError` for
    a name that is no recipe.
    """
    named, used = (
        _leaves(json.loads(json.dumps(values)))
        for values in (RECIPES[recipe["name"]].to_dict(), recipe)
    )
    fields = [*named, *(field for field in used if field not in named)]
    pairs = {field: (named.get(field), used.get(field)) for field in fields}
    return {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}


def _leaves(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        items = [(str(key), part) for key, part in value.items()]
    elif path == "stages":
        items = [(str(index), part) for index, part in enumerate(value)]
    else:
        return {path: value}
    leaves: dict[str, Any] = {}
    for key, part in items:
        leaves |= _leaves(part, f"{path}.{key}" if path else key)
    return leaves
