"""Where each verb may write: no verb replaces files of other programs."""

import json
from collections.abc import Mapping
from pathlib import Path

from skin_app.diagnoses import CODES
from skin_app.photo.folders import is_clutter
from skin_app.result_files import PICTURE, OutputError, check_output
from skin_app.weights.contract import CONTRACT

FOLDS = rb"image_id,lesion_group,dx,fold\r?\n"
RUN = {"run.json": rb'\{\s*"recipe": \{', "folds.csv": FOLDS}
RANGE_TEST = {"range-test.csv": rb"rate,loss,smoothed\r?\n", "range-test.png": PICTURE}
PAIRS = {
    "pairs.md": rb"# Confused pairs of ",
    "pairs.csv": rb"true,predicted,images,",
    **{f"{true}-as-{called}.png": PICTURE for true in CODES for called in CODES},
}
SALIENCY = {"saliency.png": PICTURE}
TSNE = {"tsne.json": rb'\{\s*"fold": ', "tsne.csv.gz": rb"image_id,x,y\r?\n"}
STUDY, STUDY_PAGE = rb'\{\s*"study": ', rb"## "
SCORES = rb'\{\s*"weights": "'
RESULTS, RESULTS_JSON = rb"# Results\r?\n", rb'\{\s*"weights": \{'
FLAGSHIP = rb"# The flagship"
TRUST, TRUST_JSON = rb"# How far an answer can be trusted\r?\n", rb'\{\s*"about": \{'
DRAWN = ("confusion", "learning", "range-test", "reliability", "roc", "tsne")  # what figures show
MODEL_CARD = "README.md"


def check_folder(folder: Path, files: Mapping[str, bytes] | None = None) -> None:
    """Raise `OutputError` unless `files` (name -> how ours begins) can be written into `folder`.

    It need not be there, and what else it holds stays.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise OutputError(f"{existing} is a file, not a folder: name another folder.")
    for name, ours in (files or {}).items():
        if (folder / name).parent.exists():
            check_output(folder / name, ours)


def check_run_folder(folder: Path) -> None:
    """Raise `OutputError` if training would continue from, or replace, files that are not a run's."""
    check_folder(folder, RUN)
    begun = next(folder.glob("fold-*/*"), None)
    if begun and not (folder / "run.json").exists():
        raise OutputError(f"{folder} holds {begun.parent.name} and no run.json: name another folder.")


def check_weights_folder(folder: Path) -> None:
    """Raise `OutputError` if a new weights folder would replace other files."""
    check_folder(folder)
    inside = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not is_clutter(path)
    }
    if not inside:
        return
    own = {CONTRACT, MODEL_CARD}
    if CONTRACT in inside:
        try:
            own |= json.loads((folder / CONTRACT).read_text(encoding="utf-8"))["files"].keys()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise OutputError(f"{folder / CONTRACT} is damaged: delete {folder}.") from error
    strangers = sorted(inside - own)
    if strangers or CONTRACT not in inside:
        names = ", ".join((strangers or sorted(inside))[:3])
        raise OutputError(f"{folder} would be replaced, but also holds {names}: move them away first.")


def check_document(out: Path, page: bytes, numbers: bytes, beside: Mapping[str, bytes]) -> None:
    """Raise `OutputError` unless a page, its numbers as JSON and what is `beside` can be written."""
    files = {out.name: page, out.with_suffix(".json").name: numbers, **beside}
    if len(files) < 2 + len(beside):
        raise OutputError(f"Another file is written beside the page as {out}: name another .md file.")
    check_folder(out.parent, files)


def check_figures(folder: Path) -> None:
    """Raise `OutputError` if a figure would replace a picture that the trainer did not draw."""
    ours = {path.name: PICTURE for shown in DRAWN for path in folder.glob(f"*-{shown}.png")}
    check_folder(folder, ours)
