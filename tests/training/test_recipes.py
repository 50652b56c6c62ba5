"""Recipes as values: every one builds, survives JSON, and says what was changed in it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import timm

from skin_app.network import Member
from train import study
from train.data.ham10000 import Dataset
from train.recipes.backbones import member_config
from train.recipes.changes import changed, changed_fields, parsed_fields
from train.recipes.published import FLAGSHIP, LE2020, RECIPES
from train.recipes.recipe import Recipe, RunError
from train.recipes.studies import STUDIES


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_survives_json_and_names_our_own_choices(name: str) -> None:
    recipe = RECIPES[name]
    again = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert again == recipe
    assert changed_fields(again.to_dict()) == {}
    for path in recipe.ours:
        part = recipe.to_dict()
        for key in path.split("."):
            part = part[key]  # is one of its fields
    assert bool(recipe.source) == (name != "flagship")


def test_the_flagship_ships_under_64_mb() -> None:
    parameters = sum(p.numel() for p in Member(FLAGSHIP.member).parameters())
    assert FLAGSHIP.shipped * parameters * 2 < 56_000_000


def test_the_last_23_layers_are_trained_as_published() -> None:
    recipe = RECIPES["tees3r2019"]
    backbone = timm.create_model(recipe.member.architecture, num_classes=0, global_pool="")
    names = [name for name, _ in backbone.named_parameters()]
    trained = [name for name in names if not name.startswith(recipe.stages[0].frozen)]
    blocks = {".".join(name.split(".")[:3]) for name in trained}
    assert blocks == {"blocks.3.5", "blocks.4.0", "blocks.4.1"}


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
        LE2020,
        backbone="swin_tiny_stages123",
        size=80,
        fields=parsed_fields(
            ["stages.0.epochs=2", "member.dropout=0", 'stages.0.frozen=["patch_embed"]']
        ),
    )
    assert recipe.stages[0].epochs == 2
    assert recipe.stages[0].frozen == ("patch_embed",)
    assert (recipe.member.stages, recipe.member.size, recipe.member.dropout) == (3, 80, 0)
    assert recipe.member.hidden == LE2020.member.hidden  # the head is the recipe's
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
        changed(LE2020, fields=parsed_fields([field]))


def test_any_timm_backbone_brings_its_own_normalisation() -> None:
    vit = member_config("vit_tiny_patch16_224", 64)
    assert (vit.mean, vit.arguments) == ((0.5, 0.5, 0.5), {"img_size": 64})
    assert member_config("efficientnet_b1").size == 240
    assert changed(LE2020, size=384).cache_side == 384  # trained on as many pixels
    assert changed(LE2020, size=160).cache_side == 256


@pytest.mark.parametrize(
    ("name", "size", "sentence"),
    [
        ("resnet50x", None, r"no backbone resnet50x.*swin_tiny_stages123"),
        ("resnet50", -5, "use 32 or more"),
        ("resnet50.typo", None, "no weights called"),
        ("swin_tiny_stages123", 100, "needs a size such as"),
        (None, 96, "--size of a cut backbone needs --backbone"),
    ],
)
def test_impossible_backbones_are_refused_in_a_sentence(
    name: str | None, size: int | None, sentence: str
) -> None:
    with pytest.raises(RunError, match=sentence):
        changed(FLAGSHIP, name, size)


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_the_settings_of_a_study_differ_from_its_baseline(name: str) -> None:
    settings, recipe = STUDIES[name].settings, STUDIES[name].recipe
    recipes = [setting.change(recipe).to_dict() for setting in settings]
    assert len({json.dumps(recipe, sort_keys=True) for recipe in recipes}) == len(recipes)
    assert len({setting.name for setting in settings}) == len(recipes)
    for recipe in recipes:
        Recipe.from_dict(recipe)


def test_a_recipe_without_training_says_so_in_one_line() -> None:
    views = FLAGSHIP.member.model_copy(update={"view_sizes": (160, 192)})
    told = changed_fields(replace(FLAGSHIP, stages=(), member=views).to_dict())
    assert told == {"member.view_sizes": ([160, 192, 224], [160, 192]), "stages": (["all"], [])}


def test_the_ablations_are_the_published_ones() -> None:
    told = {
        setting.name: set(changed_fields(setting.change(LE2020).to_dict()))
        for setting in STUDIES["le2020-ablations"].settings
    }
    assert all(path.startswith("augmentation.") for path in told.pop("no-augmentation"))
    assert told == {
        "full": set(),
        "no-dropout": {"member.dropout"},
        "no-class-weights": {"class_weight_power"},
        "no-dense": {"member.hidden"},
        "no-pooling": {"member.pool"},
    }
    assert LE2020.focal_gamma > 0


def test_one_stage_of_supercon_trains_the_same_network() -> None:
    one, two = (setting.change(STUDIES["supercon"].recipe) for setting in STUDIES["supercon"].settings)
    assert one.member == two.member
    assert [stage.objective for stage in two.stages] == ["contrast", "classify"]
    (whole,) = one.stages
    first = two.stages[0]
    assert whole == replace(two.stages[1], name="all", frozen=first.frozen, epochs=first.epochs)


def test_one_more_epoch_has_a_quarter_of_the_rates_that_the_command_line_sets() -> None:
    flagship = STUDIES["flagship"]
    recipe = changed(flagship.recipe, fields={"stages.0.backbone_rate": 8e-4})
    stages = [flagship.setting(name).change(recipe).stages[0] for name in ("one-more", "mixup")]
    assert [(stage.epochs, stage.backbone_rate) for stage in stages] == [(1, 2e-4)] * 2


def test_the_run_folder_of_a_setting_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finished runs are found again by it: another name would train them anew."""
    kept = STUDIES["full-runs"]
    monkeypatch.setattr(study, "prepare", lambda folder, *_: folder)
    plan = study.Plan(kept, FLAGSHIP, cast(Dataset, None), {}, (), Path("runs"), Path("evidence"))
    recipe = kept.setting("192-px-longer").change(FLAGSHIP)
    folder = study.prepared(plan, recipe, before=Path("runs/flagship-68434ecc4b"))
    assert folder == Path("runs/flagship-c50439e3dd")
