"""No verb of the trainer writes over what it did not write itself, and all say so before any work."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from skin_app.result_files import OutputError, replace_file
from skin_app.weights.folder import EMBEDDED
from tests.tiny import picture
from train.__main__ import main
from train.documents.trust_document import FIGURE
from train.engine import overwriting

ROOT = Path(__file__).parents[2]
# the options that a verb needs beside where it writes; nothing of it is read before the refusal
NEEDED = {
    "split": ["--data", "DATA"],
    "run": ["--data", "DATA"],
    "assemble": ["RUN", "--data", "DATA"],
    "study": ["--data", "DATA", "--study", "split"],
    "range-test": ["--data", "DATA"],
    "trial": ["--data", "DATA", "--backbone", "mobilenet"],
    "pairs": ["--data", "DATA", "--run", "RUN"],
    "saliency": ["--data", "DATA", "--run", "RUN", "--image", "ISIC_1"],
    "tsne": ["--data", "DATA", "--run", "RUN"],
    "evaluate": ["--data", "DATA", "--weights", "WEIGHTS"],
    "audit": ["--data", "DATA"],
    "readme": [],
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a photo and somebody's table in it."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(picture(0)).save("photo.png")
    Path("patients.csv").write_text("name,age\n")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("verb", NEEDED)
@pytest.mark.parametrize("out", ["photo.png", "patients.csv"])
def test_no_verb_writes_over_a_file_of_another(
    verb: str, out: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(here)
    assert main([verb, *NEEDED[verb], "--out", out]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert "DATA" not in said, "the output is looked at first"
    assert contents(here) == before


@pytest.mark.parametrize(
    ("verb", "option", "path"),
    [
        *(("run", "--out", path) for path in ("run.json", "folds.csv")),
        *(("run", "--out", f"{folder}/patients.csv") for folder in ("weights", "fold-0")),
        ("assemble", "--out", "patients.csv"),
        *(("study", "--out", path) for path in ("split.md", "figures/split-roc.png")),
        ("study", "--evidence", "split/study.json"),
        *(("range-test", "--out", p) for p in ("run.json", "range-test.csv", "range-test.png")),
        ("trial", "--evidence", "trials"),
        *(("pairs", "--out", path) for path in ("pairs.csv", "pairs.md", "mel-as-nv.png")),
        ("saliency", "--out", "saliency.png"),
        *(("tsne", "--out", path) for path in ("tsne.json", "tsne.csv.gz")),
        ("evaluate", "--figures", "weights-roc.png"),
    ],
)
def test_a_folder_that_holds_such_a_file_of_another_is_refused(
    verb: str, option: str, path: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = Path("folder", path)
    mine.parent.mkdir(parents=True)
    shutil.copy("photo.png" if mine.suffix == ".png" else "patients.csv", mine)
    before = contents(here)
    options = [option, "folder"]
    if option in ("--evidence", "--figures"):
        options += ["--out", "new.md"]
    if verb == "evaluate":
        options += ["--evidence", "evidence"]
    assert main([verb, *NEEDED[verb], *options]) == 2
    said = capsys.readouterr().err
    assert mine.parts[1] in said
    assert contents(here) == before


@pytest.mark.parametrize("beside", ["trust.json", "figures/trust-deletion.png", "figures"])
def test_what_a_page_has_beside_it_is_not_written_over_either(
    beside: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = Path("docs", beside)
    mine.parent.mkdir(parents=True)
    shutil.copy("photo.png", mine)
    before = contents(here)
    assert main(["audit", *NEEDED["audit"], "--out", "docs/trust.md"]) == 2
    assert str(mine) in capsys.readouterr().err
    assert contents(here) == before


@pytest.mark.parametrize(
    "command", ["audit --data DATA --out trust.json", "evaluate --evidence DATA --out flagship.md"]
)
def test_a_page_is_not_named_like_the_file_beside_it(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command.split()) == 2
    assert "name another .md file" in capsys.readouterr().err


def test_what_the_trainer_wrote_is_known_again() -> None:
    docs = ROOT / "docs"
    beside = {"flagship.md": overwriting.FLAGSHIP}
    overwriting.check_document(
        docs / "results.md", overwriting.RESULTS, overwriting.RESULTS_JSON, beside
    )
    beside = {FIGURE: overwriting.PICTURE}
    overwriting.check_document(docs / "trust.md", overwriting.TRUST, overwriting.TRUST_JSON, beside)
    assert list((docs / "figures").glob("*-roc.png"))
    overwriting.check_figures(docs / "figures")
    for study in (docs / "evidence").glob("*/study.json"):
        overwriting.check_folder(study.parent, {"study.json": overwriting.STUDY})
        for run in study.parent.glob("*/run.json"):
            overwriting.check_folder(run.parent, {"run.json": overwriting.RUN["run.json"]})
        for plot in study.parent.glob("*/tsne.csv.gz"):
            overwriting.check_folder(plot.parent, {"tsne.csv.gz": overwriting.TSNE["tsne.csv.gz"]})
    overwriting.check_weights_folder(EMBEDDED)


def test_weights_with_files_of_others_are_not_replaced(here: Path) -> None:
    weights = here / "weights"
    weights.mkdir()
    overwriting.check_weights_folder(weights)
    (weights / "ensemble.json").write_text(json.dumps({"files": {"gallery.csv": "hash"}}))
    for own in ("gallery.csv", "README.md", ".DS_Store"):
        (weights / own).touch()
    overwriting.check_weights_folder(weights)
    (weights / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"also holds notes\.txt: move them away first"):
        overwriting.check_weights_folder(weights)


def test_a_log_in_the_folder_of_a_run_is_no_hindrance(here: Path) -> None:
    (here / "log.txt").write_text("`run ... | tee log.txt` makes it first")
    overwriting.check_run_folder(here)
    overwriting.check_weights_folder(here / "weights")


@pytest.mark.slow
@pytest.mark.parametrize("program", ["answer", "busy_core", "training"])
def test_a_benchmark_refuses_before_it_measures(program: str, here: Path) -> None:
    before = contents(here)
    command = [sys.executable, str(ROOT / "benchmarks" / f"{program}.py"), "--out", "patients.csv"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2
    assert "patients.csv is there already" in done.stderr
    assert contents(here) == before


def test_a_file_is_replaced_whole_or_not_at_all(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, link = here / "scores.json", here / "link.json"
    place.write_text("old")
    place.chmod(0o600)
    link.symlink_to(place)
    replace_file(link, "new")
    assert place.read_text() == "new"
    assert place.stat().st_mode & 0o777 == 0o600
    assert link.is_symlink()
    before = contents(here)

    def full(path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(place, "newer")
    assert contents(here) == before
