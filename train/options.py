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
BACKBONE = "a timm name, or a preset such as swin_tiny_stages123"


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
    add("--folds", type=int, default=5)
    add("--seed", type=int, default=0)
    add("--by-image", action="store_true", help="ignore lesions, as in 2020 (leaks)")


def _run(add: Add) -> None:
    _training(add)
    add("--recipe", help="of train/recipes/published.py", default="flagship")
    add("--init", type=Path, help="start weights (safetensors, timm's key names)")
    add("--after", type=Path, metavar="RUN", help="go on from the members of this finished run")


def _assemble(add: Add) -> None:
    add("run", nargs="+", type=Path, metavar="RUN", help="the --out folder of a `run`")
    add("--out", type=Path, help="the weights folder (default: weights in the first RUN)")
    add("--int8", action="store_true", help="store 8-bit integers: half the size")
    _images(add)


def _study(add: Add) -> None:
    _training(add)
    add("--study", help="of train/recipes/studies.py", required=True)
    add("--only", action="append", metavar="SETTING", help="may be repeated")
    add("--views", type=int, choices=(1, 4, 8), help="of held-out images (default: the study's)")
    add("--evidence", type=Path, help="what is kept (default: OUT/evidence)")
    add("--init", action="append", metavar="[BACKBONE=]FILE", help="start weights; may be repeated")


def _range_test(add: Add) -> None:
    _training(add)
    add("--recipe", help="of train/recipes/published.py", default="mishra2019")
    add("--init", type=Path)
    add("--stage", type=int, default=0, help="number of the recipe's stage, tried on the start weights")
    add("--lowest", type=float, default=1e-6)
    add("--highest", type=float, default=1.0)
    add("--steps", type=int, default=100)


def _trial(add: Add) -> None:
    _data(add)
    add("--backbone", required=True, help=BACKBONE)
    add("--size", type=int)
    add("--init", type=Path)
    add("--images", type=int, help="a stratified part of the images")
    add("--seed", type=int, default=0)
    add("--evidence", type=Path, help="keep trial.json under EVIDENCE/trials, too")


def _pairs(add: Add) -> None:
    _finished_run(add)
    add("--pairs", type=int, default=5)
    add("--cases", type=int, default=4)


def _saliency(add: Add) -> None:
    _finished_run(add)
    add("--image", action="append", required=True, help="image id; may be repeated")


def _tsne(add: Add) -> None:
    _finished_run(add)
    add("--fold", type=int, default=0)
    add("--images", type=int, help="a stratified part of the images")


def _evaluate(add: Add) -> None:
    add("--weights", help="a folder, or owner/name@commit")
    _data(add, required=False)
    add("--views", type=int, choices=(1, 8), default=8)
    add("--evidence", type=Path, help="folder of kept evidence: rebuild --out")
    add("--figures", type=Path, default=Path("docs/figures"))


def _audit(add: Add) -> None:
    _weights(add)
    about = "pictures to refuse, with a manifest.csv: columns file, and kind (photo or clinical)"
    add("--not-dermoscopy", type=Path, metavar="FOLDER", help=about)
    add("--work", type=Path, default=Path("runs/trust/work"), help="where slow results are kept")
    add("--only", metavar="SECTION", help="measure this section of --out again")
    _data(add)


def _map(add: Add) -> None:
    _weights(add)


def _publish(add: Add) -> None:
    _weights(add)
    add("--repo", required=True, metavar="OWNER/NAME", help="model repo; its files are replaced")
    add("--space", metavar="OWNER/NAME", help="a Space that serves the page")
    add("--tag", help="a name for this version")
    add("--public", action="store_true", help="new repos are visible to all")


def _readme(add: Add) -> None:
    _weights(add)
    add("--out", type=Path, default=Path("README.md"))


def _weights(add: Add) -> None:
    add("--weights", help="a folder (default: the embedded weights)")


def _images(add: Add, required: bool = True) -> None:
    about = "folder with images and a table of HAM10000, ISIC 2018, ISIC 2019 or the ISIC Archive"
    add("--data", required=required, type=Path, help=about)
    add("--allow-missing", action="store_true", help="go on without missing images")


def _data(add: Add, required: bool = True) -> None:
    _images(add, required)
    about = "count squamous cell carcinomas as akiec; they are left out otherwise"
    add("--scc-as-akiec", action="store_true", help=about)
    add("--out", required=True, type=Path, help="what to write")


def _training(add: Add) -> None:
    _data(add)
    add("--backbone", help=BACKBONE)
    add("--size", type=int, help="side of the square input in pixels")
    about = "change one field, e.g. stages.0.epochs=3"
    add("--set", action="append", metavar="FIELD=VALUE", help=about)
    add("--fold", type=int, action="append", help="only this fold; may be repeated")
    add("--seed", type=int, default=0)
    add("--micro-batches", type=int, default=1, help="parts of a batch, shared by the processes")


def _finished_run(add: Add) -> None:
    add("--run", required=True, type=Path, help="the --out folder of a `run`")
    _images(add)
    add("--out", required=True, type=Path, help="folder to write into")


# Verb -> the function that adds its options, and what it is for.
OPTIONS: dict[str, tuple[Callable[[Add], None], str]] = {
    "split": (_split, "write lesion-grouped stratified folds as CSV"),
    "run": (_run, "train members, predict held-out folds, write the weights folder"),
    "assemble": (
        _assemble,
        "write a weights folder from the finished folds of one or more runs on the same folds",
    ),
    "study": (_study, "train a study's settings and compare them in pairs"),
    "range-test": (_range_test, "learning-rate range test with its plot and the chosen rate"),
    "trial": (_trial, "score a frozen backbone on cached bottleneck features"),
    "pairs": (_pairs, "the leading confused pairs, with cases and two explanations"),
    "saliency": (_saliency, "gradient saliency of single images"),
    "tsne": (_tsne, "t-SNE map of the last hidden layer of one fold's member"),
    "evaluate": (
        _evaluate,
        "score weights on labelled images, or rebuild every table and figure from kept evidence",
    ),
    "audit": (_audit, "fit and measure how far a weights folder's answers can be trusted"),
    "map": (_map, "put the t-SNE map of member 0's held-out images into a weights folder"),
    "publish": (
        _publish,
        "upload a weights folder to the Hugging Face Hub, and a Space that serves it",
    ),
    "readme": (_readme, "write the score table of a weights folder into README.md"),
}
