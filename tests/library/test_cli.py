"""`python -m skin_app score`: one row a photo, whatever the photo."""

import csv
import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
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

pytestmark = pytest.mark.usefixtures("here")
Run = Callable[..., int]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_weights(tmp_path_factory.mktemp("w") / "weights"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with two photos in it."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("a.png", "b.png")):
        Image.fromarray(picture(seed)).save(name)
    return tmp_path


@pytest.fixture
def score(weights: str) -> Run:
    """Scores photos into a file, by default into r.csv and with the tiny weights; the exit status."""

    def run(*photos: str, out: str = "r.csv", weights: str = weights, patients: str = "") -> int:
        table = ["--patients", patients] if patients else []
        return main(["score", *photos, "--out", out, "--weights", weights, *table])

    return run


def rows_of(name: str = "r.csv") -> list[dict[str, str]]:
    path = Path(name)
    assert path.read_bytes().startswith(b"\xef\xbb\xbffile,"), "Excel needs the byte-order mark"
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def files_of(name: str = "r.csv") -> list[str]:
    return [row["file"] for row in rows_of(name)]


def test_good_and_broken_photos_each_get_their_row(score: Run) -> None:
    Path("photos").mkdir()
    for seed in range(6):
        Image.fromarray(picture(seed)).save(f"photos/{seed}.jpg")
    Path("photos/2a.jpg").write_text("not an image")
    Path("photos/2b.jpg").write_bytes(b"")
    assert score("photos") == 0
    rows = rows_of()
    assert tuple(rows[0]) == (
        *("file", *(f"p_{code}" for code in CODES), "top1", "top1_probability"),
        *("malignant_probability", "outcome", "without_refusal", "prediction_set", "novelty"),
        *("quality", "to_check", "agreement", "age", "sex", "photo_outcome"),
        *(*(f"p_{code}_in_context" for code in CODES), "top1_in_context"),
        *("malignant_probability_in_context", "error"),
    )
    names = ["0", "1", "2", "2a", "2b", "3", "4", "5"]
    assert files_of() == [f"photos/{name}.jpg" for name in names]
    for row in rows:
        assert {row[name] for name in ("outcome", "prediction_set", "novelty", "agreement")} == {""}
        if row["error"]:
            assert row["top1"] == ""
            continue
        probabilities = {code: float(row[f"p_{code}"]) for code in CODES}
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert row["top1"] == max(probabilities, key=lambda code: probabilities[code])
        malignant = sum(probabilities[code] for code in ("akiec", "bcc", "mel"))
        assert float(row["malignant_probability"]) == pytest.approx(malignant, abs=1e-5)
    errors = [row["error"] for row in rows if row["error"]]
    assert "not a JPEG" in errors[0]
    assert "empty" in errors[1]


@pytest.mark.parametrize(("limit", "novel"), [(1e9, False), (-1e9, True)])
def test_weights_with_trust_fill_its_columns(
    score: Run, tmp_path: Path, limit: float, novel: bool
) -> None:
    Image.fromarray(picture(1, 120, 90)).save("small.jpg")
    Image.fromarray(picture(2, 200, 150)).save("large.jpg")
    weights = give_trust(write_weights(tmp_path / "weights"), novelty_limit=limit)
    assert score("large.jpg", "small.jpg", weights=str(weights)) == 0
    rows = rows_of()
    assert [row["quality"] for row in rows] == ["no finding", "size"]
    for row in rows:
        assert (row["outcome"] == "not dermatoscopic") == novel
        assert row["without_refusal"] == "suspicious"  # a refusal does not hide it
        assert (float(row["novelty"]) > 0) == novel
        inside = {code for code in CODES if float(row[f"p_{code}"]) >= 0.14}
        assert set(row["prediction_set"].split("+")) == (inside if not novel else {""})
        assert 0 <= float(row["agreement"]) <= 1


@pytest.mark.parametrize(
    ("photo", "given", "sentence"),
    [
        ("empty", {}, "holds no images"),
        ("a.png", {"weights": "empty"}, "There are no weights"),
        ("nowhere.jpg", {}, "nowhere.jpg does not exist"),
        ("a.png", {"out": "no/x.csv"}, "no/x.csv cannot be used (No such file"),
        ("a.png", {"out": "b.png/x.csv"}, "b.png is a file, not a folder"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_sentence(
    score: Run, capsys: pytest.CaptureFixture[str], photo: str, given: dict[str, str], sentence: str
) -> None:
    Path("empty").mkdir()
    assert score(photo, **given) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("variable", ["LANGUAGE", "LANG"])
def test_the_command_speaks_the_language_of_the_environment(
    score: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str
) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LC_CTYPE", "C.UTF-8")  # as Python sets it where the locale is not installed
    monkeypatch.setenv(variable, "de_AT.UTF-8")
    assert score("nowhere.jpg") == 2
    assert capsys.readouterr().err == "Fehler: nowhere.jpg gibt es nicht: den Pfad prüfen.\n"
    assert score("a.png") == 0
    done = "1 Foto bewertet, 0 nicht verwendbar, 0 andere Dateien übergangen; geschrieben nach r.csv\n"
    assert capsys.readouterr().out == done


@pytest.mark.parametrize("name", ["weights/gallery.csv", "a.png", None])
def test_a_fault_of_another_file_is_not_said_of_the_results(
    score: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str | None
) -> None:
    def worn(*_: object) -> object:
        raise OSError(errno.EIO, "Input/output error", name)

    reading = "Ensemble.load" if name and "weights" in name else "read_found"
    monkeypatch.setattr(f"skin_app.cli.{reading}", worn)
    assert score(".") == 2
    said = capsys.readouterr().err
    assert f"error: {name or 'A file'} cannot be used (Input/output error)." in said
    assert "r.csv cannot be" not in said


def test_names_that_are_not_utf8_or_look_like_formulas_each_get_their_row(score: Run) -> None:
    for name in (b"L\xe4sion.jpg", b"=1+1.jpg"):
        Path(os.fsdecode(name)).write_bytes(b"not an image")
    assert score(".") == 0
    assert {"'=1+1.jpg", "L\\udce4sion.jpg"} <= set(files_of())


def test_a_file_of_answers_never_comes_from_other_weights_than_asked_for(
    score: Run, weights: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(*_: object, **__: object) -> str:
        raise ConnectionError("no route")

    monkeypatch.setattr("skin_app.weights.hub.snapshot_download", offline)
    monkeypatch.setattr(skin_app.weights.folder, "EMBEDDED", Path(weights))
    assert score("a.png", weights="someone/skin@" + "0" * 40) == 2
    assert "could not be downloaded" in capsys.readouterr().err
    assert not Path("r.csv").exists()


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("a.png", "the shell turns `--out *.png` into the first image"),
        ("new.HEIC", "has the name of an image"),
        ("link.csv", "was not written by this command"),
        ("hard.csv", "was not written by this command"),
        ("notes.txt", "was not written by this command"),
        ("mine.csv", "was not written by this command"),
        (".", "is a folder"),
    ],
)
def test_a_photo_or_a_file_of_others_is_never_written_over(
    score: Run, here: Path, capsys: pytest.CaptureFixture[str], out: str, sentence: str
) -> None:
    Path("link.csv").symlink_to("a.png")
    Path("hard.csv").hardlink_to("a.png")
    Path("notes.txt").write_text("mine")
    Path("mine.csv").write_text("file,diagnosis\na.png,nv\n")
    before = {path: path.read_bytes() for path in here.iterdir()}
    assert score("b.png", out=out) == 2
    assert sentence in capsys.readouterr().err
    assert score(".", out=out) == 2
    assert "error: " in capsys.readouterr().err
    assert {path: path.read_bytes() for path in here.iterdir()} == before


NEWER = {"outcome", "quality", "age", "sex", "photo_outcome"}
EARLIER = [name for name in CSV_COLUMNS if name not in NEWER and "in_context" not in name]


@pytest.mark.parametrize(
    "existing",
    ["", ",".join(EARLIER) + "\r\n", "\ufeff" + ",".join(CSV_COLUMNS) + "\nold.png" + "," * 16 + "\n"],
)
def test_results_take_the_place_of_earlier_results_but_are_no_photo(
    score: Run, capsys: pytest.CaptureFixture[str], existing: str
) -> None:
    Path("r.csv").write_text(existing, encoding="utf-8")
    Path("r.csv").chmod(0o600)
    assert score("a.png") == 0
    assert files_of() == ["a.png"]
    assert Path("r.csv").stat().st_mode & 0o777 == 0o600
    Path("link.csv").symlink_to("r.csv")
    assert score("b.png", out="link.csv") == 0
    assert files_of() == ["b.png"]
    assert Path("link.csv").is_symlink()
    assert score("a.png", "r.csv") == 2
    assert "r.csv is among the files to read" in capsys.readouterr().err
    assert files_of() == ["b.png"]


def test_a_run_that_is_stopped_leaves_earlier_results_and_its_own_rows(
    score: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = [f"{number}.jpg" for number in range(6)]
    for name in photos:
        Path(name).write_bytes(b"broken")
    assert score(*photos) == 1
    before = Path("r.csv").read_bytes()
    analyse_files = Ensemble.analyse_files

    def stopped(*given: Any, **named: Any) -> Iterator[Any]:
        yield next(analyse_files(*given, **named))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Ensemble, "analyse_files", stopped)
        assert score(*photos) == 130
    assert "what was written until then is in r.csv.partial." in capsys.readouterr().err
    assert files_of("r.csv.partial") == photos[:4]
    assert Path("r.csv").read_bytes() == before
    assert score(*photos) == 1
    assert "r.csv.partial holds the rows of a run that did not end" in capsys.readouterr().err
    assert len(rows_of("r.csv.partial")) == 4


FULL_AFTER_3000_BYTES = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
from skin_app.cli import main
raise SystemExit(main(sys.argv[1:]))
"""


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
    assert len(rows_of("r.csv.partial")) > 10


SPINS_OF_A_PROGRAM = """
import os, runpy, sys
torch_was_loaded = []
sys.meta_path.insert(0, type("Seen", (), {"find_spec": lambda name, *_: (
    name == "torch" and torch_was_loaded.append(os.environ.get("GOMP_SPINCOUNT")) or None)}))
try:
    runpy.run_module(sys.argv.pop(1), run_name="__main__")
except SystemExit:
    print(*torch_was_loaded[:1])
"""


@pytest.mark.parametrize("program", ["skin_app", "app"])
@pytest.mark.parametrize("own", [None, "7"])
def test_idle_threads_leave_their_core_unless_the_user_decides(program: str, own: str | None) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    environment |= {"GOMP_SPINCOUNT": own} if own else {}
    command = [sys.executable, "-c", SPINS_OF_A_PROGRAM, program, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == (own or "5000")


def test_two_runs_into_one_file_do_not_write_into_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_name_that_begins_with_a_dash_is_hinted_at(
    score: Run, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.png").rename("-x.png")
    given = ["--out", "r.csv", "--weights", weights]
    for command in (["score", "-x.png", *given], ["score", "--", "-x.png", *given]):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 2
        assert "is written ./-x.png, or comes last, after --" in capsys.readouterr().err
    assert not Path("r.csv").exists()
    for done in (main(["score", *given, "--", "-x.png"]), score("./-x.png")):
        assert done == 0
        assert files_of() == ["'-x.png"]


def test_the_last_line_counts_what_was_scored_failed_and_passed_over(
    score: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("c.jpg").write_text("no image")
    Path("notes.txt").write_text("mine")
    os.mkfifo("pipe.jpg")
    assert score(".", "a.png") == 0
    counts = "2 photos scored, 1 failed, 2 other files skipped; written to r.csv\n"
    assert capsys.readouterr().out == counts
    assert score("notes.txt", "pipe.jpg") == 1  # none could be scored
    text, pipe = rows_of()
    assert "not" in text["error"]
    assert pipe["error"].startswith("This is a pipe")
    Path("alone").mkdir()
    Path("a.png").rename("alone/a.png")
    Path("notes.txt").rename("alone/notes.txt")
    capsys.readouterr()
    assert score("alone") == 0
    counts = "1 photo scored, 0 failed, 1 other file skipped; written to r.csv\n"
    assert capsys.readouterr().out == counts


def test_a_folder_that_cannot_be_listed_is_told(
    score: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("locked").mkdir()
    scandir = os.scandir

    def refused(path: str) -> object:
        if Path(path).name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    assert score(".") == 0
    assert "the folder locked (Permission denied) cannot be read" in capsys.readouterr().err


def test_a_table_of_patients_adds_the_answer_with_age_and_sex(
    score: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("more").mkdir()
    Image.fromarray(picture(2)).save("more/c.png")
    lines = ["Sex;site;AGE;file", "m;back;85+;a.png", ";;old;./more/c.png", "f;;50;gone.png", ";;;"]
    Path("p.csv").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    weights = str(give_trust(write_weights(tmp_path / "weights")))
    assert score(".", weights=weights, patients="p.csv") == 0
    said = capsys.readouterr()
    assert "warning: the age or sex of 1 photo cannot be read: to_check says which.\n" in said.err
    counts = "note: 1 photo without a row of --patients, 1 row without a photo.\n"
    assert counts in said.err
    first, second, third = rows_of()
    assert (first["age"], first["sex"], first["file"]) == ("85", "male", "a.png")
    raised, alone = (float(first[f"malignant_probability{ending}"]) for ending in ("_in_context", ""))
    assert raised > alone
    assert first["photo_outcome"]
    for row in (second, third):
        assert (row["age"], row["sex"], row["p_mel_in_context"]) == ("", "", "")
        assert row["photo_outcome"] == row["outcome"]
    assert "unreadable age" in third["to_check"]
    capsys.readouterr()
    assert score("a.png", weights=weights) == 0
    assert "--patients" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("", "p.csv lacks the column file: it needs the columns file, age, sex."),
        ("file,age\na.png,50\n", "p.csv lacks the column sex"),
        ("file,age,sex,Age\na.png,50,f,60\n", "p.csv has the column age twice"),
        ("file,age,sex\na.png,50,f\n./a.png,60,f\n", "p.csv, line 3: a.png has a row already"),
        ("file,age,sex\nb.png,50,f\n", "line 2: less/b.png and more/b.png have the name b.png"),
        ("file,age,sex\n\u00fc.png,50,f\n", "p.csv is not a CSV table in UTF-8"),
        ('file,age,sex\n"a.png,50,f\n', "p.csv is not a CSV table in UTF-8"),
        (None, "p.csv cannot be used (No such file or directory)"),
        ("file,age,sex\nC:\\photos\\a.png,50,f\n", "p.csv names none of the photos"),
    ],
)
def test_a_table_of_patients_that_cannot_be_used_is_one_sentence(
    score: Run, capsys: pytest.CaptureFixture[str], table: str | None, sentence: str
) -> None:
    Path("less").mkdir()
    Path("b.png").rename("less/b.png")
    Path("more").mkdir()
    Image.fromarray(picture(3)).save("more/b.png")
    if table is not None:
        Path("p.csv").write_text(table, encoding="latin-1")
    assert score(".", patients="p.csv") == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not Path("r.csv").exists()


def test_results_never_replace_the_table_of_patients(
    score: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(".") == 0
    assert score(".", patients="r.csv") == 2
    assert "r.csv is among the files to read" in capsys.readouterr().err
