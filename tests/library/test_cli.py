"""`python -m skin_app score`: one row a photo, whatever the photo."""

import csv
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import skin_app.weights.folder
from skin_app.cli import main
from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble
from skin_app.report.csv_rows import CSV_COLUMNS
from skin_app.result_files import growing_file, unfinished
from tests.tiny import give_trust, picture, write_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_weights(tmp_path_factory.mktemp("w") / "weights"))


def rows_of(path: Path) -> list[dict[str, str]]:
    assert path.read_bytes().startswith(b"\xef\xbb\xbffile,"), "Excel needs the byte-order mark"
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with two photos in it."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("a.png", "b.png")):
        Image.fromarray(picture(seed)).save(name)
    return tmp_path


def test_good_and_broken_photos_each_get_their_row(weights: str, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(6):
        Image.fromarray(picture(seed)).save(photos / f"{seed}.jpg")
    (photos / "2a.jpg").write_text("not an image")
    (photos / "2b.jpg").write_bytes(b"")
    out = tmp_path / "results.csv"
    assert main(["score", str(photos), "--out", str(out), "--weights", weights]) == 0
    rows = rows_of(out)
    assert list(rows[0]) == [
        "file",
        *(f"p_{code}" for code in CODES),
        "top1",
        "top1_probability",
        "malignant_probability",
        "outcome",
        "prediction_set",
        "novelty",
        "quality",
        "to_check",
        "agreement",
        "error",
    ]
    assert [Path(row["file"]).name for row in rows] == [
        "0.jpg", "1.jpg", "2.jpg", "2a.jpg", "2b.jpg", "3.jpg", "4.jpg", "5.jpg",
    ]  # fmt: skip
    for row in rows:
        if row["error"]:
            assert row["top1"] == ""
            continue
        probabilities = {code: float(row[f"p_{code}"]) for code in CODES}
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert row["top1"] == max(probabilities, key=lambda code: probabilities[code])
        malignant = sum(probabilities[code] for code in ("akiec", "bcc", "mel"))
        assert float(row["malignant_probability"]) == pytest.approx(malignant, abs=1e-5)
    errors = {Path(row["file"]).name: row["error"] for row in rows if row["error"]}
    assert "not a JPEG" in errors["2a.jpg"]
    assert "empty" in errors["2b.jpg"]


def test_weights_with_trust_fill_its_columns(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(picture(1, 120, 90)).save(photos / "small.jpg")
    Image.fromarray(picture(2, 200, 150)).save(photos / "large.jpg")
    for limit, novel in ((1e9, False), (-1e9, True)):
        weights = give_trust(write_weights(tmp_path / f"w{novel}"), novelty_limit=limit)
        out = tmp_path / f"{novel}.csv"
        assert main(["score", str(photos), "--out", str(out), "--weights", str(weights)]) == 0
        large, small = rows_of(out)
        assert small["quality"] == "size"
        assert large["quality"] == "no finding"
        for row in (large, small):
            assert (row["outcome"] == "not dermatoscopic") == novel
            assert (float(row["novelty"]) > 0) == novel
            inside = {code for code in CODES if float(row[f"p_{code}"]) >= 0.14}
            assert set(row["prediction_set"].split("+")) == (inside if not novel else {""})
            assert 0 <= float(row["agreement"]) <= 1


def test_weights_without_trust_leave_its_columns_empty(weights: str, tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    Image.fromarray(picture(1)).save(photo)
    out = tmp_path / "results.csv"
    assert main(["score", str(photo), "--out", str(out), "--weights", weights]) == 0
    (row,) = rows_of(out)
    assert [row[name] for name in ("outcome", "prediction_set", "novelty", "quality", "agreement")] == [
        ""
    ] * 5
    assert row["top1"]


def test_a_folder_without_images_is_one_sentence(
    weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(tmp_path), "--out", "x.csv", "--weights", weights]) == 2
    assert "holds no images" in capsys.readouterr().err


def test_bad_weights_a_bad_path_and_a_bad_output_are_one_sentence(
    weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "a.jpg"
    Image.fromarray(picture(0)).save(photo)
    assert main(["score", str(photo), "--out", "x.csv", "--weights", str(tmp_path)]) == 2
    assert "There are no weights" in capsys.readouterr().err
    assert main(["score", "nowhere.jpg", "--out", "x.csv", "--weights", weights]) == 2
    assert "nowhere.jpg does not exist" in capsys.readouterr().err
    out = tmp_path / "no" / "x.csv"
    assert main(["score", str(photo), "--out", str(out), "--weights", weights]) == 2
    assert f"{out} cannot be used (No such file" in capsys.readouterr().err
    assert main(["score", str(photo), "--out", str(photo / "x.csv"), "--weights", weights]) == 2
    assert f"{photo} is a file, not a folder" in capsys.readouterr().err


def test_the_file_that_cannot_be_used_is_the_one_named(
    weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "a.jpg")

    def locked(_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "weights/gallery.csv")

    monkeypatch.setattr("skin_app.cli.Ensemble.load", locked)
    out = tmp_path / "x.csv"
    assert main(["score", str(tmp_path), "--out", str(out), "--weights", weights]) == 2
    said = capsys.readouterr().err
    assert said == "error: weights/gallery.csv cannot be used (Permission denied).\n"


def test_names_that_are_not_utf8_or_look_like_formulas_each_get_their_row(
    weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (b"L\xe4sion.jpg", b"=1+1.jpg"):
        Path(os.fsdecode(name)).write_bytes(b"not an image")
    assert main(["score", ".", "--out", "results.csv", "--weights", weights]) == 0
    assert {row["file"] for row in rows_of(Path("results.csv"))} == {"'=1+1.jpg", "L\\udce4sion.jpg"}


def test_a_file_of_answers_never_comes_from_other_weights_than_asked_for(
    weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(*_: object, **__: object) -> str:
        raise ConnectionError("no route")

    monkeypatch.setattr("skin_app.weights.hub.snapshot_download", offline)
    monkeypatch.setattr(skin_app.weights.folder, "EMBEDDED", Path(weights))
    Image.fromarray(picture(1)).save(tmp_path / "1.jpg")
    out = tmp_path / "results.csv"
    asked = "someone/skin@" + "0" * 40
    assert main(["score", str(tmp_path), "--out", str(out), "--weights", asked]) == 2
    assert "could not be downloaded" in capsys.readouterr().err
    assert not out.exists()


def test_a_photo_is_never_written_over(
    weights: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("link.csv").symlink_to("a.png")
    Path("hard.csv").hardlink_to("a.png")
    Path("notes.txt").write_text("mine")
    Path("mine.csv").write_text("file,diagnosis\na.png,nv\n")
    before = {path: path.read_bytes() for path in here.iterdir()}
    for out, sentence in (
        ("a.png", "the shell turns `--out *.png` into the first image"),
        ("new.HEIC", "has the name of an image"),
        ("link.csv", "was not written by this command"),
        ("hard.csv", "was not written by this command"),
        ("notes.txt", "was not written by this command"),
        ("mine.csv", "was not written by this command"),
        (".", "is a folder"),
    ):
        assert main(["score", "b.png", "--out", out, "--weights", weights]) == 2
        assert sentence in capsys.readouterr().err
        assert main(["score", ".", "--out", out, "--weights", weights]) == 2
        assert "error: " in capsys.readouterr().err
    assert {path: path.read_bytes() for path in here.iterdir()} == before


@pytest.mark.usefixtures("here")
def test_results_take_the_place_of_earlier_results(weights: str) -> None:
    earlier = [column for column in CSV_COLUMNS if column not in ("outcome", "quality")]
    for existing in (
        "",
        ",".join(earlier) + "\r\n",
        "\ufeff" + ",".join(CSV_COLUMNS) + "\nold.png" + "," * 16 + "\n",
    ):
        Path("results.csv").write_text(existing, encoding="utf-8")
        Path("results.csv").chmod(0o600)
        assert main(["score", "a.png", "--out", "results.csv", "--weights", weights]) == 0
        assert [row["file"] for row in rows_of(Path("results.csv"))] == ["a.png"]
        assert Path("results.csv").stat().st_mode & 0o777 == 0o600
    Path("link.csv").symlink_to("results.csv")
    assert main(["score", "b.png", "--out", "link.csv", "--weights", weights]) == 0
    assert [row["file"] for row in rows_of(Path("results.csv"))] == ["b.png"]
    assert Path("link.csv").is_symlink()


@pytest.mark.usefixtures("here")
def test_results_that_are_named_as_a_photo_are_not_written_over(
    weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", "a.png", "--out", "results.csv", "--weights", weights]) == 0
    before = Path("results.csv").read_bytes()
    command = ["score", "a.png", "results.csv", "--out", "results.csv", "--weights", weights]
    assert main(command) == 2
    assert "results.csv is among the files to read" in capsys.readouterr().err
    assert Path("results.csv").read_bytes() == before


@pytest.mark.usefixtures("here")
def test_a_run_that_is_stopped_leaves_earlier_results_and_its_own_rows(
    weights: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(6):
        Path(f"{number}.jpg").write_bytes(b"broken")
    command = ["score", ".", "--out", "results.csv", "--weights", weights]
    assert main(command) == 0
    before = Path("results.csv").read_bytes()

    analyse_files = Ensemble.analyse_files

    def stopped(*given: Any, **named: Any) -> Iterator[Any]:
        yield next(analyse_files(*given, **named))
        raise KeyboardInterrupt

    monkeypatch.setattr(Ensemble, "analyse_files", stopped)
    capsys.readouterr()
    assert main(command) == 130
    assert "what was written until then is in results.csv.partial." in capsys.readouterr().err
    assert [row["file"] for row in rows_of(Path("results.csv.partial"))] == [
        f"{number}.jpg" for number in range(4)
    ]
    assert Path("results.csv").read_bytes() == before
    monkeypatch.setattr(Ensemble, "analyse_files", analyse_files)
    assert main(command) == 0
    assert "results.csv.partial holds the rows of a run that did not end" in capsys.readouterr().err
    assert len(rows_of(Path("results.csv.partial"))) == 4


FULL_AFTER_3000_BYTES = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
from skin_app.cli import main
raise SystemExit(main(sys.argv[1:]))
"""


@pytest.mark.usefixtures("here")
def test_a_full_disk_is_one_sentence_and_keeps_the_rows(weights: str) -> None:
    for number in range(60):
        Path(f"{number:02}.jpg").write_bytes(b"broken")
    command = [sys.executable, "-c", FULL_AFTER_3000_BYTES, "score", ".", "--out", "r.csv"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [*command, "--weights", weights], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 2
    said = done.stderr.splitlines()[-1]
    assert said.startswith("error: r.csv cannot be written (")
    assert said.endswith("). What was written until then is in r.csv.partial.")
    assert not Path("r.csv").exists()
    assert len(rows_of(Path("r.csv.partial"))) > 10


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["a.png", None])
def test_a_fault_of_a_photo_is_not_said_of_the_results(
    name: str | None,
    weights: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def worn(*_: object) -> object:
        raise OSError(errno.EIO, "Input/output error", name)

    monkeypatch.setattr("skin_app.cli._read", worn)
    assert main(["score", ".", "--out", "r.csv", "--weights", weights]) == 2
    said = capsys.readouterr().err
    assert f"error: {name or 'A file'} cannot be used (Input/output error)." in said
    assert "r.csv cannot be" not in said


@pytest.mark.usefixtures("here")
def test_two_runs_into_one_file_do_not_write_into_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Path, "exists", lambda _: False)  # both looked before either began
    out = Path("r.csv")
    with growing_file(out, b"one|other") as one, growing_file(out, b"one|other") as other:
        one.write("one")
        other.write("other")
        assert unfinished(out) == [Path("r.csv.partial"), Path("r.csv.partial2")]
        Path("r.csv.partial3").touch()
        Path("r.csv.partial9").touch()
        assert [path.suffix[-1] for path in unfinished(out)] == ["l", "2", "3", "9"]
    assert out.read_text(encoding="utf-8-sig") == "one"


@pytest.mark.usefixtures("here")
def test_a_name_that_begins_with_a_dash_is_hinted_at(
    weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.png").rename("-x.png")
    given = ["--out", "r.csv", "--weights", weights]
    for command in (["score", "-x.png", *given], ["score", "--", "-x.png", *given]):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 2
        assert "is written ./-x.png, or comes last, after --" in capsys.readouterr().err
    assert not Path("r.csv").exists()
    for command in (["score", *given, "--", "-x.png"], ["score", "./-x.png", *given]):
        assert main(command) == 0
        assert [row["file"] for row in rows_of(Path("r.csv"))] == ["'-x.png"]


@pytest.mark.usefixtures("here")
def test_the_last_line_counts_what_was_scored_failed_and_passed_over(
    weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("c.jpg").write_text("no image")
    Path("notes.txt").write_text("mine")
    os.mkfifo("pipe.jpg")
    assert main(["score", ".", "a.png", "--out", "r.csv", "--weights", weights]) == 0
    assert capsys.readouterr().out == (
        "2 photos scored, 1 failed, 2 other files passed over; written to r.csv\n"
    )
    assert main(["score", "notes.txt", "pipe.jpg", "--out", "r.csv", "--weights", weights]) == 0
    text, pipe = rows_of(Path("r.csv"))
    assert "not" in text["error"]
    assert pipe["error"].startswith("This is a pipe")
    Path("alone").mkdir()
    Path("a.png").rename("alone/a.png")
    Path("notes.txt").rename("alone/notes.txt")
    capsys.readouterr()
    assert main(["score", "alone", "--out", "r.csv", "--weights", weights]) == 0
    said = capsys.readouterr().out
    assert said == "1 photo scored, 0 failed, 1 other file passed over; written to r.csv\n"


@pytest.mark.usefixtures("here")
def test_a_folder_that_cannot_be_listed_is_told(
    weights: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("locked").mkdir()
    scandir = os.scandir

    def refused(path: str) -> object:
        if Path(path).name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    assert main(["score", ".", "--out", "r.csv", "--weights", weights]) == 0
    assert "the folder locked (Permission denied) cannot be read" in capsys.readouterr().err
