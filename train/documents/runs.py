"""What was really run, as Markdown: settings, changes of the recipe, epochs, folds."""

import json
from typing import Any

from train.documents.members import epochs_kept
from train.documents.tables import table

Numbers = dict[str, Any]
LONGEST = 40


def extent(run: Numbers) -> str:
    """How much of the data was scored, and in words what was not."""
    folds = run["folds"]
    text = (
        f"{run['images']:,} images of {run['lesions']:,} lesions, "
        f"fold{'s' if len(folds) > 1 else ''} {', '.join(map(str, folds))} of {run['of_folds']}; "
        f"calibrated on {run['calibration_of']}."
    )
    if len(folds) == 1:
        return text + " A single fold: one training run, and no image outside this fold was predicted."
    if len(folds) < run["of_folds"]:
        return text + f" The other {run['of_folds'] - len(folds)} folds were not run."
    return text


def kinds_of_members(weights: Numbers) -> str:
    """The shipped members by kind, each with its input, start weights and kept epochs."""
    return "; ".join(
        f"{kind['members']} of `{kind['backbone']}` at {kind['input_sizes']} from "
        f"{kind['start_weights']}, kept {epochs_kept(kind['kept_epochs'])}"
        for kind in weights["kinds"]
    )


def run_table(settings: Numbers) -> str:
    """One row a setting, with what differs from its recipe, and what was not run."""
    runs = list(settings.values())
    same = {
        field: pair
        for field, pair in runs[0]["changed"].items()
        if len(runs) > 1 and all(run["changed"].get(field) == pair for run in runs)
    }
    header = ["setting", "differs from the recipe", "backbone, size", "start weights", "folds"]
    header += ["epochs run (kept)", "minutes", "hardware", "seed"]
    rows = [
        [
            f"**{name}**",
            _changes(run, same),
            f"{run['backbone']}, {run['size']} px",
            run["start_weights"],
            f"{', '.join(map(str, run['folds']))} of {run['of_folds']}",
            _epochs(run),
            f"{run['minutes']:.0f}",
            ", ".join(run["hardware"]),
            str(run["seed"]),
        ]
        for name, run in settings.items()
    ]
    recipes = ", ".join(f"`{name}`" for name in dict.fromkeys(run["recipe"] for run in runs))
    shared = (
        f"All settings differ from the recipe as named in: {_listed(same)}."
        if same
        else "Recipe values are used as named unless the row says otherwise."
    )
    names: dict[str, list[str]] = {}
    for name, run in settings.items():
        names.setdefault(extent(run), []).append(name)
    extents = "\n".join(f"- {', '.join(alike)}: {text}" for text, alike in names.items())
    head = f"### What was run\n\nRecipe {recipes}. {shared}"
    return "\n\n".join([head, table(header, rows), extents])


def _changes(run: Numbers, same: Numbers) -> str:
    own = {field: pair for field, pair in run["changed"].items() if field not in same}
    parts = (["what is listed above"] if same else []) + ([_listed(own)] if own else [])
    return "; ".join(parts) or "nothing"


def _listed(changes: Numbers) -> str:
    return ", ".join(
        f"`{field}` {_short(used_to)} → {_short(used)}" for field, (used_to, used) in changes.items()
    )


def _short(value: Any) -> str:
    text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _epochs(run: Numbers) -> str:
    cells = []
    for stage in run["epochs"]:
        ran = ", ".join(map(str, stage["ran"]))
        kept = [str(epoch + 1) for epoch in stage["kept"] if epoch is not None]
        name = f"{stage['stage']}: " if len(run["epochs"]) > 1 else ""
        cells.append(f"{name}{ran}" + (f" ({', '.join(kept)})" if kept else ""))
    return "; ".join(cells)
