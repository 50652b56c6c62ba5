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
        add_options(verbs.add_parser(name, help=about, description=about))
    return made


def _split(verb: argparse.ArgumentParser) -> None:
    _data(verb)
    verb.add_argument("--folds", type=int, default=5)
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--by-image", action="store_true", help="ignore lesions, as in 2020 (leaks)")


def _run(verb: argparse.ArgumentParser) -> None:
    _training(verb)
    verb.add_argument("--recipe", help="of train/recipes/published.py", default="flagship")
    verb.add_argument("--init", type=Path, help="start weights (safetensors, timm's key names)")
    about = "go on from the members of this finished run"
    verb.add_argument("--after", type=Path, metavar="RUN", help=about)


def _assemble(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("run", nargs="+", type=Path, metavar="RUN", help="the --out folder of a `run`")
    about = "the weights folder (default: weights in the first RUN)"
    verb.add_argument("--out", type=Path, help=about)
    verb.add_argument("--int8", action="store_true", help="store 8-bit integers: half the size")
    _images(verb)


def _study(verb: argparse.ArgumentParser) -> None:
    _training(verb)
    verb.add_argument("--study", help="of train/recipes/studies.py", required=True)
    verb.add_argument("--only", action="append", metavar="SETTING", help="may be repeated")
    about = "of held-out images (default: the study's)"
    verb.add_argument("--views", type=int, choices=(1, 4, 8), help=about)
    verb.add_argument("--evidence", type=Path, help="what is kept (default: OUT/evidence)")
    about = "start weights; may be repeated"
    verb.add_argument("--init", action="append", metavar="[BACKBONE=]FILE", help=about)


def _range_test(verb: argparse.ArgumentParser) -> None:
    _training(verb)
    verb.add_argument("--recipe", help="of train/recipes/published.py", default="mishra2019")
    verb.add_argument("--init", type=Path)
    about = "number of the recipe's stage, tried on the start weights"
    verb.add_argument("--stage", type=int, default=0, help=about)
    verb.add_argument("--lowest", type=float, default=1e-6)
    verb.add_argument("--highest", type=float, default=1.0)
    verb.add_argument("--steps", type=int, default=100)


def _trial(verb: argparse.ArgumentParser) -> None:
    _data(verb)
    verb.add_argument("--backbone", required=True, help=BACKBONE)
    verb.add_argument("--size", type=int)
    verb.add_argument("--init", type=Path)
    verb.add_argument("--images", type=int, help="a stratified part of the images")
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--evidence", type=Path, help="keep trial.json under EVIDENCE/trials, too")


def _pairs(verb: argparse.ArgumentParser) -> None:
    _finished_run(verb)
    verb.add_argument("--pairs", type=int, default=5)
    verb.add_argument("--cases", type=int, default=4)


def _saliency(verb: argparse.ArgumentParser) -> None:
    _finished_run(verb)
    verb.add_argument("--image", action="append", required=True, help="image id; may be repeated")


def _tsne(verb: argparse.ArgumentParser) -> None:
    _finished_run(verb)
    verb.add_argument("--fold", type=int, default=0)
    verb.add_argument("--images", type=int, help="a stratified part of the images")


def _evaluate(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--weights", help="a folder, or owner/name@commit")
    _data(verb, required=False)
    verb.add_argument("--views", type=int, choices=(1, 8), default=8)
    verb.add_argument("--evidence", type=Path, help="folder of kept evidence: rebuild --out")
    verb.add_argument("--figures", type=Path, default=Path("docs/figures"))


def _audit(verb: argparse.ArgumentParser) -> None:
    _weights(verb)
    about = "pictures to refuse, with a manifest.csv: columns file, and kind (photo or clinical)"
    verb.add_argument("--not-dermoscopy", type=Path, metavar="FOLDER", help=about)
    about = "where slow results are kept"
    verb.add_argument("--work", type=Path, default=Path("runs/trust/work"), help=about)
    verb.add_argument("--only", metavar="SECTION", help="measure this section of --out again")
    _data(verb)


def _map(verb: argparse.ArgumentParser) -> None:
    _weights(verb)
    verb.set_defaults(out=None)


def _publish(verb: argparse.ArgumentParser) -> None:
    _weights(verb)
    about = "model repo; its files are replaced"
    verb.add_argument("--repo", required=True, metavar="OWNER/NAME", help=about)
    verb.add_argument("--space", metavar="OWNER/NAME", help="a Space that serves the page")
    verb.add_argument("--tag", help="a name for this version")
    verb.add_argument("--public", action="store_true", help="new repos are visible to all")
    verb.set_defaults(out=None)


def _readme(verb: argparse.ArgumentParser) -> None:
    _weights(verb)
    verb.add_argument("--out", type=Path, default=Path("README.md"))


def _weights(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--weights", help="a folder (default: the embedded weights)")


def _images(verb: argparse.ArgumentParser, required: bool = True) -> None:
    about = "folder with images and a table of HAM10000, ISIC 2018, ISIC 2019 or the ISIC Archive"
    verb.add_argument("--data", required=required, type=Path, help=about)
    verb.add_argument("--allow-missing", action="store_true", help="go on without missing images")


def _data(verb: argparse.ArgumentParser, required: bool = True) -> None:
    _images(verb, required)
    about = "count squamous cell carcinomas as akiec; they are left out otherwise"
    verb.add_argument("--scc-as-akiec", action="store_true", help=about)
    verb.add_argument("--out", required=True, type=Path, help="what to write")


def _training(verb: argparse.ArgumentParser) -> None:
    _data(verb)
    verb.add_argument("--backbone", help=BACKBONE)
    verb.add_argument("--size", type=int, help="side of the square input in pixels")
    about = "change one field, e.g. stages.0.epochs=3"
    verb.add_argument("--set", action="append", metavar="FIELD=VALUE", help=about)
    verb.add_argument("--fold", type=int, action="append", help="only this fold; may be repeated")
    verb.add_argument("--seed", type=int, default=0)
    about = "parts of a batch, shared by the processes"
    verb.add_argument("--micro-batches", type=int, default=1, help=about)


def _finished_run(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--run", required=True, type=Path, help="the --out folder of a `run`")
    _images(verb)
    verb.add_argument("--out", required=True, type=Path, help="folder to write into")


# Verb -> the function that adds its options, and what it is for.
OPTIONS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], str]] = {
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
