"""The trainer's command line, one verb each: `python -m train split | fit | assemble | ...`."""

import argparse
import json
import sys
from pathlib import Path

from skin_app.diagnoses import ClassOrderError
from skin_app.ensemble import Ensemble
from skin_app.weights import WeightsError, open_weights
from train.assemble import assemble
from train.card import with_scores
from train.evaluate import evaluate
from train.fit import fit_fold
from train.folds import lesion_folds, write_folds
from train.ham10000 import DataError, read_dataset
from train.recipes import RECIPES
from train.run import Run, RunError, prepare
from train.start import StartError


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns 0, or 2 after one sentence on what went wrong."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (DataError, RunError, StartError, WeightsError, ClassOrderError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"error: {error.filename or options.out}: {error.strerror}. Nothing finished is lost; "
            "free some space or choose another --out, and start the same command again.",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last checkpoint.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    split = verbs.add_parser("split", help="write lesion-grouped stratified folds as CSV")
    _data(split)
    split.add_argument("--folds", type=int, default=5)
    split.add_argument("--seed", type=int, default=0)
    split.set_defaults(run=_split)

    for verb, action in (("fit", _fit), ("assemble", _assemble)):
        about = {
            "fit": "train members, predict their held-out folds, write the weights folder",
            "assemble": "write the weights folder anew from the finished folds of a run",
        }[verb]
        fit = verbs.add_parser(verb, help=about, description=about)
        _data(fit)
        fit.add_argument("--recipe", choices=sorted(RECIPES), default="flagship")
        fit.add_argument("--init", type=Path, help="start weights (safetensors, timm's key names)")
        fit.add_argument("--seed", type=int, default=0)
        if verb == "fit":
            fit.add_argument(
                "--fold", type=int, action="append", help="only this fold (may be repeated)"
            )
        fit.set_defaults(run=action)

    evaluation = verbs.add_parser("evaluate", help="score a weights folder on labelled images")
    evaluation.add_argument("--weights", required=True, help="a folder, or owner/name@revision")
    _data(evaluation)
    evaluation.add_argument("--views", type=int, choices=(1, 8), default=8)
    evaluation.set_defaults(run=_evaluate)

    readme = verbs.add_parser("readme", help="write the score table of a weights folder into README.md")
    readme.add_argument("--weights", help="a folder (default: the embedded weights)")
    readme.add_argument("--out", type=Path, default=Path("README.md"))
    readme.set_defaults(run=_readme)
    return parser


def _readme(options: argparse.Namespace) -> None:
    contract = open_weights(options.weights).contract
    text = options.out.read_text(encoding="utf-8")
    options.out.write_text(with_scores(text, contract), encoding="utf-8")
    print(f"scores of {contract.name} written into {options.out}")


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, type=Path, help="folder in HAM10000's layout")
    parser.add_argument("--out", required=True, type=Path, help="what to write")
    parser.add_argument("--allow-missing", action="store_true", help="go on without missing images")


def _split(options: argparse.Namespace) -> None:
    data = read_dataset(options.data, options.allow_missing)
    write_folds(data, lesion_folds(data, options.folds, options.seed), options.out)
    print(f"{len(data.table)} images in {options.folds} folds; written to {options.out}")


def _fit(options: argparse.Namespace) -> None:
    recipe = RECIPES[options.recipe]
    folds = options.fold if options.fold is not None else range(recipe.folds)
    for fold in folds:
        if not 0 <= fold < recipe.folds:
            raise RunError(f"There is no fold {fold}: the recipe has 0 to {recipe.folds - 1}.")
    run = _prepared(options)
    for fold in folds:
        fit_fold(run, fold)
    print(f"weights written to {assemble(run, recipe.name)}")


def _assemble(options: argparse.Namespace) -> None:
    print(f"weights written to {assemble(_prepared(options), options.recipe)}")


def _prepared(options: argparse.Namespace) -> Run:
    return prepare(
        options.out,
        options.data,
        RECIPES[options.recipe],
        options.seed,
        options.init,
        options.allow_missing,
    )


def _evaluate(options: argparse.Namespace) -> None:
    report = evaluate(
        Ensemble.load(options.weights), options.data, options.views, options.allow_missing
    )
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    for rule, values in report["rules"].items():
        low, high = values["intervals_95"]["balanced_accuracy"]
        print(
            f"{rule}: accuracy {values['accuracy']:.3f}, balanced accuracy "
            f"{values['balanced_accuracy']:.3f} [{low:.3f}, {high:.3f}], top-3 {values['top_3']:.3f}"
        )
    if report["warning"]:
        print(f"warning: {report['warning']}", file=sys.stderr)
    print(f"written to {options.out}")


if __name__ == "__main__":
    raise SystemExit(main())
