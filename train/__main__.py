"""The trainer's command line, one verb each: `python -m train run | study | evaluate | ...`.

More than one process: `accelerate launch --num_processes 2 -m train run ... --micro-batches 2`.
"""

import argparse
import errno
import os
import sys
from pathlib import Path

FULL_DISK = (
    "Nothing finished is lost; free some space or choose another --out, and start the same command "
    "again."
)
BACKBONE = "a timm name, or a preset such as swin_tiny_stages123"
TRAINER_ALONE = ("accelerate",)  # the packages of the extra `train`


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns 0, or 2 after one sentence on what went wrong.

    The trainer is imported here, not above, so that `--help` answers at once.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    options.command = ["python", "-m", "train", *arguments]
    try:
        from train import verbs

        getattr(verbs, options.function)(options)
    except ModuleNotFoundError as error:
        if error.name not in TRAINER_ALONE:
            raise
        _say(f"error: {error.name} is not installed: training needs `pip install -e '.[train]'`.")
        return 2
    except _known_errors() as error:
        _say(f"error: {error}")
        return 2
    except OSError as error:
        full = f" {FULL_DISK}" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        _say(f"error: {error.filename or options.out}: {error.strerror or error}.{full}")
        return 2
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's own, known without importing torch
            raise
        _say(
            "error: the memory of the GPU is full: start anew with more --micro-batches, a smaller "
            "--set batch=N, or a smaller --size."
        )
        return 2
    except KeyboardInterrupt:
        _say("stopped; the same command goes on from the last checkpoint.")
        return 130
    return 0


def _known_errors() -> tuple[type[Exception], ...]:
    """The errors whose message is a sentence that says what to do; called once something is raised."""
    from skin_app.diagnoses import ClassOrderError
    from skin_app.output import OutputError
    from skin_app.photo.read import PhotoError
    from skin_app.weights.folder import WeightsError
    from train.data.ham10000 import DataError
    from train.recipes.recipe import RunError
    from train.release.publish import PublishError

    return (DataError, OutputError, PhotoError, PublishError, RunError, WeightsError, ClassOrderError)


def _say(sentence: str) -> None:
    rank = os.environ.get("RANK", "0")  # of several processes, each says which it is
    print(sentence if rank == "0" else f"process {rank}: {sentence}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs_of = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, function: str, about: str) -> argparse.ArgumentParser:
        added = verbs_of.add_parser(name, help=about, description=about)
        added.set_defaults(function=function)
        return added

    split = verb("split", "split", "write lesion-grouped stratified folds as CSV")
    _data(split)
    split.add_argument("--folds", type=int, default=5)
    split.add_argument("--seed", type=int, default=0)
    split.add_argument("--by-image", action="store_true", help="ignore lesions, as in 2020 (leaks)")

    run = verb("run", "train_run", "train members, predict held-out folds, write the weights folder")
    _training(run)
    run.add_argument("--recipe", help="of train/recipes/published.py", default="flagship")
    run.add_argument("--init", type=Path, help="start weights (safetensors, timm's key names)")
    run.add_argument(
        "--after", type=Path, metavar="RUN", help="go on from the members of this finished run"
    )

    about = "write a weights folder from the finished folds of one or more runs on the same folds"
    joined = verb("assemble", "assemble_runs", about)
    joined.add_argument("run", nargs="+", type=Path, metavar="RUN", help="the --out folder of a `run`")
    joined.add_argument(
        "--out", type=Path, help="the weights folder (default: weights in the first RUN)"
    )
    joined.add_argument("--int8", action="store_true", help="store 8-bit integers: half the size")
    _images(joined, required=True)

    study = verb("study", "run_study", "train a study's settings and compare them in pairs")
    _training(study)
    study.add_argument("--study", help="of train/recipes/studies.py", required=True)
    study.add_argument("--only", action="append", metavar="SETTING", help="may be repeated")
    study.add_argument(
        "--views", type=int, choices=(1, 4, 8), help="of held-out images (default: the study's)"
    )
    study.add_argument("--evidence", type=Path, help="what is kept (default: OUT/evidence)")
    study.add_argument(
        "--init", action="append", metavar="[BACKBONE=]FILE", help="start weights; may be repeated"
    )

    rate = verb(
        "range-test", "range_test", "learning-rate range test with its plot and the chosen rate"
    )
    _training(rate)
    rate.add_argument("--recipe", help="of train/recipes/published.py", default="mishra2019")
    rate.add_argument("--init", type=Path)
    rate.add_argument(
        "--stage", type=int, default=0, help="number of the recipe's stage, tried on the start weights"
    )
    rate.add_argument("--lowest", type=float, default=1e-6)
    rate.add_argument("--highest", type=float, default=1.0)
    rate.add_argument("--steps", type=int, default=100)

    trial = verb("trial", "trial", "score a frozen backbone on cached bottleneck features")
    _data(trial)
    trial.add_argument("--backbone", required=True, help=BACKBONE)
    trial.add_argument("--size", type=int)
    trial.add_argument("--init", type=Path)
    trial.add_argument("--images", type=int, help="a stratified part of the images")
    trial.add_argument("--seed", type=int, default=0)
    trial.add_argument("--evidence", type=Path, help="keep the report under EVIDENCE/trials, too")

    pairs = verb("pairs", "pairs", "the leading confused pairs, with cases and two explanations")
    _finished_run(pairs)
    pairs.add_argument("--pairs", type=int, default=5)
    pairs.add_argument("--cases", type=int, default=4)

    saliency = verb("saliency", "saliency", "gradient saliency of single images")
    _finished_run(saliency)
    saliency.add_argument("--image", action="append", required=True, help="image id; may be repeated")

    tsne = verb("tsne", "tsne", "t-SNE map of the last hidden layer of one fold's member")
    _finished_run(tsne)
    tsne.add_argument("--fold", type=int, default=0)
    tsne.add_argument("--images", type=int, help="a stratified part of the images")

    about = "score weights on labelled images, or rebuild every table and figure from kept evidence"
    evaluation = verb("evaluate", "score", about)
    evaluation.add_argument("--weights", help="a folder, or owner/name@commit")
    _data(evaluation, required=False)
    evaluation.add_argument("--views", type=int, choices=(1, 8), default=8)
    evaluation.add_argument("--evidence", type=Path, help="folder of kept evidence: rebuild --out")
    evaluation.add_argument("--figures", type=Path, default=Path("docs/figures"))

    about = "fit and measure how far a weights folder's answers can be trusted"
    auditing = verb("audit", "audit_weights", about)
    auditing.add_argument("--weights", help="a folder (default: the embedded weights)")
    auditing.add_argument(
        "--not-dermoscopy",
        type=Path,
        metavar="FOLDER",
        help="pictures to refuse, with a manifest.csv: columns file, and kind (photo or clinical)",
    )
    auditing.add_argument(
        "--work", type=Path, default=Path("runs/trust/work"), help="where slow results are kept"
    )
    auditing.add_argument("--only", metavar="SECTION", help="measure this section of --out again")
    _data(auditing)

    about = "put the t-SNE map of member 0's held-out images into a weights folder"
    lesion_map = verb("map", "map_of_weights", about)
    lesion_map.add_argument("--weights", help="a folder (default: the embedded weights)")
    lesion_map.set_defaults(out=None)

    about = "upload a weights folder to the Hugging Face Hub, and a Space that serves it"
    publishing = verb("publish", "publish_weights", about)
    publishing.add_argument("--weights", help="a folder (default: the embedded weights)")
    publishing.add_argument(
        "--repo", required=True, metavar="OWNER/NAME", help="model repo; its files are replaced"
    )
    publishing.add_argument("--space", metavar="OWNER/NAME", help="a Space that serves the page")
    publishing.add_argument("--tag", help="a name for this version")
    publishing.add_argument("--public", action="store_true", help="new repos are visible to all")
    publishing.set_defaults(out=None)

    readme = verb("readme", "readme", "write the score table of a weights folder into README.md")
    readme.add_argument("--weights", help="a folder (default: the embedded weights)")
    readme.add_argument("--out", type=Path, default=Path("README.md"))
    return parser


def _data(parser: argparse.ArgumentParser, required: bool = True) -> None:
    _images(parser, required)
    parser.add_argument(
        "--scc-as-akiec",
        action="store_true",
        help="count squamous cell carcinomas as akiec; they are left out otherwise",
    )
    parser.add_argument("--out", required=True, type=Path, help="what to write")


def _images(parser: argparse.ArgumentParser, required: bool) -> None:
    about = "folder with images and a table of HAM10000, ISIC 2018, ISIC 2019 or the ISIC Archive"
    parser.add_argument("--data", required=required, type=Path, help=about)
    parser.add_argument("--allow-missing", action="store_true", help="go on without missing images")


def _training(parser: argparse.ArgumentParser) -> None:
    _data(parser)
    parser.add_argument("--backbone", help=BACKBONE)
    parser.add_argument("--size", type=int, help="side of the square input in pixels")
    parser.add_argument(
        "--set", action="append", metavar="FIELD=VALUE", help="change one field, e.g. stages.0.epochs=3"
    )
    parser.add_argument("--fold", type=int, action="append", help="only this fold; may be repeated")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--micro-batches", type=int, default=1, help="parts of a batch, shared by the processes"
    )


def _finished_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", required=True, type=Path, help="the --out folder of a `run`")
    _images(parser, required=True)
    parser.add_argument("--out", required=True, type=Path, help="folder to write into")


if __name__ == "__main__":
    raise SystemExit(main())
