"""What each verb of `python -m train` does and prints: `do_study` is the verb `study`.

The options are in `options.py`.
"""

import json
import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

from skin_app.ensemble import Ensemble
from skin_app.gallery.lesion_map import FILE as MAP_FILE
from skin_app.one_command import only_command
from skin_app.outcome import Outcome
from skin_app.result_files import check_output, replace_file
from skin_app.weights.folder import open_weights
from skin_app.weights.outside_scores import read_outside_scores
from skin_app.words.language import counted
from train.data.folds import assign_folds, write_folds
from train.data.ham10000 import DataError, Dataset, dataset_findings, read_dataset
from train.documents.card_and_readme import with_scores
from train.documents.figures import draw_range_test
from train.documents.results_document import write_results, write_study
from train.documents.template import filled
from train.documents.trust_document import FIGURE, SECTIONS
from train.engine import overwriting
from train.engine.checkpoint import write_json
from train.engine.fold import train_fold
from train.engine.processes import in_turn, new_accelerator, only_run
from train.engine.range_test import find_rate, write_range_test
from train.engine.run import Run, RunError, check_before, check_folds, counts_scc, open_run, prepare
from train.explain.pairs import confused_pairs
from train.explain.saliency import saliency_sheet
from train.explain.tsne import gallery_map, map_embeddings
from train.recipes.backbones import member_config
from train.recipes.changes import changed, parsed_fields
from train.recipes.published import RECIPES
from train.recipes.recipe import Recipe
from train.recipes.studies import STUDIES
from train.release.assemble import assemble, unfinished_folds
from train.release.audit_weights import audit
from train.release.gallery_index import tells_photos_apart
from train.release.outside_report import check_unseen, folder_to_keep_in, keep_report
from train.release.publish import changes, check_publishable, publish
from train.release.thumbnails import with_thumbnails
from train.release.weights_folder import put_into, weights_to_change
from train.scores.evaluate import evaluate, trained_on
from train.scores.intervals import plain
from train.scores.metrics import SHOWN
from train.study import Plan, train_settings
from train.trial import quick_trial

TRIAL_SCORES = ("balanced_accuracy", "accuracy", "top_3", "macro_auc")


def do_split(options: Namespace) -> None:
    check_output(options.out, overwriting.FOLDS)
    data = _read(options)
    lesions = None if options.by_image else data.groups
    folds = assign_folds(data.labels, lesions, options.folds, options.seed)
    write_folds(data.table, folds, options.out)
    images = counted(len(data.table), "image")
    print(f"{images} in {options.folds} folds; written to {options.out}")


def do_run(options: Namespace) -> None:
    overwriting.check_run_folder(options.out)
    overwriting.check_weights_folder(options.out / "weights")
    accelerator = new_accelerator()
    recipe = _recipe(options)
    folds = tuple(options.fold or range(recipe.folds))
    check_folds(folds, recipe)
    with only_run(options.out, accelerator):
        run = in_turn(accelerator, lambda: _prepared(options, recipe, options.after))
        check_before(run, folds)
        for fold in folds:
            train_fold(run, fold, accelerator)
        if not accelerator.is_main_process:
            return
        if unfinished := unfinished_folds(run):
            print(
                f"fold {', '.join(map(str, unfinished))} is not finished: once it is, write the "
                "weights folder with `python -m train assemble`"
            )
            return
        with only_command(options.out / "weights", wait=True):
            _say_written(assemble([run]))


def do_assemble(options: Namespace) -> None:
    out = options.out or options.run[0] / "weights"
    overwriting.check_weights_folder(out)
    with only_command(out):
        data = _read_as_in(options.run[0], options)
        runs = [open_run(folder, data) for folder in options.run]
        _say_written(assemble(runs, out, "int8" if options.int8 else "float16"))


def do_study(options: Namespace) -> None:
    study = STUDIES.get(options.study)
    if study is None:
        raise RunError(f"There is no study {options.study}: use {', '.join(sorted(STUDIES))}.")
    evidence = options.evidence or options.out / "evidence"
    overwriting.check_folder(options.out, {f"{study.name}.md": overwriting.STUDY_PAGE})
    overwriting.check_folder(evidence / study.name, {"study.json": overwriting.STUDY})
    overwriting.check_figures(options.out / "figures")
    accelerator = new_accelerator()
    recipe = changed(study.recipe, options.backbone, options.size, parsed_fields(options.set))
    document = options.out / f"{study.name}.md"
    with only_run(document, accelerator), only_run(evidence / study.name, accelerator):
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
            print(write_study(folder, document))
            print(f"evidence kept in {folder}; this table in {document}")


def do_range_test(options: Namespace) -> None:
    if len(options.fold or []) > 1:
        raise RunError("A range test trains one fold: pass --fold once.")
    overwriting.check_run_folder(options.out)
    overwriting.check_folder(options.out, overwriting.RANGE_TEST)
    accelerator = new_accelerator()
    recipe = _recipe(options)
    with only_run(options.out, accelerator):
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


def do_trial(options: Namespace) -> None:
    overwriting.check_folder(options.out)
    if options.evidence is not None:
        overwriting.check_folder(options.evidence / "trials")
    data = _read(options)
    config = member_config(options.backbone, options.size)
    found = quick_trial(data, config, options.out, options.init, options.images, options.seed)
    target = found["target"]
    scores = {name: found["scores"][SHOWN[name]][name] for name in TRIAL_SCORES}
    print(json.dumps(scores, indent=1))
    print(f"{found['minutes_per_1000_images']:.2f} minutes per 1,000 images")
    print(f"target of {target['source']}")
    print(f"here: top-3 {target['top_3']:.1%}, {target['answer_seconds']:.2f} s an answer")
    if options.evidence is not None:
        kept = options.evidence / "trials" / f"{Path(found['folder']).name}.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_json(kept, found)
        print(f"kept in {kept}")
    print(f"written to {found['folder']}")


def do_pairs(options: Namespace) -> None:
    overwriting.check_folder(options.out, overwriting.PAIRS)
    with only_command(options.out):
        found = confused_pairs(_opened(options), options.out, options.pairs, options.cases)
        replace_file(options.out / "pairs.md", filled("pairs.md", **plain(found)))
    print(f"written to {options.out / 'pairs.md'}")


def do_saliency(options: Namespace) -> None:
    overwriting.check_folder(options.out, overwriting.SALIENCY)
    run = _opened(options)
    print(f"written to {saliency_sheet(run, options.image, options.out)}")


def do_tsne(options: Namespace) -> None:
    overwriting.check_folder(options.out, overwriting.TSNE)
    with only_command(options.out):
        found = map_embeddings(_opened(options), options.out, options.fold, options.images)
    print(json.dumps(found, indent=1))


def do_evaluate(options: Namespace) -> None:
    _check_keep(options)
    if options.evidence is not None:
        beside = {"flagship.md": overwriting.FLAGSHIP}
        overwriting.check_document(options.out, overwriting.RESULTS, overwriting.RESULTS_JSON, beside)
        overwriting.check_figures(options.figures)
        shipped = open_weights(options.weights).folder
        with only_command(options.out):
            write_results(options.evidence, shipped, options.out, options.figures)
        print(f"written to {options.out}, {options.out.with_suffix('.json')} and {options.figures}")
        return
    if options.data is None or options.weights is None:
        raise RunError("evaluate needs --weights and --data, or --evidence.")
    if options.out is not None:
        overwriting.check_folder(options.out.parent, {options.out.name: overwriting.SCORES})
        options.out.parent.mkdir(parents=True, exist_ok=True)  # not after hours of scoring
    with only_command(options.out) if options.out is not None else nullcontext():
        _score(options)


def _score(options: Namespace) -> None:
    """Score the images of --data, and keep the scores in --out, --weights or both."""
    keep = folder_to_keep_in(options.weights, options.name) if options.keep else None
    ensemble = Ensemble.load(options.weights)
    data = _read(options)
    if keep is not None:
        check_unseen(trained_on(keep, data), len(data.table))
    found = evaluate(ensemble, data, options.views)
    if options.out is not None:
        replace_file(options.out, json.dumps(plain(found), indent=1) + "\n")
    for rule, scores in found.rules.items():
        print(
            f"{rule}: accuracy {scores.accuracy:.3f}, balanced accuracy "
            f"{scores.balanced_accuracy:.3f}, top-3 {scores.top_3:.3f}"
        )
    for group, given in found.outcomes.get("diagnosis", {}).items():
        print(f"{group}: " + _listed(given))
    for group, given in found.refused.get("diagnosis", {}).items():
        print(f"refused {group}, otherwise: " + _listed(given))
    if found.warning:
        print(f"warning: {found.warning}", file=sys.stderr)
    if options.out is not None:
        print(f"written to {options.out}")
    if keep is not None:
        with only_command(keep.folder, wait=True):
            print(f"kept in {keep.folder / keep_report(keep, options.name, plain(found))}")


def _listed(counts: Mapping[Outcome, int]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)


def do_audit(options: Namespace) -> None:
    if options.only not in (None, *SECTIONS):
        raise DataError(f"--only takes one of {', '.join(SECTIONS)}, not {options.only}.")
    beside = {FIGURE: overwriting.PICTURE}
    overwriting.check_document(options.out, overwriting.TRUST, overwriting.TRUST_JSON, beside)
    overwriting.check_folder(options.work)
    with weights_to_change(options.weights) as weights, only_command(options.out):
        data = _read(options)
        audit(weights, data, options.work, options.not_dermoscopy, options.out, options.only)
    numbers = options.out.with_suffix(".json")
    print(f"fitted into {weights.folder}; written to {options.out} and {numbers}")


def do_map(options: Namespace) -> None:
    with weights_to_change(options.weights) as weights:
        put_into(weights.folder, weights.contract, {MAP_FILE: gallery_map(weights)})
    print(f"map of member 0's held-out images put into {weights.folder}")


def do_publish(options: Namespace) -> None:
    if options.gallery_thumbnails != (options.data is not None):
        raise RunError("--gallery-thumbnails and --data go together: pass both, or neither.")
    weights = open_weights(options.weights)
    check_publishable(weights, options.repo, options.space)  # not after minutes of thumbnails
    wanted = nullcontext(weights)
    if options.gallery_thumbnails:
        wanted = with_thumbnails(weights, read_dataset(options.data))
    with wanted as weights:
        if options.dry_run:
            print(*changes(weights, options.repo, options.space, options.public), sep="\n")
            print(*([f"tag {options.tag}"] if options.tag else []), "nothing was sent", sep="\n")
            return
        published = publish(weights, options.repo, options.space, options.tag, options.public)
    print(f"published as {published.source}")
    print(f"served by: SKIN_APP_WEIGHTS={published.source} python app.py")
    if published.space:
        print(f"and by https://huggingface.co/spaces/{published.space}")
        if published.private:
            print("The weights are private: give the Space a secret HF_TOKEN that may read them.")


def do_readme(options: Namespace) -> None:
    weights = open_weights(options.weights)
    outside = read_outside_scores(weights.folder, weights.contract)
    try:
        text = options.out.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise RunError(f"{options.out} is not a text file: name a README with --out.") from None
    replace_file(options.out, with_scores(text, weights.contract, outside))
    print(f"scores of {weights.contract.name} written into {options.out}")


def _check_keep(options: Namespace) -> None:
    """Raise `RunError` unless --out, --name and --keep of `evaluate` go together."""
    if bool(options.name) != options.keep:
        raise RunError("--name and --keep go together: the report of NAME is kept in --weights.")
    if options.keep and options.evidence is not None:
        raise RunError("--keep takes --weights and --data: leave out --evidence.")
    if options.out is None and not options.keep:
        raise RunError("evaluate needs --out FILE, or --name and --keep.")


def _recipe(options: Namespace) -> Recipe:
    """The named recipe with what the command line changes in it."""
    recipe = RECIPES.get(options.recipe)
    if recipe is None:
        raise RunError(f"There is no recipe {options.recipe}: use {', '.join(sorted(RECIPES))}.")
    return changed(recipe, options.backbone, options.size, parsed_fields(options.set))


def _prepared(options: Namespace, recipe: Recipe, after: Path | None = None) -> Run:
    data, micro_batches = _read(options), options.micro_batches
    return prepare(options.out, data, recipe, options.seed, options.init, micro_batches, after)


def _opened(options: Namespace) -> Run:
    return open_run(options.run, _read_as_in(options.run, options))


def _say_written(folder: Path) -> None:
    """Print where the weights are, and any problem with them."""
    if not tells_photos_apart(folder):
        print(
            "warning: member 0 hardly tells two lesions of the gallery apart, so a photo of one can be "
            "taken for the image of the other",
            file=sys.stderr,
        )
    print(f"weights written to {folder}")


def _read_as_in(run: Path, options: Namespace) -> Dataset:
    options.scc_as_akiec = counts_scc(run)
    return _read(options)


def _read(options: Namespace) -> Dataset:
    """The labelled images; prints what was found about them to stderr."""
    data = read_dataset(options.data, options.allow_missing, options.scc_as_akiec)
    if os.environ.get("RANK", "0") == "0":  # the first of several processes speaks
        print(*dataset_findings(data), sep="\n", file=sys.stderr)
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
