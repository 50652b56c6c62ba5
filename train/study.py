"""The verb `study`: trains settings on the same folds, predicts held-out images, keeps the evidence.

Begin at `train_settings`. `train/recipes/studies.py` defines the studies, and
`train/scores/study_numbers.py` measures them from their evidence.
"""

import hashlib
import json
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from skin_app.views import VIEWS
from skin_app.weights.verify import file_hash
from train.data.augment import Augmentation
from train.data.ham10000 import Dataset
from train.engine.checkpoint import write_json
from train.engine.fold import train_fold
from train.engine.processes import in_turn, only_run
from train.engine.run import Run, RunError, check_folds, prepare
from train.recipes.changes import leaves
from train.recipes.recipe import Recipe, Stage
from train.recipes.studies import Setting, Study
from train.scores.evidence import export_evidence


@dataclass(frozen=True)
class Plan:
    """How to run a study on this machine.

    `recipe`: the study's recipe, with the changes from the command line; `inits`: timm architecture ->
    file of start weights (default: timm's own); `folds`: which to train, all if empty; `runs`: parent
    of the run folders; `evidence`: folder for the evidence; `command`: the command line that runs the
    whole study; `views`: number of views from which held-out images are predicted.
    """

    study: Study
    recipe: Recipe
    data: Dataset
    inits: dict[str, Path]
    folds: tuple[int, ...]
    runs: Path
    evidence: Path
    seed: int = 0
    micro_batches: int = 1
    command: str = ""
    views: int = VIEWS


def train_settings(plan: Plan, accelerator: Accelerator, only: list[str] | None = None) -> Path:
    """Train all settings (or those named in `only`), store their evidence, and return its folder.

    Studies that share a setting share its run folder, so it is trained once. Raises `RunError` for an
    unknown setting or fold, and for options that no setting would use.
    """
    names = [setting.name for setting in plan.study.settings]
    unknown = sorted(set(only or []) - set(names))
    if unknown:
        raise RunError(f"{plan.study.name} has no setting {unknown[0]}: it has {', '.join(names)}.")
    chosen = [setting for setting in plan.study.settings if not only or setting.name in only]
    _check_inits(plan, chosen)
    _check_changes(plan, chosen)
    folder = plan.evidence / plan.study.name
    for setting in chosen:
        run = _trained(plan, setting, accelerator, plan.views)
        if accelerator.is_main_process:
            export_evidence(run.folder, run.data.table, folder / setting.name)
            write_json(folder / "study.json", study_json(plan.study, plan.command))
        accelerator.wait_for_everyone()
    return folder


def _trained(plan: Plan, setting: Setting, accelerator: Accelerator, views: int) -> Run:
    """Train `setting` (after the setting that it continues, if any) and predict from `views` views."""
    before = None
    if setting.after is not None:
        before = _trained(plan, plan.study.setting(setting.after), accelerator, views=1).folder
    recipe = setting.change(plan.recipe)
    with only_run(run_folder(plan, recipe, before), accelerator):
        run = in_turn(accelerator, lambda: prepared(plan, recipe, before))
        check_folds(plan.folds, run.recipe)
        for fold in plan.folds or range(run.recipe.folds):
            train_fold(run, fold, accelerator, views)
    return run


def _check_inits(plan: Plan, settings: list[Setting]) -> None:
    """Raise `RunError` for start weights that are missing, or that no setting uses."""
    used = {setting.change(plan.recipe).member.architecture for setting in settings}
    for architecture, path in plan.inits.items():
        if not path.is_file():
            raise RunError(f"There are no start weights at {path}: check the path given as --init.")
        if architecture not in used:
            raise RunError(
                f"--init gives weights for {architecture}, which no setting uses: they use "
                f"{', '.join(sorted(used))}."
            )


def _check_changes(plan: Plan, settings: list[Setting]) -> None:
    """Raise `RunError` for a change of the recipe that every setting overrides."""
    recipes = (plan.study.recipe, plan.recipe)
    before, asked = (leaves(recipe.to_dict()) for recipe in recipes)
    used = [[leaves(setting.change(recipe).to_dict()) for recipe in recipes] for setting in settings]
    for path in asked:
        if before.get(path) != asked[path] and all(one.get(path) == two.get(path) for one, two in used):
            raise RunError(
                f"{path} cannot be changed in the study {plan.study.name}: its settings decide it. "
                "Leave that change out."
            )


def prepared(plan: Plan, recipe: Recipe, before: Path | None = None) -> Run:
    """The run of `recipe`, which continues `before`."""
    folder, init = run_folder(plan, recipe, before), _init(plan, recipe, before)
    return prepare(folder, plan.data, recipe, plan.seed, init, plan.micro_batches, before)


def _init(plan: Plan, recipe: Recipe, before: Path | None) -> Path | None:
    return None if before is not None else plan.inits.get(recipe.member.architecture)


def run_folder(plan: Plan, recipe: Recipe, before: Path | None) -> Path:
    """The folder of the run of `recipe`, which continues `before`: named by a hash of its inputs."""
    init = _init(plan, recipe, before)
    decisive = {
        "recipe": _decisive(recipe),
        "seed": plan.seed,
        "micro_batches": plan.micro_batches,
        "init": file_hash(init) if init else None,
    } | ({"after": before.name} if before is not None else {})
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:10]
    return plan.runs / f"{recipe.name}-{digest}"


def _decisive(recipe: Recipe) -> dict[str, Any]:
    """`recipe` without fields at their defaults, so that a field added later renames no old run."""
    values = {
        own.name: getattr(recipe, own.name)
        for own in fields(recipe)
        if own.name not in ("member", "stages") and getattr(recipe, own.name) != _default(own)
    }
    augmentation = values.get("augmentation")
    if augmentation is not None:
        values["augmentation"] = _changed(augmentation)
    return values | {
        "member": recipe.member.model_dump(mode="json", exclude_defaults=True),
        "stages": [_changed(stage) for stage in recipe.stages],
    }


def _changed(part: Stage | Augmentation) -> dict[str, Any]:
    return {f.name: getattr(part, f.name) for f in fields(part) if getattr(part, f.name) != _default(f)}


def _default(own: Field[Any]) -> Any:
    return own.default if own.default_factory is MISSING else own.default_factory()


def study_json(study: Study, command: str) -> dict[str, Any]:
    """The content of `study.json`. Settings that were not run yet have no folder beside it."""
    return {
        "study": study.name,
        "title": study.title,
        "baseline": study.baseline,
        "settings": [setting.name for setting in study.settings],
        "published": {s.name: s.published for s in study.settings if s.published},
        "notes": list(study.notes),
        "against": {s.name: s.against for s in study.settings if s.against},
        "ensemble": study.ensemble,
        "bias": study.bias,
        **({"untouched": list(study.untouched)} if study.untouched else {}),
        "command": command,
    }
