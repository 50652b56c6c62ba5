"""Changes fields of a recipe, for the command line and for studies, and lists what differs.

A field's path is dotted, with the number of the stage after `stages`: `batch`, `member.dropout`,
`stages.0.epochs`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from train.recipes.backbones import member_config
from train.recipes.published import RECIPES
from train.recipes.recipe import Recipe, RunError


def changed(
    recipe: Recipe,
    backbone: str | None = None,
    size: int | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Recipe:
    """`recipe` with another backbone and input size, then with the `fields` (path -> value).

    The head (pooling, dense layers, dropout) stays the recipe's. Raises `RunError` for unknown paths
    and impossible values.
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
    for path, value in (fields or {}).items():
        _put(values, path, value)
    try:
        return Recipe.from_dict(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RunError(f"The changed recipe is impossible: {where}: {first['msg']}.") from error


def parsed_fields(settings: Sequence[str] | None) -> dict[str, Any]:
    """Path -> value from the command line's `PATH=VALUE`; values are JSON, or else plain words.

    Raises `RunError` for a setting without a value.
    """
    fields: dict[str, Any] = {}
    for setting in settings or ():
        path, equals, text = setting.partition("=")
        if not equals:
            raise RunError(f"--set {setting} has no value: write --set FIELD=VALUE.")
        try:
            fields[path] = json.loads(text)
        except ValueError:
            fields[path] = text
    return fields


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Dotted path -> value of every leaf of a recipe as plain values."""
    if isinstance(value, dict):
        items = [(str(key), part) for key, part in value.items()]
    elif path == "stages":
        items = [(str(index), part) for index, part in enumerate(value)]
    else:
        return {path: value}
    found: dict[str, Any] = {}
    for key, part in items:
        found |= leaves(part, f"{path}.{key}" if path else key)
    return found


def changed_fields(recipe: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Where `recipe` (as `to_dict` gives it) differs from the recipe of its name.

    Returns dotted field -> (value of the recipe as named, value used); a field that only one of the
    two has (a stage, an argument of the backbone) counts as None in the other. A field that the recipe
    got since then has its default. Raises `KeyError` for a name that is no recipe.
    """
    named, used = (
        leaves(json.loads(json.dumps(values.to_dict())))
        for values in (RECIPES[recipe["name"]], Recipe.from_dict(recipe))
    )
    pairs = {field: (named.get(field), used.get(field)) for field in named | used}
    if not recipe["stages"]:  # one line for missing stages, not one for each of their fields
        pairs = {field: pair for field, pair in pairs.items() if not field.startswith("stages")}
        pairs["stages"] = ([stage.name for stage in RECIPES[recipe["name"]].stages], [])
    return {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}


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
