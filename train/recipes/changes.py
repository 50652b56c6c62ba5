"""The changes that a study's settings make: functions from the study's recipe to the setting's."""

from collections.abc import Callable
from dataclasses import replace

from train.data.augment import Augmentation
from train.recipes.backbones import member_config, swin_stages_123
from train.recipes.overrides import changed
from train.recipes.recipe import Recipe

Change = Callable[[Recipe], Recipe]


def no_augmentation(recipe: Recipe) -> Recipe:
    """`recipe` on plain centre squares."""
    none = Augmentation(
        rotation=0.0,
        flip=False,
        crop=(1.0, 1.0),
        shift=0.0,
        cutout=0.0,
        cutout_probability=0.0,
        brightness=0.0,
        contrast=0.0,
        saturation=0.0,
        hue_gain=0.0,
    )
    return replace(recipe, augmentation=none)


def member_with(**values: object) -> Change:
    """Change fields of the recipe's member."""
    return lambda recipe: replace(recipe, member=recipe.member.model_copy(update=values))


def with_backbone(name: str) -> Change:
    """Change the backbone, at the recipe's input size."""
    return lambda recipe: changed(recipe, name, recipe.member.size)


def recipe_with(**values: object) -> Change:
    """Change fields of the recipe."""
    return lambda recipe: replace(recipe, **values)  # pyright: ignore[reportArgumentType]


def one_stage(recipe: Recipe) -> Recipe:
    """A two-stage recipe's network trained as a whole by the classifier's loss.

    It gets as many epochs as the contrastive stage had.
    """
    contrastive, classifier = recipe.stages
    whole = replace(classifier, name="all", frozen=contrastive.frozen, epochs=contrastive.epochs)
    return replace(recipe, stages=(whole,))


def trained_for(epochs: int, averaging: float) -> Change:
    """The recipe's first stage for `epochs`; `averaging` is the decay of the running mean."""

    def change(recipe: Recipe) -> Recipe:
        stage = replace(recipe.stages[0], epochs=epochs)
        return replace(recipe, stages=(stage,), averaging=averaging)

    return change


def one_more(**values: object) -> Change:
    """One more epoch at a quarter of the first stage's rates; `values` change fields of that stage."""

    def change(recipe: Recipe) -> Recipe:
        first = recipe.stages[0]
        gentle = replace(
            first,
            epochs=1,
            backbone_rate=first.backbone_rate / 4,
            head_rate=first.head_rate / 4,
        )
        stage = replace(gentle, **values)  # pyright: ignore[reportArgumentType]
        return replace(recipe, stages=(stage,), averaging=0.99)

    return change


def both(first: Change, then: Change) -> Change:
    """Two changes, one after the other."""
    return lambda recipe: then(first(recipe))


def augmented(**values: object) -> Change:
    """Change fields of the recipe's augmentation."""

    def change(recipe: Recipe) -> Recipe:
        other = replace(recipe.augmentation, **values)  # pyright: ignore[reportArgumentType]
        return replace(recipe, augmentation=other)

    return change


def at_size(size: int) -> Change:
    """Swin stages 1-3 at another input size."""

    def change(recipe: Recipe) -> Recipe:
        member = swin_stages_123(size)
        wanted = member.model_dump(include={"arguments", "size"})
        return replace(recipe, member=recipe.member.model_copy(update=wanted))

    return change


def unlike(architecture: str, size: int, epochs: int) -> Change:
    """Another backbone, all of it trained for `epochs`, at one input size of `size` pixels."""

    def change(recipe: Recipe) -> Recipe:
        other = member_config(architecture, size)
        wanted = other.model_dump(include={"architecture", "arguments", "size", "mean", "std"})
        member = recipe.member.model_copy(
            update={
                **wanted,
                "arguments": {**other.arguments, "drop_path_rate": 0.1},
                "stages": None,
                "view_sizes": (),
            }
        )
        stage = replace(recipe.stages[0], epochs=epochs, frozen=())
        return replace(recipe, member=member, stages=(stage,))

    return change


def rebuilt(recipe: Recipe) -> Recipe:
    """The flagship trained whole at 192 px, on images as other cameras and clinics take them."""
    stage = replace(
        recipe.stages[0],
        epochs=9,
        frozen=(),
        backbone_rate=2.5e-4,
        layer_decay=0.8,
        patience=9,
        sizes=(96, 96, 96, 96, 192),
    )
    augmentation = Augmentation(
        cutout_probability=0.2,
        brightness=0.2,
        contrast=0.2,
        saturation=0.25,
        mixup=0.1,
        painted=0.3,
        surround=0.15,
        uneven_light=0.2,
        cast=0.25,
        constancy=0.15,
        blur=0.15,
        jpeg=0.2,
    )
    member = swin_stages_123(192)
    arguments = {**member.arguments, "drop_path_rate": 0.2}
    return replace(
        recipe,
        member=member.model_copy(update={"arguments": arguments, "view_sizes": (192, 224)}),
        stages=(stage,),
        focal_gamma=0.0,
        class_weight_power=0.0,
        logit_adjustment=1.0,
        averaging=0.996,
        augmentation=augmentation,
    )


def longer(recipe: Recipe) -> Recipe:
    """`rebuilt`, ten more epochs at 192 px with half the damage, no mixup, less stochastic depth."""
    whole = rebuilt(recipe)
    stage = replace(whole.stages[0], epochs=10, backbone_rate=2e-4, patience=10, sizes=())
    augmentation = replace(
        whole.augmentation,
        mixup=0.0,
        painted=0.2,
        surround=0.1,
        uneven_light=0.1,
        constancy=0.1,
        blur=0.1,
        jpeg=0.15,
    )
    arguments = {**whole.member.arguments, "drop_path_rate": 0.1}
    member = whole.member.model_copy(update={"arguments": arguments})
    return replace(whole, member=member, stages=(stage,), augmentation=augmentation)


def viewed_at(*sizes: int) -> Change:
    """Nothing trained: other sizes of the views, in pixels."""
    return lambda recipe: replace(member_with(view_sizes=sizes)(recipe), stages=())


def unchanged(recipe: Recipe) -> Recipe:
    """The study's recipe itself."""
    return recipe
