"""Changes to a recipe from the command line: another backbone, another size, any single field."""

import json
from typing import Any

from pydantic import ValidationError

from train.recipes.backbones import member_config
from train.recipes.recipe import Recipe, RunError


def changed(
    recipe: Recipe,
    backbone: str | None = None,
    size: int | None = None,
    fields: list[str] | None = None,
) -> Recipe:
    """`recipe` with another backbone and input size, then with the `fields` given as `path=value`.

    A path is dotted, with the number of the stage after `stages` (`stages.0.epochs=3`,
    `member.dropout=0`); values are JSON, or else plain words. The head (pooling, dense layers, dropout)
    stays the recipe's. Raises `RunError` for unknown paths and impossible values.
    """
    values = recipe.to_dict()
    if backbone is not None or size is not None:
        name = backbone or recipe.member.architecture
        if backbone is None and recipe.member.stages is not None:
            raise RunError("--size of a cut backbone needs --backbone, such as swin_tiny_stages123.")
        values["member"] |= member_config(name, size).model_dump(
            include={"architecture", "arguments", "stages", "size", "mean", "std", "view_sizes"}
        )
        # train on pixels at least as fine as those of the answer
        values["cache_side"] = max(values["cache_side"], values["member"]["size"])
    for setting in fields or []:
        path, equals, text = setting.partition("=")
        if not equals:
            raise RunError(f"--set {setting} has no value: write --set FIELD=VALUE.")
        _put(values, path, _value(text))
    try:
        return Recipe.from_dict(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RunError(f"The changed recipe is impossible: {where}: {first['msg']}.") from error


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _put(values: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    place: Any = values
    for parent in parents:
        if isinstance(place, dict):
            place = place.get(parent)
        elif isinstance(place, list | tuple) and parent.isdigit() and int(parent) < len(place):
            place = place[int(parent)]
        else:
            place = None
    if not isinstance(place, dict) or last not in place:
        raise RunError(
            f"The recipe has no field {path}: see the dataclasses in train/recipes/recipe.py, "
            "train/data/augment.py and skin_app/network.py."
        )
    if isinstance(place[last], int | float) and not isinstance(value, int | float):
        raise RunError(f"{path} is a number: {value!r} is not.")
    place[last] = value
