"""The options of every verb of `python -m train`; `verbs.py` has what each verb does with them.

Imports nothing heavy, so that `--help` answers at once.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

DESCRIPTION = (
    "The trainer: HAM10000 in, a weights folder out. `VERB --help` lists the options of a verb. More "
    "than one process: `accelerate launch --num_processes 2 -m train run ... --micro-batches 2`."
)
Add = Callable[..., argparse.Action]  # `add_argument` of a verb's parser

# A test compares these three with the names that the trainer knows.
RECIPES = "flagship, le2020, mishra2019, supercon2022 or tees3r2019: see docs/recipes.md"
STUDIES = (
    "flagship, focal-weights, full-runs, le2020-ablations, le2020-backbones, mishra2019-depths, split, "
    "supercon, unlike-members or view-sizes: see docs/recipes.md"
)
SECTIONS = (
    "decisions, context, novelty, quality, corrections, lesion, heat, artefacts, files, explanations "
    "or skin_tone"
)
BACKBONE = "any timm name, or a preset such as swin_tiny_stages123"
SIDE = "side of the square input in pixels"
INIT = "start weights: a safetensors file with timm's key names (default: timm's own, downloaded)"
SEED = "seed of the folds and of all random draws (default: %(default)s)"
SAMPLE = "take a stratified sample of this many images (default: all)"


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The options given in `arguments`, with `verb` and the whole `command`; exits for unknown ones."""
    options = parser().parse_args(arguments)
    options.command = ["python", "-m", "train", *arguments]
    return options


def parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    made = argparse.ArgumentParser(prog="python -m train", description=DESCRIPTION)
    verbs = made.add_subparsers(required=True, metavar="VERB", dest="verb")
    for name, (add_options, about) in OPTIONS.items():
        add_options(verbs.add_parser(name, help=about, description=about).add_argument)
    return made


def _split(add: Add) -> None:
    _data(add)
    _out(add, "FILE", "the CSV file of folds to write")
    add("--folds", type=int, default=5, metavar="N", help="number of folds (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="seed of the split (default: %(default)s)")
    about = (
        "split by image as in 2020, which leaks: one lesion can be on both sides (default: by lesion)"
    )
    add("--by-image", action="store_true", help=about)


def _run(add: Add) -> None:
    _data(add)
    _out(add, "FOLDER", "the run's folder; the weights are written to FOLDER/weights")
    add("--recipe", default="flagship", help=f"{RECIPES} (default: %(default)s)")
    add("--init", type=Path, metavar="FILE", help=INIT)
    about = "go on from the members of this finished run, in place of start weights (default: none)"
    add("--after", type=Path, metavar="RUN", help=about)
    _training(add)


def _assemble(add: Add) -> None:
    add("run", nargs="+", type=Path, metavar="RUN", help="the --out folder of a `run`")
    _images(add)
    about = "the weights folder to write (default: weights in the first RUN)"
    add("--out", type=Path, metavar="FOLDER", help=about)
    about = "store weights as 8-bit integers, at half the size (default: as 16-bit floats)"
    add("--int8", action="store_true", help=about)


def _study(add: Add) -> None:
    add("--study", required=True, help=STUDIES)
    _data(add)
    _out(add, "FOLDER", "folder for the runs of all settings, and for the page with their comparison")
    about = "train only this setting; may be repeated (default: all)"
    add("--only", action="append", metavar="SETTING", help=about)
    about = "views of each held-out image (default: the study's)"
    add("--views", type=int, choices=(1, 4, 8), help=about)
    about = "folder for the predictions that are kept (default: evidence in --out)"
    add("--evidence", type=Path, metavar="FOLDER", help=about)
    about = (
        "start weights of BACKBONE (left out: the study's); may be repeated (default: timm's own, "
        "downloaded)"
    )
    add("--init", action="append", metavar="[BACKBONE=]FILE", help=about)
    _training(add)


def _range_test(add: Add) -> None:
    _data(add)
    _out(add, "FOLDER", "folder for range-test.csv, range-test.png and the settings")
    add("--recipe", default="mishra2019", help=f"{RECIPES} (default: %(default)s)")
    add("--init", type=Path, metavar="FILE", help=INIT)
    about = (
        "number of the recipe's stage, from 0; it begins with the start weights (default: %(default)s)"
    )
    add("--stage", type=int, default=0, metavar="N", help=about)
    about = "learning rate of the first step (default: %(default)g)"
    add("--lowest", type=float, default=1e-6, metavar="RATE", help=about)
    about = "learning rate of the last step (default: %(default)g)"
    add("--highest", type=float, default=1.0, metavar="RATE", help=about)
    add("--steps", type=int, default=100, metavar="N", help="number of steps (default: %(default)s)")
    _training(add, "train the member of this fold, from 0 (default: 0)")


def _trial(add: Add) -> None:
    add("--backbone", required=True, metavar="NAME", help=BACKBONE)
    _data(add)
    _out(
        add, "FOLDER", "folder for the cached features and the scores; each trial gets a folder inside"
    )
    add("--size", type=int, metavar="PIXELS", help=f"{SIDE} (default: that of the backbone's weights)")
    add("--init", type=Path, metavar="FILE", help=INIT)
    add("--images", type=int, metavar="N", help=SAMPLE)
    add("--seed", type=int, default=0, metavar="N", help=SEED)
    about = "also write the scores into FOLDER/trials (default: into --out only)"
    add("--evidence", type=Path, metavar="FOLDER", help=about)


def _pairs(add: Add) -> None:
    _finished_run(add)
    _out(add, "FOLDER", "folder for pairs.md, pairs.csv and a picture of each pair")
    about = "how many of the most confused pairs to show (default: %(default)s)"
    add("--pairs", type=int, default=5, metavar="N", help=about)
    about = "example images of each pair (default: %(default)s)"
    add("--cases", type=int, default=4, metavar="N", help=about)


def _saliency(add: Add) -> None:
    _finished_run(add)
    _out(add, "FOLDER", "folder for saliency.png")
    add("--image", action="append", required=True, metavar="ID", help="image id; may be repeated")


def _tsne(add: Add) -> None:
    _finished_run(add)
    _out(add, "FOLDER", "folder for tsne.csv.gz (the points) and tsne.json")
    about = "map the held-out images of this fold, from 0 (default: %(default)s)"
    add("--fold", type=int, default=0, metavar="N", help=about)
    add("--images", type=int, metavar="N", help=SAMPLE)


def _evaluate(add: Add) -> None:
    about = "a folder, or owner/name@commit (default with --evidence: the embedded weights)"
    add("--weights", help=about)
    _data(add, required=False)
    about = "the scores as JSON; with --evidence, the page of results (.md), with its numbers beside it"
    add("--out", type=Path, metavar="FILE", help=f"{about} (default: none, needed without --keep)")
    about = "with --keep: what the images are called, such as 'ISIC 2018 Task 3 test' (default: none)"
    add("--name", metavar="NAME", help=about)
    about = "keep the scores in --weights, for model card, README and page (default: only in --out)"
    add("--keep", action="store_true", help=about)
    about = "views of each image (default: %(default)s)"
    add("--views", type=int, choices=(1, 8), default=8, help=about)
    about = "folder of kept predictions: rebuild the page of results from it (default: score --data)"
    add("--evidence", type=Path, metavar="FOLDER", help=about)
    about = "where the figures of that page go (default: %(default)s)"
    add("--figures", type=Path, default=Path("docs/figures"), metavar="FOLDER", help=about)


def _audit(add: Add) -> None:
    _weights(add)
    _data(add)
    _out(add, "FILE", "the page to write, such as trust.md; its numbers go beside it, as .json")
    about = (
        "pictures to refuse, with a manifest.csv of the columns file, and kind: photo or clinical "
        "(default: these are not measured)"
    )
    add("--not-dermoscopy", type=Path, metavar="FOLDER", help=about)
    about = "where slow results are kept and found again (default: %(default)s)"
    add("--work", type=Path, default=Path("runs/trust/work"), metavar="FOLDER", help=about)
    about = (
        "fit and measure only this section of --out again, and leave calibration, scores and all other "
        f"limits: {SECTIONS} (default: all)"
    )
    add("--only", metavar="SECTION", help=about)


def _map(add: Add) -> None:
    _weights(add)


def _publish(add: Add) -> None:
    _weights(add)
    about = "model repo on the Hub, made if it is not there; its files are replaced"
    add("--repo", required=True, metavar="OWNER/NAME", help=about)
    about = "also publish a Space that serves these weights (default: none)"
    add("--space", metavar="OWNER/NAME", help=about)
    add("--tag", help="a name for this version of the weights (default: none)")
    about = "make new repos visible to all (default: private)"
    add("--public", action="store_true", help=about)
    about = (
        "also publish a small picture of each image of the gallery, with HAM10000's licence; needs "
        "--data (default: no pictures)"
    )
    add("--gallery-thumbnails", action="store_true", help=about)
    about = "folder with HAM10000, for --gallery-thumbnails (default: none)"
    add("--data", type=Path, metavar="FOLDER", help=about)
    about = "list what would be sent and deleted, and change nothing (default: publish)"
    add("--dry-run", action="store_true", help=about)


def _readme(add: Add) -> None:
    _weights(add)
    about = "the README whose score table is replaced (default: %(default)s)"
    add("--out", type=Path, default=Path("README.md"), metavar="FILE", help=about)


def _weights(add: Add) -> None:
    add("--weights", metavar="FOLDER", help="a weights folder (default: the embedded weights)")


def _images(add: Add, required: bool = True) -> None:
    about = "folder with images and a table of HAM10000, ISIC 2018, ISIC 2019 or the ISIC Archive"
    if not required:
        about += " (default: none, needed without --evidence)"
    add("--data", required=required, type=Path, metavar="FOLDER", help=about)
    about = "go on without the images that the folder lacks (default: stop)"
    add("--allow-missing", action="store_true", help=about)


def _data(add: Add, required: bool = True) -> None:
    _images(add, required)
    about = "count squamous cell carcinomas as akiec (default: leave them out)"
    add("--scc-as-akiec", action="store_true", help=about)


def _out(add: Add, metavar: str, about: str) -> None:
    add("--out", required=True, type=Path, metavar=metavar, help=about)


def _training(
    add: Add, fold: str = "train only the member of this fold, from 0; may be repeated (default: all)"
) -> None:
    """What every verb that trains takes. `fold`: the help of its --fold."""
    add("--fold", type=int, action="append", metavar="N", help=fold)
    add("--backbone", metavar="NAME", help=f"{BACKBONE} (default: the recipe's)")
    add("--size", type=int, metavar="PIXELS", help=f"{SIDE} (default: the recipe's, or --backbone's)")
    about = (
        "change one field of the recipe (train/recipes/recipe.py lists them), such as "
        "stages.0.epochs=3; may be repeated (default: no change)"
    )
    add("--set", action="append", metavar="FIELD=VALUE", help=about)
    add("--seed", type=int, default=0, metavar="N", help=SEED)
    about = "equal parts into which a batch is divided, for several processes (default: %(default)s)"
    add("--micro-batches", type=int, default=1, metavar="N", help=about)


def _finished_run(add: Add) -> None:
    add(
        "--run", required=True, type=Path, metavar="FOLDER", help="the --out folder of a finished `run`"
    )
    _images(add)


# Verb -> the function that adds its options, and what it is for.
OPTIONS: dict[str, tuple[Callable[[Add], None], str]] = {
    "split": (_split, "write stratified folds that keep lesions together, as CSV"),
    "run": (_run, "train members, predict their held-out folds, write the weights folder"),
    "assemble": (_assemble, "join finished folds of one or several runs into one weights folder"),
    "study": (_study, "train the settings of a study on the same folds and compare them in pairs"),
    "range-test": (
        _range_test,
        "raise the learning rate step by step, plot the loss and choose a rate",
    ),
    "trial": (_trial, "score a classifier on cached features of a frozen network, within minutes"),
    "pairs": (_pairs, "show the most confused pairs of diagnoses, and examples with two explanations"),
    "saliency": (_saliency, "draw the gradient saliency of single images"),
    "tsne": (_tsne, "make a t-SNE map of the last hidden layer of one fold's member"),
    "evaluate": (
        _evaluate,
        "score weights on labelled images, or rebuild every table and figure from kept predictions",
    ),
    "audit": (_audit, "fit and measure how far the answers of a weights folder can be trusted"),
    "map": (_map, "add a t-SNE map of the first member's held-out images to a weights folder"),
    "publish": (_publish, "upload a weights folder to the Hugging Face Hub, with a Space on request"),
    "readme": (_readme, "write the score table of a weights folder into a README"),
}
