"""What each verb of the command line does with its options, and what it prints."""

import json
import os
import shlex
import sys
from argparse import Namespace
from pathlib import Path

from skin_app.ensemble import Ensemble
from skin_app.output import check_output, counted, replace_file
from skin_app.weights.folder import open_weights
from train.data.findings import findings
from train.data.folds import image_folds, lesion_folds, write_folds
from train.data.ham10000 import DataError, Dataset, read_dataset
from train.documents.figures import draw_range_test
from train.documents.results import write_results, write_study
from train.documents.template import filled
from train.documents.trust_document import FIGURE, SECTIONS
from train.engine import outputs
from train.engine.checkpoint import write_json
from train.engine.fold import train_fold
from train.engine.processes import in_turn, new_accelerator
from train.engine.range_test import find_rate, write_range_test
from train.engine.run import Run, RunError, check_before, check_folds, counts_scc, open_run, prepare
from train.explain.pairs import confused_pairs
from train.explain.saliency import saliency_sheet
from train.explain.tsne import map_embeddings
from train.recipes.backbones import member_config
from train.recipes.overrides import changed
from train.recipes.published import RECIPES
from train.recipes.recipe import Recipe
from train.recipes.studies import STUDIES
from train.release.assemble import assemble
from train.release.audit_weights import audit
from train.release.card import with_scores
from train.release.gallery_index import tells_photos_apart
from train.release.lesion_map import map_weights
from train.release.publish import publish
from train.release.weights_folder import open_to_change
from train.scores.evaluate import evaluate
from train.scores.evidence import finished_folds
from train.scores.plain import plain
from train.scores.study import Plan, train_settings
from train.scores.trial import quick_trial

TRIAL_SCORES = (
    ("prior_adjusted", "balanced_accuracy"),
    ("calibrated", "accuracy"),
    ("calibrated", "top_3"),
    ("calibrated", "macro_auc"),
)


def split(options: Namespace) -> None:
    check_output(options.out, outputs.FOLDS)
    data = _read(options)
    folds = image_folds if options.by_image else lesion_folds
    write_folds(data, folds(data, options.folds, options.seed), options.out)
    images = counted(len(data.table), "image")
    print(f"{images} in {options.folds} folds; written to {options.out}")


def train_run(options: Namespace) -> None:
    outputs.check_run_folder(options.out)
    outputs.check_weights_folder(options.out / "weights")
    accelerator = new_accelerator()
    recipe = recipe_of(options)
    folds = tuple(options.fold or range(recipe.folds))
    check_folds(folds, recipe)
    run = in_turn(accelerator, lambda: _prepared(options, recipe))
    check_before(run, folds)
    for fold in folds:
        train_fold(run, fold, accelerator)
    if not accelerator.is_main_process:
        return
    begun = {int(path.name.removeprefix("fold-")) for path in run.folder.glob("fold-*")}
    others = sorted(begun - set(folds) - set(finished_folds(run.folder)))
    if others:
        print(
            f"fold {', '.join(map(str, others))} is not finished: then write the weights folder with "
            "`python -m train assemble`"
        )
        return
    _told_of(assemble([run]))


def assemble_runs(options: Namespace) -> None:
    out = options.out or options.run[0] / "weights"
    outputs.check_weights_folder(out)
    counted = counts_scc(options.run[0])
    data = _told(read_dataset(options.data, options.allow_missing, counted))
    runs = [open_run(folder, data) for folder in options.run]
    _told_of(assemble(runs, out, "int8" if options.int8 else "float16"))


def run_study(options: Namespace) -> None:
    study = STUDIES.get(options.study)
    if study is None:
        raise RunError(f"There is no study {options.study}: use {', '.join(sorted(STUDIES))}.")
    evidence = options.evidence or options.out / "evidence"
    outputs.check_folder(options.out, {f"{study.name}.md": outputs.STUDY_PAGE})
    outputs.check_folder(evidence / study.name, {"study.json": outputs.STUDY})
    outputs.check_figures(options.out / "figures")
    accelerator = new_accelerator()
    recipe = changed(study.recipe, options.backbone, options.size, options.set)
    plan = Plan(
        study=study,
        recipe=recipe,
        data=_read(options),
        inits=_inits(options.init, recipe),
        folds=tuple(options.fold or ()),
        runs=options.out,
        evidence=evidence,
        seed=options.seed,
        micro_batches=options.micro_batches,
        command=_whole_study(options.command),
        views=options.views or study.views,
    )
    folder = train_settings(plan, accelerator, options.only)
    if accelerator.is_main_process:
        document = options.out / f"{study.name}.md"
        print(write_study(folder, document).partition("<details>")[0])
        print(f"evidence kept in {folder}; this table in {document}")


def range_test(options: Namespace) -> None:
    if len(options.fold or []) > 1:
        raise RunError("A range test trains one fold: pass --fold once.")
    outputs.check_run_folder(options.out)
    outputs.check_folder(options.out, outputs.RANGE_TEST)
    accelerator = new_accelerator()
    recipe = recipe_of(options)
    run = in_turn(accelerator, lambda: _prepared(options, recipe))
    test = find_rate(
        run,
        accelerator,
        fold=(options.fold or [0])[0],
        stage=options.stage,
        lowest=options.lowest,
        highest=options.highest,
        steps=options.steps,
    )
    if accelerator.is_main_process:
        path = write_range_test(test, options.out)
        draw_range_test(test.table, options.out / "range-test.png", test.chosen)
        how = "the loss climbed" if test.diverged else "the loss did not climb: raise --highest"
        print(f"chosen rate {test.chosen:.2g} ({how}); {path} and range-test.png written")


def trial(options: Namespace) -> None:
    outputs.check_folder(options.out)
    if options.evidence is not None:
        outputs.check_folder(options.evidence / "trials")
    data = _read(options)
    report = quick_trial(
        data,
        member_config(options.backbone, options.size),
        options.out,
        options.init,
        options.images,
        options.seed,
    )
    target = report["target"]
    print(json.dumps({key: report["scores"][rule][key] for rule, key in TRIAL_SCORES}, indent=1))
    print(f"{report['minutes_per_1000_images']:.2f} minutes per 1,000 images")
    print(f"target of {target['source']}")
    print(f"here: top-3 {target['top_3']:.1%}, {target['answer_seconds']:.2f} s an answer")
    if options.evidence is not None:
        kept = options.evidence / "trials" / f"{Path(report['folder']).name}.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_json(kept, report)
        print(f"kept in {kept}")
    print(f"written to {report['folder']}")


def pairs(options: Namespace) -> None:
    outputs.check_folder(options.out, outputs.PAIRS)
    run = _opened(options)
    found = confused_pairs(run, options.out, options.pairs, options.cases)
    replace_file(options.out / "pairs.md", filled("pairs.md", **plain(found)))
    print(f"written to {options.out / 'pairs.md'}")


def saliency(options: Namespace) -> None:
    outputs.check_folder(options.out, outputs.SALIENCY)
    run = _opened(options)
    print(f"written to {saliency_sheet(run, options.image, options.out)}")


def tsne(options: Namespace) -> None:
    outputs.check_folder(options.out, outputs.TSNE)
    run = _opened(options)
    print(json.dumps(map_embeddings(run, options.out, options.fold, options.images), indent=1))


def score(options: Namespace) -> None:
    if options.evidence is not None:
        beside = {"flagship.md": outputs.FLAGSHIP}
        outputs.check_document(options.out, outputs.RESULTS, outputs.RESULTS_JSON, beside)
        outputs.check_figures(options.figures)
        shipped = open_weights(options.weights).folder
        write_results(options.evidence, shipped, options.out, options.figures)
        print(f"written to {options.out}, {options.out.with_suffix('.json')} and {options.figures}")
        return
    if options.data is None or options.weights is None:
        raise RunError("evaluate needs --weights and --data, or --evidence.")
    outputs.check_folder(options.out.parent, {options.out.name: outputs.SCORES})
    options.out.parent.mkdir(parents=True, exist_ok=True)  # not after hours of scoring
    ensemble = Ensemble.load(options.weights)
    report = evaluate(ensemble, _read(options), options.views)
    replace_file(options.out, json.dumps(plain(report), indent=1) + "\n")
    for rule, scores in report.rules.items():
        print(
            f"{rule}: accuracy {scores.accuracy:.3f}, balanced accuracy "
            f"{scores.balanced_accuracy:.3f}, top-3 {scores.top_3:.3f}"
        )
    if report.warning:
        print(f"warning: {report.warning}", file=sys.stderr)
    print(f"written to {options.out}")


def audit_weights(options: Namespace) -> None:
    if options.only not in (None, *SECTIONS):
        raise DataError(f"--only takes one of {', '.join(SECTIONS)}, not {options.only}.")
    beside = {FIGURE: outputs.PICTURE}
    outputs.check_document(options.out, outputs.TRUST, outputs.TRUST_JSON, beside)
    outputs.check_folder(options.work)
    weights = open_to_change(options.weights)
    data = _read(options)
    audit(weights, data, options.work, options.not_dermoscopy, options.out, options.only)
    print(
        f"fitted into {weights.folder}; written to {options.out} and {options.out.with_suffix('.json')}"
    )


def map_of_weights(options: Namespace) -> None:
    weights = open_to_change(options.weights)
    map_weights(weights)
    print(f"map of member 0's held-out images put into {weights.folder}")


def publish_weights(options: Namespace) -> None:
    weights = open_weights(options.weights)
    published = publish(weights, options.repo, options.space, options.tag, options.public)
    print(f"published as {published.source}")
    print(f"served by: SKIN_APP_WEIGHTS={published.source} python app.py")
    if published.space:
        print(f"and by https://huggingface.co/spaces/{published.space}")
        if published.private:
            print("The weights are private: give the Space a secret HF_TOKEN that may read them.")


def readme(options: Namespace) -> None:
    contract = open_weights(options.weights).contract
    try:
        text = options.out.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise RunError(f"{options.out} is not a text file: name a README with --out.") from None
    replace_file(options.out, with_scores(text, contract))
    print(f"scores of {contract.name} written into {options.out}")


def recipe_of(options: Namespace) -> Recipe:
    """The named recipe with what the command line changes in it."""
    recipe = RECIPES.get(options.recipe)
    if recipe is None:
        raise RunError(f"There is no recipe {options.recipe}: use {', '.join(sorted(RECIPES))}.")
    return changed(recipe, options.backbone, options.size, options.set)


def _prepared(options: Namespace, recipe: Recipe) -> Run:
    return prepare(
        options.out,
        _read(options),
        recipe,
        options.seed,
        options.init,
        options.micro_batches,
        getattr(options, "after", None),
    )


def _opened(options: Namespace) -> Run:
    counted = counts_scc(options.run)
    return open_run(options.run, _told(read_dataset(options.data, options.allow_missing, counted)))


def _told_of(folder: Path) -> None:
    """Print where the weights are, and any problem with them."""
    if not tells_photos_apart(folder):
        print(
            "warning: two lesions of the gallery look as alike to member 0 as a photo and itself, so a "
            "photo of the one can be taken for the image of the other in the data",
            file=sys.stderr,
        )
    print(f"weights written to {folder}")


def _read(options: Namespace) -> Dataset:
    return _told(read_dataset(options.data, options.allow_missing, options.scc_as_akiec))


def _told(data: Dataset) -> Dataset:
    """Print the findings about `data` to stderr, and return `data`."""
    if os.environ.get("RANK", "0") == "0":  # the first of several processes speaks
        print(*findings(data), sep="\n", file=sys.stderr)
    return data


def _whole_study(command: list[str]) -> str:
    """`command` for all settings: without its `--only SETTING`."""
    kept = [
        word
        for before, word in zip(["", *command], command, strict=False)
        if word != "--only" and before != "--only" and not word.startswith("--only=")
    ]
    return shlex.join(kept)


def _inits(given: list[str] | None, recipe: Recipe) -> dict[str, Path]:
    """`FILE` (for the recipe's backbone) or `BACKBONE=FILE`, any number of them."""
    inits: dict[str, Path] = {}
    for text in given or []:
        name, equals, path = text.partition("=")
        architecture = member_config(name).architecture if equals else recipe.member.architecture
        inits[architecture] = Path(path if equals else text)
    return inits
