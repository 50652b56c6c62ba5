"""A study from the command line on tiny data: trained once, kept, compared, written down."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from skin_app.ensemble import Ensemble
from skin_app.network import Member
from skin_app.photo.read import read_photo
from skin_app.weights.folder import open_weights
from skin_app.weights.verify import file_hash
from tests.tiny import MOBILENET, write_data
from train.__main__ import main
from train.engine.range_test import LEAST_STEPS

pytestmark = pytest.mark.slow

SMALL = ["--backbone", "mobilenetv3_small_050", "--size", "64", "--fold", "0"]
for field in ("folds=2", "batch=8", "cache_side=72", "stages.0.epochs=1", "member.hidden=16"):
    SMALL += ["--set", field]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("d") / "data", lesions_per_class=6)


@pytest.fixture(scope="module")
def init(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("i") / "start.safetensors"
    state = Member(MOBILENET).backbone.state_dict()
    save_file({k: v.contiguous() for k, v in state.items()}, path)
    return path


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory, data: Path, init: Path) -> Path:
    """The --out folder of two studies that have a setting in common."""
    out = tmp_path_factory.mktemp("s") / "studies"
    common = ["--data", str(data), "--init", str(init), "--out", str(out), *SMALL]
    ablations = ["--only", "full", "--only", "no-dense", "--only", "no-pooling"]
    assert main(["study", "--study", "le2020-ablations", *ablations, *common]) == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("member.safetensors")}
    assert len(before) == 3
    assert main(["study", "--study", "split", *common]) == 0
    after = {path: path.stat().st_mtime_ns for path in out.rglob("member.safetensors")}
    assert len(after) == 4  # the baseline of both is trained once
    assert before.items() <= after.items()
    return out


def test_a_study_keeps_what_is_needed_to_recompute_it(studies: Path) -> None:
    kept = studies / "evidence" / "le2020-ablations"
    study = json.loads((kept / "study.json").read_text())
    assert study["baseline"] == "full"
    assert "no-augmentation" in study["settings"]
    assert "--study le2020-ablations" in study["command"]
    assert "--only" not in study["command"]
    assert "no-dense" not in study["command"]
    ran = sorted(path.parent.name for path in kept.glob("*/run.json"))
    assert ran == ["full", "no-dense", "no-pooling"]
    for name in ran:
        table = pd.read_csv(kept / name / "predictions.csv.gz")
        assert set(table["fold"]) == {0}
        history = json.loads((kept / name / "history.json").read_text())
        assert history["0"]["hardware"].startswith("CPU")
    bare = json.loads((kept / "no-dense" / "run.json").read_text())["recipe"]["member"]
    assert bare["hidden"] == 0


def test_the_split_by_image_parts_lesions_and_the_other_does_not(studies: Path) -> None:
    parted = {}
    for setting in ("lesion-grouped", "by-image"):
        settings = json.loads((studies / "evidence" / "split" / setting / "run.json").read_text())
        run = next(
            path.parent
            for path in studies.glob("*/run.json")
            if json.loads(path.read_text())["recipe"] == settings["recipe"]
        )
        folds = pd.read_csv(run / "folds.csv")
        parted[setting] = folds.groupby("lesion_group")["fold"].nunique().max()
    assert parted == {"lesion-grouped": 1, "by-image": 2}


def test_every_table_is_rebuilt_from_the_evidence_alone(
    studies: Path, data: Path, init: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = ["trial", "--backbone", "mobilenetv3_small_050", "--size", "64", "--init", str(init)]
    trial += ["--data", str(data), "--out", str(tmp_path), "--evidence", str(studies / "evidence")]
    assert main(trial) == 0
    assert "minutes per 1,000 images" in capsys.readouterr().out
    command = ["evaluate", "--evidence", str(studies / "evidence"), "--figures", str(tmp_path / "f")]
    assert main([*command, "--out", str(tmp_path / "results.md")]) == 0
    text = (tmp_path / "results.md").read_text()
    for phrase in ("no-pooling", "by-image", "member.hidden", "Quick trials", "`mishra2019-depths`"):
        assert phrase in text
    first = file_hash(tmp_path / "results.md")
    assert main([*command, "--out", str(tmp_path / "results.md")]) == 0
    assert file_hash(tmp_path / "results.md") == first


def test_a_setting_goes_on_from_another_and_is_compared_with_its_own(
    data: Path, init: Path, tmp_path: Path
) -> None:
    epochs = SMALL.index("stages.0.epochs=1")  # the study's own
    small = [*SMALL[: epochs - 1], *SMALL[epochs + 1 :]]
    command = ["study", "--study", "flagship", "--data", str(data), "--init", str(init), *small]
    command += ["--out", str(tmp_path), "--set", "stages.0.frozen=[]", "--only", "half-the-naevi"]
    assert main(command) == 0
    assert main([*command, "--only", "8-epochs", "--only", "one-more"]) == 0
    runs = [path.parent for path in tmp_path.glob("flagship-*/run.json")]
    assert len(runs) == 3  # the long one was trained once
    settings = [json.loads((run / "run.json").read_text()) for run in runs]
    assert sorted("after" in own for own in settings) == [False, True, True]
    (long,) = (own for own in settings if "after" not in own)
    assert all(own["after"]["recipe"] == long["recipe"] for own in settings if "after" in own)
    out = tmp_path / "docs" / "results.md"
    evaluate = ["evaluate", "--evidence", str(tmp_path / "evidence"), "--out", str(out)]
    assert main([*evaluate, "--figures", str(tmp_path / "f")]) == 0
    numbers = json.loads(out.with_suffix(".json").read_text())
    (study,) = numbers["studies"]
    assert [(pair["name"], pair["reference"]) for pair in study["compared"]] == [
        ("one-more", "8-epochs"),
        ("half-the-naevi", "one-more"),
    ]
    by_name = {setting["name"]: setting for setting in study["settings"]}
    assert by_name["8-epochs"]["epochs"][0]["ran"] == [8]
    assert by_name["half-the-naevi"]["changed"] == {"sampling": ["shuffle", "thinned"]}
    text = (tmp_path / "docs" / "flagship.md").read_text()
    assert "| **half-the-naevi** minus one-more |" in text
    assert "Not run: 3-epochs" in text
    shipped = numbers["weights"]["scores"]["8"]["accuracy"]["value"]
    assert f"accuracy {shipped:.3f} [" in text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("split --only by-patient", "it has lesion-grouped, by-image"),
        ("flagship --set stages.0.epochs=1", "stages.0.epochs cannot be changed in the study flagship"),
        (
            "le2020-backbones --backbone mobilenetv2_100",
            "member.architecture cannot be changed in the study",
        ),
        ("le2020-backbones --init resnet34=INIT", "for resnet34, which no setting uses"),
        ("le2020-backbones --init vgg16=none.safetensors", "no start weights at"),
    ],
)
def test_what_a_study_cannot_use_is_refused_before_it_writes(
    options: str,
    sentence: str,
    data: Path,
    init: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["study", "--data", str(data), "--out", str(tmp_path), "--study"]
    assert main([*command, *options.replace("INIT", str(init)).split()]) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_range_test_writes_its_curve_and_its_choice(
    data: Path, init: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rate"
    command = ["range-test", "--recipe", "mishra2019", "--data", str(data), "--init", str(init)]
    command += [*SMALL, "--out", str(out), "--steps", "40", "--lowest", "1e-4", "--highest", "1e3"]
    assert main(command) == 0
    table = pd.read_csv(out / "range-test.csv")
    assert LEAST_STEPS < len(table) <= 40
    said = capsys.readouterr().out
    chosen = float(said.split("chosen rate ")[1].split()[0])
    assert 1e-4 <= chosen <= 1e3
    assert (out / "range-test.png").stat().st_size > 1000
    for wrong, sentence in (
        (["--steps", "3"], "at least 10 steps"),
        (["--stage", "5"], "no stage 5"),
        (["--fold", "9"], "no fold 9"),
    ):
        without_fold = [word for word in command if word not in ("--fold", "0")]
        assert main([*(without_fold if "--fold" in wrong else command), *wrong]) == 2
        assert sentence in capsys.readouterr().err


def test_folds_trained_apart_are_assembled(data: Path, init: Path, tmp_path: Path) -> None:
    command = ["run", "--recipe", "le2020", "--data", str(data), "--init", str(init), *SMALL[:4]]
    command += [*SMALL[6:], "--out", str(tmp_path / "run")]
    assert main([*command, "--fold", "1"]) == 0
    assert main([*command, "--fold", "0"]) == 0
    run = [str(tmp_path / "run"), "--data", str(data)]
    weights = tmp_path / "run" / "weights" / "member-1" / "model.safetensors"
    before = file_hash(weights)
    assert main(["assemble", *run]) == 0
    assert file_hash(weights) == before
    ensemble = Ensemble(open_weights(tmp_path / "run" / "weights"))
    photo = next(data.rglob("*.jpg"))
    nearest = ensemble(read_photo(photo)).similar[0]  # the gallery is of the first member
    assert nearest.image_id == photo.stem
    assert nearest.similarity > 0.999
    stored = load_file(tmp_path / "run" / "weights" / "gallery.safetensors")
    embeddings = stored["embeddings"].double()
    table = pd.read_csv(tmp_path / "run" / "weights" / "gallery.csv")
    others = torch.from_numpy(table["lesion"].to_numpy()[:, None] != table["lesion"].to_numpy())
    most_alike = float((embeddings @ embeddings.T)[others].max())
    assert float(stored["same_photo"]) == pytest.approx(
        min(max(0.99, most_alike + 5e-4), 0.9995), abs=1e-5
    )
    contract = json.loads((tmp_path / "run" / "weights" / "ensemble.json").read_text())
    assert contract["training"]["folds"] == [0, 1]
    assert sorted(contract["calibration"]["temperatures"]) == ["1", "4", "8"]
