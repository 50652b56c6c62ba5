"""Recipes as values: every one builds, survives JSON, and says what was changed in it."""

import json
from dataclasses import replace

import pytest
import timm

from train.engine.run import RunError
from train.recipes.backbones import PRESETS, member_config
from train.recipes.changes import changed, changed_fields, parsed_fields
from train.recipes.published import FLAGSHIP, RECIPES
from train.recipes.recipe import Recipe
from train.recipes.studies import STUDIES


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_survives_json(name: str) -> None:
    recipe = RECIPES[name]
    again = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert again == recipe
    assert changed_fields(again.to_dict()) == {}


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_what_a_recipe_calls_our_choice_is_one_of_its_fields(name: str) -> None:
    values = RECIPES[name].to_dict()
    for path in RECIPES[name].ours:
        part = values
        for key in path.split("."):
            assert key in part
            part = part[key]
    assert bool(RECIPES[name].source) == (name != "flagship")


def test_frozen_names_exist_in_their_backbones() -> None:
    """A prefix that matches nothing would freeze nothing and say nothing."""
    recipe = RECIPES["tees3r2019"]
    backbone = timm.create_model(recipe.member.architecture, num_classes=0, global_pool="")
    names = [name for name, _ in backbone.named_parameters()]
    for prefix in recipe.stages[0].frozen:
        assert any(name.startswith(prefix) for name in names), prefix
    trained = [name for name in names if not name.startswith(recipe.stages[0].frozen)]
    assert {".".join(name.split(".")[:3]) for name in trained} == {
        "blocks.3.5",
        "blocks.4.0",
        "blocks.4.1",
    }


def test_sizes_grow_epoch_by_epoch_and_the_last_goes_on() -> None:
    stage = replace(FLAGSHIP.stages[0], sizes=(80, 80, 160))
    assert [stage.size_of_epoch(epoch) for epoch in range(5)] == [80, 80, 160, 160, 160]
    assert FLAGSHIP.stages[0].size_of_epoch(3) is None
    assert replace(FLAGSHIP, stages=(stage,)).stages[0] == stage
    with pytest.raises(ValueError, match="cannot be trained at 128 px: use a multiple of 80"):
        replace(FLAGSHIP, stages=(replace(stage, sizes=(128, 160)),))
    with pytest.raises(ValueError, match="at 96 px: its weights are made for 64 px alone"):
        replace(
            FLAGSHIP,
            stages=(replace(stage, sizes=(96,)),),
            member=member_config("vit_tiny_patch16_224", 64),
        )


def test_settings_change_what_they_name_and_results_can_tell() -> None:
    recipe = changed(
        RECIPES["le2020"],
        backbone="swin_tiny_stages123",
        size=80,
        fields=parsed_fields(
            ["stages.0.epochs=2", "member.dropout=0", 'stages.0.frozen=["patch_embed"]']
        ),
    )
    assert recipe.stages[0].epochs == 2
    assert recipe.stages[0].frozen == ("patch_embed",)
    assert (recipe.member.stages, recipe.member.size, recipe.member.dropout) == (3, 80, 0)
    assert recipe.member.hidden == RECIPES["le2020"].member.hidden  # the head is the recipe's
    told = changed_fields(recipe.to_dict())
    assert told["member.architecture"] == ("resnet50", "swin_tiny_patch4_window7_224")
    assert told["stages.0.epochs"] == (30, 2)
    assert told["member.dropout"] == (0.5, 0)
    assert "batch" not in told


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("epochs=2", r"no field epochs: see the dataclasses in train/recipes/recipe\.py"),
        ("stages.4.epochs=2", "no field stages.4.epochs"),
        ("stages.0.epochs", "has no value"),
        ("batch=many", "is a number"),
        ("member.dropout=2", "impossible: member.dropout"),
        ("split=lesions", "impossible: split: Input should be 'lesion' or 'image'"),
        ("stages.0.schedule=cosin", "impossible: stages.0.schedule"),
        ("stages.0.epochs=0", "epochs of a stage must be at least 1"),
        ("stages.0.cycle_growth=0", "cycle_growth"),
        ("batch=0", "batch must be at least 1"),
        ('stages.0.objective="contrast"', "last stage must be one that classifies"),
        ("cache_side=128", "cache_side must be at least 224, the largest size"),
        ("stages.0.sizes=[224, 320]", "cache_side must be at least 320, the largest size"),
        ('class_boost=[["melanoma", 3]]', "class_boost takes factors above 0 of akiec, bcc"),
        ('class_boost=[["mel", 0]]', "class_boost takes factors above 0"),
    ],
)
def test_impossible_settings_are_refused_in_a_sentence(field: str, sentence: str) -> None:
    with pytest.raises(RunError, match=sentence):
        changed(RECIPES["le2020"], fields=parsed_fields([field]))


def test_a_larger_input_is_trained_on_as_many_pixels() -> None:
    assert changed(RECIPES["le2020"], size=384).cache_side == 384
    assert changed(RECIPES["le2020"], size=160).cache_side == 256


def test_any_timm_backbone_brings_its_own_normalisation() -> None:
    vit = member_config("vit_tiny_patch16_224", 64)
    assert vit.mean == (0.5, 0.5, 0.5)
    assert vit.arguments == {"img_size": 64}
    assert member_config("efficientnet_b1").size == 240
    with pytest.raises(RunError, match=r"no backbone resnet50x.*swin_tiny_stages123"):
        member_config("resnet50x")
    for name, size, sentence in (
        ("resnet50", -5, "use 32 or more"),
        ("resnet50.typo", None, "no weights called"),
    ):
        with pytest.raises(RunError, match=sentence):
            member_config(name, size)
    with pytest.raises(RunError, match="needs a size such as"):
        PRESETS["swin_tiny_stages123"](100)


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_the_settings_of_a_study_differ_from_its_baseline(name: str) -> None:
    study = STUDIES[name]
    recipes = [setting.change(study.recipe).to_dict() for setting in study.settings]
    assert len({json.dumps(recipe, sort_keys=True) for recipe in recipes}) == len(recipes)
    assert len({setting.name for setting in study.settings}) == len(recipes)
    for recipe in recipes:
        Recipe.from_dict(recipe)


def test_a_recipe_without_training_says_so_in_one_line() -> None:
    views = FLAGSHIP.member.model_copy(update={"view_sizes": (160, 192)})
    told = changed_fields(replace(FLAGSHIP, stages=(), member=views).to_dict())
    assert told == {"member.view_sizes": ([160, 192, 224], [160, 192]), "stages": (["all"], [])}


def test_the_ablations_are_the_published_ones() -> None:
    study = STUDIES["le2020-ablations"]
    full = study.recipe.to_dict()
    told = {
        setting.name: set(changed_fields(setting.change(study.recipe).to_dict()))
        for setting in study.settings
    }
    assert told.pop("full") == set()
    assert told["no-dropout"] == {"member.dropout"}
    assert told["no-class-weights"] == {"class_weight_power"}
    assert told["no-dense"] == {"member.hidden"}
    assert told["no-pooling"] == {"member.pool"}
    assert all(path.startswith("augmentation.") for path in told["no-augmentation"])
    assert full["focal_gamma"] > 0


def test_one_stage_of_supercon_trains_the_same_network() -> None:
    one, two = (setting.change(STUDIES["supercon"].recipe) for setting in STUDIES["supercon"].settings)
    assert one.member == two.member
    assert [stage.objective for stage in two.stages] == ["contrast", "classify"]
    assert [stage.objective for stage in one.stages] == ["classify"]
    assert one.stages[0].frozen == two.stages[0].frozen
    assert one.stages[0].epochs == two.stages[0].epochs
