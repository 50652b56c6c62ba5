"""Scores on images from outside HAM10000: kept in the weights, read back, tied to their members."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from skin_app.weights.folder import WeightsError, open_weights
from skin_app.weights.outside_scores import FOLDER, read_outside_scores
from skin_app.weights.verify import file_hash
from tests.tiny import MOBILENET, SWIN, write_data, write_weights
from train.__main__ import main
from train.release.outside_report import keep_report

FILE = f"{FOLDER}/clinic-b-2020.json"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("outside") / "weights")


@pytest.fixture(scope="module")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled images of six diagnoses, none in the gallery of `weights`."""
    folder = write_data(tmp_path_factory.mktemp("unseen"), lesions_per_class=2)
    path = folder / "HAM10000_metadata.csv"
    table = pd.read_csv(path)
    table[table["dx"] != "akiec"].to_csv(path, index=False)
    return folder


@pytest.fixture(scope="module")
def measured(
    weights: Path, unseen: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Weights with a kept report, and the same report as --out."""
    folder = tmp_path_factory.mktemp("measured")
    own, out = Path(shutil.copytree(weights, folder / "weights")), folder / "scores.json"
    command = ["evaluate", "--weights", str(own), "--data", str(unseen), "--views", "1"]
    assert main([*command, "--out", str(out), "--name", "Clinic B (2020)", "--keep"]) == 0
    return own, out


def test_a_kept_report_is_read_back(measured: tuple[Path, Path], weights: Path) -> None:
    folder, out = measured
    opened = open_weights(folder)
    assert opened.contract.files[FILE] == file_hash(folder / FILE)
    assert opened.contract.files.keys() - open_weights(weights).contract.files.keys() == {FILE}
    (found,) = read_outside_scores(folder, opened.contract)
    report = json.loads(out.read_text())
    assert json.loads((folder / FILE).read_text()).items() >= report.items()
    assert (found.name, found.images, found.lesions, found.views) == ("Clinic B (2020)", 24, 12, 1)
    assert found.rules == report["rules"]
    assert found.weights == open_weights(weights).identity
    assert not found.members_changed
    assert not found.by_others
    assert found.codes == ("bcc", "bkl", "df", "mel", "nv", "vasc")
    assert found.shows("accuracy")
    assert not found.shows("balanced_accuracy")
    assert "**Clinic B (2020)**: 24 images of 12 lesions" in (folder / "README.md").read_text()


def test_a_report_says_when_the_members_are_others_today(
    measured: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(measured[0], tmp_path / "weights"))
    measured_on = open_weights(folder)
    write_weights(folder, images=32)  # the same members with another gallery
    (found,) = read_outside_scores(folder, open_weights(folder).contract)
    assert not found.members_changed
    write_weights(folder, (MOBILENET, SWIN))
    later = open_weights(folder)
    assert FILE in later.contract.files
    (found,) = read_outside_scores(folder, later.contract)
    assert found.members_changed
    assert "its members were others" in (folder / "README.md").read_text()
    report = {"images": 1, "images_also_in_the_training_data": 0}
    with pytest.raises(WeightsError, match="were replaced while they were measured"):
        keep_report(measured_on, "Clinic C", report)


def test_a_report_that_cannot_be_read_is_an_error(measured: tuple[Path, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(measured[0], tmp_path / "weights"))
    for content in ("{", "[]", "{}", '{"name": "x", "rules": {}}'):
        (folder / FILE).write_text(content)
        with pytest.raises(WeightsError, match="get the weights anew"):
            read_outside_scores(folder, open_weights(measured[0]).contract)


def test_what_cannot_be_kept_is_said_before_anything_is_scored(
    weights: Path,
    unseen: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("train.verbs.evaluate", None)
    seen = write_data(tmp_path / "seen", lesions_per_class=1)
    command, given = ["evaluate", "--weights", str(weights)], ["--data", str(unseen)]
    name = ["--name", "Clinic B", "--keep"]
    before = file_hash(weights / "ensemble.json")
    for arguments, words in (
        ([*command, *given, "--name", "Clinic B"], "--name and --keep go together"),
        ([*command, *given, "--keep"], "--name and --keep go together"),
        ([*command, *given], "needs --out FILE, or --name and --keep"),
        ([*command, *given, "--name", "a|b\n", "--keep"], "cannot name a report"),
        (["evaluate", "--evidence", str(tmp_path), *name], "leave out --evidence"),
        (["evaluate", "--weights", "owner/name", *given, *name], "changed in a folder of their own"),
        ([*command, "--data", str(seen), *name], "2 of 14 images are in the data"),
    ):
        assert main(arguments) == 2
        assert words in capsys.readouterr().err
    monkeypatch.setattr("train.release.outside_report.os.access", lambda *_: False)
    assert main([*command, *given, *name]) == 2
    assert "cannot be written: copy the weights" in capsys.readouterr().err
    assert file_hash(weights / "ensemble.json") == before
