"""The recipes: four published systems and our own.

We chose the fields that a publication, as far as we could read it, leaves open; each recipe's `ours`
lists them.
"""

from dataclasses import replace

from train.data.augment import Augmentation
from train.recipes.backbones import member_config, swin_stages_123
from train.recipes.recipe import Recipe, Stage

FLAGSHIP = Recipe(
    name="flagship",
    member=swin_stages_123(160).model_copy(update={"view_sizes": (160, 192, 224)}),
    stages=(Stage(epochs=8, frozen=("patch_embed", "layers.0", "layers.1")),),
    averaging=0.995,
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
    ours=("member.size", "member.hidden", "member.dropout", "batch", "stages", "clip", "augmentation"),
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
