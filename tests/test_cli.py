"""`python -m skin_app score`: one row a photo, whatever the photo."""

import csv
import errno
import os
from pathlib import Path

import pytest
from PIL import Image

import skin_app.weights
from skin_app.cli import main
from skin_app.diagnoses import CODES
from tests.tiny import give_trust, picture, write_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_weights(tmp_path_factory.mktemp("w") / "weights"))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


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

    monkeypatch.setattr("skin_app.hub.snapshot_download", offline)
    monkeypatch.setattr(skin_app.weights, "EMBEDDED", Path(weights))
    Image.fromarray(picture(1)).save(tmp_path / "1.jpg")
    out = tmp_path / "results.csv"
    asked = "someone/skin@" + "0" * 40
    assert main(["score", str(tmp_path), "--out", str(out), "--weights", asked]) == 2
    assert "could not be downloaded" in capsys.readouterr().err
    assert not out.exists()
