"""The whole trainer on tiny data: fit, kill, resume, assemble, evaluate."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble
from skin_app.member_groups import groups_of
from skin_app.network import Member
from skin_app.photo.read import read_photo
from skin_app.weights.folder import WeightsError, open_weights
from skin_app.weights.verify import file_hash
from tests.tiny import MOBILENET, SWIN, save_state, write_data
from train.__main__ import main
from train.data.ham10000 import DataError, Dataset, read_dataset
from train.engine import checkpoint
from train.engine import fold as fold_module
from train.engine.fold import Learner, train_fold
from train.engine.run import Run, RunError, counts_scc, open_run, prepare
from train.recipes.changes import changed
from train.recipes.published import RECIPES, contrastive_stages
from train.recipes.recipe import Recipe, Stage
from train.release.assemble import assemble
from train.release.audit_weights import audit
from train.release.weights_folder import open_to_change, put_into

pytestmark = pytest.mark.slow

TINY = Recipe(
    name="tiny",
    member=MOBILENET,
    folds=2,
    stages=(Stage(epochs=3),),
    batch=8,
    cache_side=72,
    shipped=2,
)
MEMBER = "fold-0/member.safetensors"
FOLD_FILES = {"member.safetensors", "history.json", "predictions.csv"}  # of a finished fold
Prepare = Callable[..., Run]


def with_stage(recipe: Recipe, **values: object) -> Recipe:
    """`recipe` with changed fields in its first stage."""
    return changed(recipe, fields={f"stages.0.{name}": value for name, value in values.items()})


def shrunk(recipe: Recipe) -> Recipe:
    """A real recipe on a tiny backbone for two epochs."""
    recipe = changed(recipe, "mobilenetv3_small_050", MOBILENET.size)
    stages = tuple(
        replace(stage, epochs=2, frozen=("",) if stage.frozen == ("",) else ("conv_stem",))
        for stage in recipe.stages
    )
    return replace(recipe, stages=stages, folds=2, batch=8, cache_side=72)


# the shipped architecture: shifted windows, position tables, stochastic depth, growing sizes
DROPPED = SWIN.model_copy(update={"arguments": {**SWIN.arguments, "drop_path_rate": 0.2}})
FROZEN = with_stage(replace(TINY, member=DROPPED, cache_side=160), frozen=("patch_embed", "layers.0"))
RESUMED = {
    "tiny": TINY,
    "swin": FROZEN,
    "growing swin": with_stage(FROZEN, sizes=(80, 160)),
    "two stages": replace(TINY, stages=contrastive_stages(Stage(epochs=2), epochs=2)),
    **{name: shrunk(recipe) for name, recipe in RECIPES.items()},
}


def fit_stopped_at(step: int, run: Run, stage: int = 0) -> None:
    """Fit fold 0 with checkpoints every two steps until `step` comes up, as if interrupted there."""
    original = Learner.step

    def interrupted(learner: Learner, number: int, rows: np.ndarray, rate: float) -> float:
        if (learner.index, number) == (stage, step):
            raise KeyboardInterrupt
        return original(learner, number, rows, rate)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fold_module, "CHECKPOINT_STEPS", 2)
        patched.setattr(Learner, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_fold(run, 0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("d") / "data")


@pytest.fixture(scope="module")
def images(data: Path) -> Dataset:
    return read_dataset(data)


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Architecture -> start weights."""
    folder = tmp_path_factory.mktemp("i")
    return {
        (name := config.architecture): save_state(Member(config).backbone, folder / name)
        for config in (MOBILENET, SWIN)
    }


@pytest.fixture(scope="module")
def init(starts: dict[str, Path]) -> Path:
    return starts[MOBILENET.architecture]


@pytest.fixture(scope="module")
def prepared(images: Dataset, starts: dict[str, Path]) -> Prepare:
    """Prepares a run of a recipe in a folder."""

    def run_of(folder: Path, recipe: Recipe = TINY, before: Path | None = None, seed: int = 0) -> Run:
        init = None if before else starts[recipe.member.architecture]
        return prepare(folder, images, recipe, seed, init, before=before)

    return run_of


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, prepared: Prepare) -> Callable[[str], Run]:
    """Trains fold 0 of one of `RESUMED` once, never interrupted."""

    @cache
    def trained(name: str) -> Run:
        run = prepared(tmp_path_factory.mktemp("w") / "run", RESUMED[name])
        train_fold(run, 0)
        return run

    return trained


@pytest.fixture(scope="module", autouse=True)
def tiny() -> Iterator[None]:
    """The command line knows the recipe `tiny`."""
    RECIPES["tiny"] = TINY
    yield
    del RECIPES["tiny"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, data: Path, init: Path) -> Path:
    """The folder of a run that was never interrupted."""
    out = tmp_path_factory.mktemp("r") / "run"
    assert main(_fit(data, init, out)) == 0
    return out


def _fit(data: Path, init: Path, out: Path) -> list[str]:
    return ["run", "--data", str(data), "--recipe", "tiny", "--init", str(init), "--out", str(out)]


def test_every_image_is_predicted_once_by_a_member_that_never_saw_its_lesion(
    finished: Path,
) -> None:
    folds = pd.read_csv(finished / "folds.csv").set_index("image_id")
    predictions = pd.read_csv(finished / "weights" / "evaluation" / "out_of_fold.csv")
    assert sorted(predictions["image_id"]) == sorted(folds.index)
    assert (folds.loc[predictions["image_id"], "fold"].to_numpy() == predictions["fold"]).all()
    assert folds.groupby("lesion_group")["fold"].nunique().max() == 1


def test_the_weights_folder_loads_and_its_numbers_can_be_recomputed(finished: Path) -> None:
    ensemble = Ensemble(open_weights(finished / "weights"))
    contract = ensemble.weights.contract
    assert len(ensemble.gallery) == 56
    assert contract.training.folds == (0, 1)
    assert contract.codes == CODES
    table = pd.read_csv(finished / "weights" / "evaluation" / "out_of_fold.csv")
    logits = table[[f"logit_8views_{code}" for code in CODES]].to_numpy()
    labels = table["dx"].map({code: i for i, code in enumerate(CODES)}).to_numpy()
    accuracy = ((logits - contract.calibration.log_prior_shift).argmax(1) == labels).mean()
    stored = contract.scores["views_8"]["calibrated"]
    assert stored["accuracy"] == pytest.approx(accuracy)
    assert "highest calibrated probability" in stored["decision_rule"]
    assert stored["intervals_95"]["accuracy"][0] <= accuracy
    card = (finished / "weights" / "README.md").read_text()
    assert f"{accuracy:.3f}" in card
    assert "not a medical device" in card


def test_the_app_answers_like_the_member_that_was_trained(finished: Path, data: Path) -> None:
    """Stored as float16, the members must still say what the run's predictions say."""
    folder = finished / "weights"
    table = pd.read_csv(folder / "evaluation" / "out_of_fold.csv")
    ensemble = Ensemble(open_weights(folder))
    ensemble.members = ensemble.members[:1]  # the member of fold 0
    ensemble.groups = groups_of(ensemble.members)
    row = table[table["fold"] == 0].iloc[0]
    path = next(data.rglob(f"{row['image_id']}.jpg"))
    analysis = ensemble(read_photo(path))
    logits = row[[f"logit_8views_{code}" for code in CODES]].to_numpy(float)
    shifted = logits - np.array(ensemble.calibration.log_prior_shift)
    powers = np.exp(shifted / ensemble.calibration.temperatures[8])
    assert np.allclose(analysis.probabilities, powers / powers.sum(), atol=0.01)


KILLED = """
import sys
import torch
from tests.training.test_fold import TINY, _fit
from train.engine import fold
from train.__main__ import main
from train.recipes.published import RECIPES
from pathlib import Path
torch.cpu._is_avx512_bf16_supported = lambda: False
fold.CHECKPOINT_STEPS = 2
RECIPES["tiny"] = TINY
raise SystemExit(main(_fit(*map(Path, sys.argv[1:]))))
"""


def test_a_killed_run_started_again_ends_in_the_same_weights(
    finished: Path, data: Path, init: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-c", KILLED, str(data), str(init), str(out)]
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen(command, env=environment, cwd=root)
    deadline = time.monotonic() + 200
    while not list(out.glob("fold-0/checkpoint-0-????????-*.pt")) and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before its first checkpoint"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(out.glob("fold-0/checkpoint-*"))
    assert not (out / "fold-1" / "member.safetensors").exists()
    subprocess.run(command, env=environment, cwd=root, check=True)
    for name in ("fold-0/member.safetensors", "fold-1/member.safetensors"):
        assert file_hash(out / name) == file_hash(finished / name)
    weights = "weights/member-1/model.safetensors"
    assert file_hash(out / weights) == file_hash(finished / weights)


@pytest.mark.parametrize(
    ("name", "stage", "stop"),
    [
        *(("tiny", 0, stop) for stop in (1, 4, 7)),  # before a checkpoint, after an epoch, between two
        *(("swin", 0, 5), ("growing swin", 0, 3), ("growing swin", 0, 5)),
        *(("two stages", 0, 3), ("two stages", 1, 0), ("two stages", 1, 5)),
        *((name, len(recipe.stages) - 1, 5) for name, recipe in sorted(RECIPES.items())),
    ],
)
def test_stopping_at_any_step_changes_nothing(
    name: str, stage: int, stop: int, whole: Callable[[str], Run], prepared: Prepare, tmp_path: Path
) -> None:
    broken = prepared(tmp_path / "broken", RESUMED[name])
    fit_stopped_at(stop, broken, stage)
    train_fold(broken, 0)
    assert file_hash(broken.folder / MEMBER) == file_hash(whole(name).folder / MEMBER)
    assert {path.name for path in broken.fold_folder(0).iterdir()} == FOLD_FILES


def test_stopping_between_the_last_step_and_the_end_changes_nothing(
    whole: Callable[[str], Run], prepared: Prepare, tmp_path: Path
) -> None:
    run = prepared(tmp_path / "run")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checkpoint, "write_json", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_fold(run, 0)
    train_fold(run, 0)
    assert file_hash(run.folder / MEMBER) == file_hash(whole("tiny").folder / MEMBER)


def test_frozen_stages_stay_what_they_were(
    whole: Callable[[str], Run], starts: dict[str, Path]
) -> None:
    start, end = load_file(starts[SWIN.architecture]), load_file(whole("swin").folder / MEMBER)
    for key, value in start.items():
        if key.startswith(("patch_embed", "layers.0")):
            assert torch.equal(end[f"backbone.{key}"], value)
    last = "layers.2.blocks.0.mlp.fc1.weight"
    assert not torch.equal(end[f"backbone.{last}"], start[last])


def test_frozen_batch_statistics_stay_what_they_were(
    prepared: Prepare, init: Path, tmp_path: Path
) -> None:
    run = prepared(tmp_path / "run", with_stage(TINY, frozen=("conv_stem", "bn1")))
    train_fold(run, 0)
    start, end = load_file(init), load_file(run.folder / MEMBER)
    later = "blocks.0.0.bn1.running_mean"
    assert torch.equal(end["backbone.bn1.running_mean"], start["bn1.running_mean"])
    assert not torch.equal(end[f"backbone.{later}"], start[later])


def test_the_contrastive_stage_moves_the_backbone_and_the_classifier_stage_does_not(
    whole: Callable[[str], Run], init: Path
) -> None:
    folder = whole("two stages").fold_folder(0)
    start, end = load_file(init), load_file(folder / "member.safetensors")
    assert not torch.equal(end["backbone.conv_stem.weight"], start["conv_stem.weight"])
    history = json.loads((folder / "history.json").read_text())
    contrast, classify = history["stages"]
    assert [entry["validation_loss"] for entry in contrast["epochs"]] == [None, None]
    assert contrast["kept"] == 1
    assert len(classify["epochs"]) == 2
    assert history["minutes"] > 0


def test_each_epoch_prints_one_line_that_a_person_can_read(
    prepared: Prepare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_fold(prepared(tmp_path / "run", RESUMED["two stages"]), 0)
    loss, minutes = r"\d\.\d{4}", r"\d\.\d minutes"
    scores = rf"validation loss {loss}, balanced accuracy \d\.\d{{3}}"
    wanted = [
        *(f"fold 0, contrastive, epoch {n} of 2: training loss {loss}, {minutes}" for n in (1, 2)),
        *(
            f"fold 0, classifier, epoch {n} of 2: training loss {loss}, {scores}, {minutes}"
            for n in (1, 2)
        ),
    ]
    printed = capsys.readouterr().out
    assert re.fullmatch("".join(f"{line}\n" for line in wanted), printed), printed


def test_freezing_what_the_backbone_does_not_have_is_refused(prepared: Prepare, tmp_path: Path) -> None:
    """Before any image is decoded, and with advice that can be followed."""
    frozen = with_stage(TINY, frozen=("layers.0",))
    with pytest.raises(
        RunError, match=r"layers.0, which mobilenetv3_small_050 .*'stages\.0\.frozen=\[\]'"
    ):
        prepared(tmp_path / "run", frozen)
    assert not (tmp_path / "cache").exists()
    prepared(tmp_path / "run", with_stage(frozen, frozen=()))


@pytest.mark.parametrize("damaged", [1, 2])
def test_a_damaged_checkpoint_is_found_and_the_one_before_it_used(
    damaged: int,
    whole: Callable[[str], Run],
    prepared: Prepare,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of two checkpoints the last one, or both; without any, the stage begins anew."""
    run = prepared(tmp_path / "run")
    fit_stopped_at(5, run)
    folder = run.fold_folder(0)
    paths = sorted(folder.glob("checkpoint-*"))
    assert [path.name[:21] for path in paths] == ["checkpoint-0-00000003", "checkpoint-0-00000004"]
    for path in paths[-damaged:]:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    train_fold(run, 0)
    said = capsys.readouterr().err
    assert said.count("does not fit the checksum in its name: it is removed") == damaged
    assert file_hash(run.folder / MEMBER) == file_hash(whole("tiny").folder / MEMBER)
    assert {path.name for path in folder.iterdir()} == FOLD_FILES


@pytest.mark.parametrize("name", ["stage-0.safetensors", "member.safetensors"])
def test_damaged_weights_are_one_sentence(name: str, prepared: Prepare, tmp_path: Path) -> None:
    run = prepared(tmp_path / "run", RESUMED["two stages"])

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    later = {"stage-0.safetensors": "load_stage", "member.safetensors": "load_fold_member"}[name]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checkpoint, later, interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_fold(run, 0)
    path = run.fold_folder(0) / name
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match=f"{name} is damaged .* delete the folder {path.parent}, and"):
        train_fold(run, 0)


def test_early_stopping_ends_a_run_that_does_not_improve(prepared: Prepare, tmp_path: Path) -> None:
    swin = replace(TINY, member=SWIN, cache_side=80)
    still = with_stage(swin, epochs=9, patience=2, backbone_rate=0.0, head_rate=0.0)
    run = prepared(tmp_path / "run", still)
    train_fold(run, 1)
    (stage,) = json.loads((run.fold_folder(1) / "history.json").read_text())["stages"]
    assert stage["kept"] == 0
    assert len(stage["epochs"]) == 3


def test_losses_that_are_no_numbers_stop_with_a_sentence(
    prepared: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wild = with_stage(replace(TINY, clip=1e30), backbone_rate=1e30, head_rate=1e30)
    with pytest.raises(RunError, match="lower the learning rates"):
        train_fold(prepared(tmp_path / "wild", wild), 0)
    run = prepared(tmp_path / "run")
    monkeypatch.setattr(fold_module, "validate", lambda _: {"validation_loss": float("nan")})
    with pytest.raises(RunError, match=r"validation loss of fold 0 became nan in epoch 1"):
        train_fold(run, 0)
    assert not list(run.fold_folder(0).glob("stage-*"))


def test_a_full_disk_keeps_the_last_checkpoint(
    prepared: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepared(tmp_path / "run")
    monkeypatch.setattr(fold_module, "CHECKPOINT_STEPS", 1)
    real_write, calls = Path.write_bytes, []

    def full(path: Path, content: bytes) -> int:
        if path.name.startswith("checkpoint-"):
            calls.append(path)
            if len(calls) == 2:
                real_write(path, b"half")
                raise OSError(28, "No space left on device")
        return real_write(path, content)

    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_bytes", full)
        with pytest.raises(RunError, match="free some space"):
            train_fold(run, 0)
    train_fold(run, 0)  # goes on from the first checkpoint


def test_another_recipe_in_the_same_folder_is_refused(finished: Path, prepared: Prepare) -> None:
    with pytest.raises(RunError, match="another recipe, seed, data, micro-batches or start"):
        prepared(finished, with_stage(TINY, epochs=4))


def test_a_run_goes_on_from_the_members_of_another(
    finished: Path, prepared: Prepare, tmp_path: Path
) -> None:
    again = prepared(tmp_path / "again", with_stage(TINY, epochs=1), finished)
    start = fold_module.stage_start(again, 1, 0).state_dict()
    before = load_file(finished / "fold-1" / "member.safetensors")
    assert all(torch.equal(start[key], value) for key, value in before.items())
    train_fold(again, 1, views=4)
    member = again.fold_folder(1) / "member.safetensors"
    trained, after = file_hash(member), load_file(member)
    assert any(not torch.equal(after[key], before[key]) for key in before)
    settings = json.loads((again.folder / "run.json").read_text())
    assert settings["after"]["recipe"]["name"] == "tiny"
    assert again.start_weights.endswith(", then 3 epochs at 64 px")
    columns = pd.read_csv(again.fold_folder(1) / "predictions.csv").columns
    assert "logit_4views_mel" in columns
    assert "logit_8views_mel" not in columns
    with pytest.raises(RunError, match="fewer than 8 views"):
        assemble([again])
    train_fold(again, 1)  # trains nothing, but predicts from all views
    assert "logit_8views_mel" in pd.read_csv(again.fold_folder(1) / "predictions.csv").columns
    assert file_hash(member) == trained
    third = prepared(tmp_path / "third", before=again.folder)
    assert third.start_weights.endswith(", then 3 epochs at 64 px, then 1 epoch at 64 px")
    with pytest.raises(RunError, match="finish that fold"):
        train_fold(third, 0)
    folds = pd.read_csv(again.folder / "folds.csv")
    folds.assign(fold=1 - folds["fold"]).to_csv(again.folder / "folds.csv", index=False)
    (third.folder / "fold-0" / "something").touch()  # begun, so the folds are not drawn again
    with pytest.raises(RunError, match="other folds"):
        prepared(tmp_path / "third", before=again.folder)


def test_a_run_without_training_only_predicts_in_another_way(
    finished: Path, prepared: Prepare, init: Path, tmp_path: Path
) -> None:
    resized = changed(TINY, fields={"member.view_sizes": (64, 96), "stages": ()})
    same = prepared(tmp_path / "same", resized, finished)
    train_fold(same, 1)
    kept, own = (pd.read_csv(run / "fold-1" / "predictions.csv") for run in (finished, same.folder))
    assert np.array_equal(kept["logit_1view_mel"], own["logit_1view_mel"])
    assert not np.array_equal(kept["logit_8views_mel"], own["logit_8views_mel"])
    earlier, later = (run / "fold-1" / "history.json" for run in (finished, same.folder))
    assert json.loads(later.read_text()) == json.loads(earlier.read_text())
    assert same.start_weights == init.name
    with pytest.raises(RunError, match="trains nothing"):
        prepared(tmp_path / "none", resized)


def test_a_run_does_not_go_on_from_what_does_not_fit(
    finished: Path, prepared: Prepare, images: Dataset, init: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    with pytest.raises(RunError, match="leave one of them out"):
        prepare(other, images, TINY, 0, init, before=finished)
    with pytest.raises(RunError, match="other folds"):
        prepared(other, TINY, finished, seed=1)
    with pytest.raises(RunError, match="holds no run"):
        prepared(other, TINY, tmp_path / "nowhere")
    wider = changed(TINY, fields={"member.hidden": 99})
    with pytest.raises(RunError, match="same backbone, pooling and dense layers"):
        train_fold(prepared(other, wider, finished), 0)


def test_what_was_added_to_the_weights_stays_when_they_are_assembled_again(
    finished: Path, prepared: Prepare, tmp_path: Path
) -> None:
    run = prepared(Path(shutil.copytree(finished, tmp_path / "run")))
    weights = run.folder / "weights"
    put_into(weights, open_weights(weights).contract, {"map.csv": b"image_id,x,y\n"})
    assemble([run])
    assert "map.csv" in open_weights(weights).contract.files
    (weights / "gallery.csv").write_text("damaged")
    assemble([run])
    assert "map.csv" not in open_weights(weights).contract.files  # made anew


def test_folds_to_go_on_from_are_asked_for_before_any_is_trained(
    finished: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = Path(shutil.copytree(finished, tmp_path / "earlier"))
    shutil.rmtree(earlier / "fold-1")
    out = tmp_path / "run"
    command = ["run", "--data", str(data), "--recipe", "tiny", "--out", str(out)]
    assert main([*command, "--after", str(earlier)]) == 2
    assert "has no finished fold 1 to go on from" in capsys.readouterr().err
    assert not list(out.glob("fold-*"))


def test_faulty_requests_for_an_audit_are_told_before_any_work(
    finished: Path, images: Dataset, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(finished / "weights", tmp_path / "weights"))
    weights, work, out = open_weights(folder), tmp_path / "work", tmp_path / "trust.md"
    with pytest.raises(DataError, match=r"needs manifest\.csv"):
        audit(weights, images, work, tmp_path, out)
    training = weights.contract.training
    recipe = {**training.recipe, "split": "image"}
    by_image = training.model_copy(update={"recipe": recipe})
    put_into(folder, weights.contract.model_copy(update={"training": by_image}), {})
    with pytest.raises(DataError, match="split by image"):
        audit(open_weights(folder), images, work, None, out)
    assert not work.exists()


def test_evaluate_scores_a_labelled_folder_and_warns_of_training_images(
    finished: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.json"
    command = ["evaluate", "--weights", str(finished / "weights"), "--data", str(data)]
    assert main([*command, "--out", str(out)]) == 0
    report = json.loads(out.read_text())
    assert report["images"] == 56
    assert report["images_also_in_the_training_data"] == 56
    assert "say little about new patients" in capsys.readouterr().err
    for rule in ("calibrated", "prior_adjusted"):
        assert report["rules"][rule]["decision_rule"]
        assert np.sum(report["rules"][rule]["confusion_matrix"]["counts"]) == 56
    strangers = Path(shutil.copytree(data, tmp_path / "strangers"))
    for image in strangers.rglob("*.jpg"):
        image.rename(image.with_name(f"NEW_{image.name}"))
    path = strangers / "HAM10000_metadata.csv"
    table = pd.read_csv(path)
    table.assign(image_id="NEW_" + table["image_id"]).to_csv(path, index=False)
    assert main([*command[:-1], str(strangers), "--out", str(out), "--views", "1"]) == 0
    assert json.loads(out.read_text())["images_also_in_the_training_data"] == 0


def test_bad_input_to_the_trainer_is_one_sentence(
    data: Path, init: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, given = ("--out", str(tmp_path / "out")), ("--data", str(data))
    for arguments, words in (
        (("split", "--data", "nowhere", *out), "is not a folder"),
        (("run", *given, "--init", "none.safetensors", *out), "no start weights at"),
        (("run", *given, "--init", str(init), "--fold", "9", *out), "no fold 9"),
        (("evaluate", "--weights", str(tmp_path), *given, *out), "There are no weights"),
    ):
        assert main(list(arguments)) == 2
        *before, text = capsys.readouterr().err.splitlines()
        assert all(line.startswith("read ") for line in before)
        assert text.startswith("error: ")
        assert words in text


def test_a_run_is_opened_with_the_diagnoses_that_it_was_trained_on(
    data: Path, init: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(data, tmp_path / "data")
    (path,) = (tmp_path / "data").glob("*.csv")
    path.write_text(path.read_text().replace("akiec", "scc"))
    run = prepare(tmp_path / "run", read_dataset(path.parent, scc_as_akiec=True), TINY, 0, init)
    opened = ["--run", str(run.folder), "--data", str(path.parent), "--out", str(tmp_path / "map")]
    assert main(["tsne", *opened]) == 2
    said = capsys.readouterr().err
    assert f"read {path.name}: " in said
    assert "Fold 0 of" in said


def test_a_run_of_before_squamous_cell_carcinomas_were_told_of_is_opened(
    finished: Path, prepared: Prepare, images: Dataset, tmp_path: Path
) -> None:
    older = Path(shutil.copytree(finished, tmp_path / "older"))
    settings = json.loads((older / "run.json").read_text())
    assert settings.pop("scc_as_akiec") is False
    (older / "run.json").write_text(json.dumps(settings))
    assert not counts_scc(older)
    assert open_run(older, images).assignment.shape == (len(images.table),)
    prepared(older)  # and goes on


def test_weights_of_the_hub_are_not_changed_in_its_cache() -> None:
    with pytest.raises(WeightsError, match="weights are changed in a folder of their own"):
        open_to_change("someone/skin@" + "0" * 40)
