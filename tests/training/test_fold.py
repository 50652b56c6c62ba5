"""The whole trainer on tiny data: fit, kill, resume, assemble, evaluate."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble, groups_of
from skin_app.network import Member, MemberConfig
from skin_app.photo.read import read_photo
from skin_app.weights.folder import WeightsError, file_hash, open_weights
from tests.tiny import MOBILENET, SWIN, write_data
from train.__main__ import main
from train.data.ham10000 import DataError, read_dataset
from train.engine import checkpoint
from train.engine import fold as fold_module
from train.engine.fold import Learner, train_fold
from train.engine.run import Run, RunError, counts_scc, open_run, prepare
from train.engine.start import continued_member, started_member
from train.recipes.overrides import changed
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


def with_stage(recipe: Recipe, **values: object) -> Recipe:
    """`recipe` with changed fields in its first stage."""
    first = dataclasses.replace(recipe.stages[0], **values)  # pyright: ignore[reportArgumentType]
    return dataclasses.replace(recipe, stages=(first, *recipe.stages[1:]))


def start_weights(config: MemberConfig, folder: Path) -> Path:
    path = folder / "start.safetensors"
    save_file({k: v.contiguous() for k, v in Member(config).backbone.state_dict().items()}, path)
    return path


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
def init(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start_weights(MOBILENET, tmp_path_factory.mktemp("i"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, data: Path, init: Path) -> Path:
    """The folder of a run that was never interrupted."""
    RECIPES["tiny"] = TINY
    out = tmp_path_factory.mktemp("r") / "run"
    try:
        assert main(_fit(data, init, out)) == 0
    finally:
        del RECIPES["tiny"]
    return out


@pytest.fixture(scope="module")
def two_stages(tmp_path_factory: pytest.TempPathFactory, data: Path, init: Path) -> Run:
    """A contrastive stage of two epochs, then a classifier stage of two, never interrupted."""
    recipe = dataclasses.replace(TINY, stages=contrastive_stages(Stage(epochs=2), epochs=2))
    run = prepare(tmp_path_factory.mktemp("s") / "run", read_dataset(data), recipe, 0, init)
    train_fold(run, 0)
    return run


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
    checkpoint = out / "fold-0" / "checkpoint.pt"
    deadline = time.monotonic() + 200
    while not checkpoint.is_file() and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before its first checkpoint"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.is_file()
    assert not (out / "fold-1" / "member.safetensors").exists()
    subprocess.run(command, env=environment, cwd=root, check=True)
    for name in ("fold-0/member.safetensors", "fold-1/member.safetensors"):
        assert file_hash(out / name) == file_hash(finished / name)
    weights = "weights/member-1/model.safetensors"
    assert file_hash(out / weights) == file_hash(finished / weights)


@pytest.mark.parametrize("stop", [1, 4, 7])
def test_stopping_at_any_step_changes_nothing(
    stop: int, finished: Path, data: Path, init: Path, tmp_path: Path
) -> None:
    """Steps 1, 4 and 7 lie before the first checkpoint, after an epoch's end, and between two."""
    run = prepare(tmp_path / "run", read_dataset(data), TINY, 0, init)
    fit_stopped_at(stop, run)
    train_fold(run, 0)
    name = "fold-0/member.safetensors"
    assert file_hash(run.folder / name) == file_hash(finished / name)


@pytest.mark.parametrize(("sizes", "stop"), [((), 5), ((80, 160), 3), ((80, 160), 5)])
def test_a_swin_with_frozen_stages_also_resumes_bit_for_bit(
    sizes: tuple[int, ...], stop: int, data: Path, tmp_path: Path
) -> None:
    """The shipped architecture: shifted windows, position tables, stochastic depth, growing sizes."""
    path = start_weights(SWIN, tmp_path)
    member = SWIN.model_copy(update={"arguments": {**SWIN.arguments, "drop_path_rate": 0.2}})
    recipe = with_stage(
        dataclasses.replace(TINY, member=member, cache_side=160),
        frozen=("patch_embed", "layers.0"),
        sizes=sizes,
    )
    whole = prepare(tmp_path / "whole", read_dataset(data), recipe, 0, path)
    train_fold(whole, 0)
    broken = prepare(tmp_path / "broken", read_dataset(data), recipe, 0, path)
    fit_stopped_at(stop, broken)
    train_fold(broken, 0)
    name = "fold-0/member.safetensors"
    assert file_hash(broken.folder / name) == file_hash(whole.folder / name)
    started = Member(member)
    start = load_file(path)
    started.load_state_dict(load_file(whole.folder / name))
    trained = started.backbone.state_dict()
    for key, value in start.items():
        if key.startswith(("patch_embed", "layers.0")):
            assert torch.equal(trained[key], value)  # frozen stages stay what they were
    last = "layers.2.blocks.0.mlp.fc1.weight"
    assert not torch.equal(trained[last], start[last])


def test_stopping_between_the_last_step_and_the_end_changes_nothing(
    finished: Path, data: Path, init: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepare(tmp_path / "run", read_dataset(data), TINY, 0, init)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(fold_module, "write_json", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_fold(run, 0)
    train_fold(run, 0)
    name = "fold-0/member.safetensors"
    assert file_hash(run.folder / name) == file_hash(finished / name)


@pytest.mark.parametrize(("stage", "stop"), [(0, 3), (1, 0), (1, 5)])
def test_a_two_stage_recipe_resumes_bit_for_bit(
    stage: int, stop: int, two_stages: Run, data: Path, init: Path, tmp_path: Path
) -> None:
    """Inside the contrastive stage, between the stages, and inside the classifier's."""
    broken = prepare(tmp_path / "broken", read_dataset(data), two_stages.recipe, 0, init)
    fit_stopped_at(stop, broken, stage)
    train_fold(broken, 0)
    name = "fold-0/member.safetensors"
    assert file_hash(broken.folder / name) == file_hash(two_stages.folder / name)
    assert not list((broken.folder / "fold-0").glob("stage-*"))


def test_the_contrastive_stage_moves_the_backbone_and_the_classifier_stage_does_not(
    two_stages: Run, init: Path
) -> None:
    start = load_file(init)
    end = load_file(two_stages.folder / "fold-0" / "member.safetensors")
    assert not torch.equal(end["backbone.conv_stem.weight"], start["conv_stem.weight"])
    history = json.loads((two_stages.folder / "fold-0" / "history.json").read_text())
    contrast, classify = history["stages"]
    assert [entry["validation_loss"] for entry in contrast["epochs"]] == [None, None]
    assert contrast["kept"] == 1
    assert len(classify["epochs"]) == 2
    assert history["minutes"] > 0


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_resumes_bit_for_bit(name: str, data: Path, init: Path, tmp_path: Path) -> None:
    """The real recipes, on a tiny backbone for two epochs; stopped in the last stage."""
    recipe = changed(RECIPES[name], "mobilenetv3_small_050", MOBILENET.size)
    stages = tuple(
        dataclasses.replace(stage, epochs=2, frozen=("",) if stage.frozen == ("",) else ("conv_stem",))
        for stage in recipe.stages
    )
    recipe = dataclasses.replace(recipe, stages=stages, folds=2, batch=8, cache_side=72)
    whole = prepare(tmp_path / "whole", read_dataset(data), recipe, 0, init)
    train_fold(whole, 0)
    broken = prepare(tmp_path / "broken", read_dataset(data), recipe, 0, init)
    fit_stopped_at(5, broken, len(stages) - 1)
    train_fold(broken, 0)
    member = "fold-0/member.safetensors"
    assert file_hash(broken.folder / member) == file_hash(whole.folder / member)


def test_frozen_batch_statistics_stay_what_they_were(data: Path, init: Path, tmp_path: Path) -> None:
    run = prepare(
        tmp_path / "run", read_dataset(data), with_stage(TINY, frozen=("conv_stem", "bn1")), 0, init
    )
    train_fold(run, 0)
    start, end = load_file(init), load_file(run.folder / "fold-0" / "member.safetensors")
    assert torch.equal(end["backbone.bn1.running_mean"], start["bn1.running_mean"])
    later = "blocks.0.0.bn1.running_mean"
    assert not torch.equal(end[f"backbone.{later}"], start[later])


def test_freezing_what_the_backbone_does_not_have_is_refused(
    data: Path, init: Path, tmp_path: Path
) -> None:
    """Before any image is decoded, and with advice that can be followed."""
    frozen = with_stage(TINY, frozen=("layers.0",))
    with pytest.raises(
        RunError, match=r"layers.0, which mobilenetv3_small_050 .*'stages\.0\.frozen=\[\]'"
    ):
        prepare(tmp_path / "run", read_dataset(data), frozen, 0, init)
    assert not (tmp_path / "cache").exists()
    prepare(
        tmp_path / "run", read_dataset(data), changed(frozen, fields=["stages.0.frozen=[]"]), 0, init
    )


def test_a_damaged_checkpoint_is_one_sentence(data: Path, init: Path, tmp_path: Path) -> None:
    run = prepare(tmp_path / "run", read_dataset(data), TINY, 0, init)
    fit_stopped_at(5, run)
    path = run.folder / "fold-0" / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(RunError, match="is damaged: delete it"):
        train_fold(run, 0)


def test_early_stopping_ends_a_run_that_does_not_improve(data: Path, tmp_path: Path) -> None:
    path = start_weights(SWIN, tmp_path)
    still = with_stage(
        dataclasses.replace(TINY, member=SWIN, cache_side=80),
        epochs=9,
        patience=2,
        backbone_rate=0.0,
        head_rate=0.0,
    )
    run = prepare(tmp_path / "run", read_dataset(data), still, 0, path)
    train_fold(run, 1)
    history = json.loads((run.folder / "fold-1" / "history.json").read_text())
    assert history["stages"][0]["kept"] == 0
    assert len(history["stages"][0]["epochs"]) == 3


def test_a_loss_that_is_no_number_stops_with_a_sentence(data: Path, init: Path, tmp_path: Path) -> None:
    wild = with_stage(dataclasses.replace(TINY, clip=1e30), backbone_rate=1e30, head_rate=1e30)
    run = prepare(tmp_path / "run", read_dataset(data), wild, 0, init)
    with pytest.raises(RunError, match="lower the learning rates"):
        train_fold(run, 0)


def test_a_validation_loss_that_is_no_number_stops_before_it_is_kept(
    data: Path, init: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepare(tmp_path / "run", read_dataset(data), TINY, 0, init)
    with monkeypatch.context() as patched:
        patched.setattr(fold_module, "validate", lambda _: {"validation_loss": float("nan")})
        with pytest.raises(RunError, match=r"validation loss of fold 0 became nan in epoch 0"):
            train_fold(run, 0)
    assert not (run.folder / "fold-0" / "best.safetensors").exists()


def test_a_full_disk_keeps_the_last_checkpoint(
    data: Path, init: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepare(tmp_path / "run", read_dataset(data), TINY, 0, init)
    monkeypatch.setattr(fold_module, "CHECKPOINT_STEPS", 1)
    real_save, calls = checkpoint.torch.save, []

    def full(state: object, path: Path) -> None:
        calls.append(path)
        if len(calls) == 2:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        real_save(state, path)

    monkeypatch.setattr(checkpoint.torch, "save", full)
    with pytest.raises(RunError, match="free some space"):
        train_fold(run, 0)
    monkeypatch.setattr(checkpoint.torch, "save", real_save)
    train_fold(run, 0)  # goes on from the first checkpoint


def test_another_recipe_in_the_same_folder_is_refused(finished: Path, data: Path, init: Path) -> None:
    with pytest.raises(RunError, match="another recipe, seed, data, micro-batches or start"):
        prepare(finished, read_dataset(data), with_stage(TINY, epochs=4), 0, init)


def test_a_run_goes_on_from_the_members_of_another(finished: Path, data: Path, tmp_path: Path) -> None:
    again = prepare(
        tmp_path / "again", read_dataset(data), with_stage(TINY, epochs=1), 0, None, before=finished
    )
    start = fold_module.stage_start(again, 1, 0).state_dict()
    before = load_file(finished / "fold-1" / "member.safetensors")
    assert all(torch.equal(start[key], value) for key, value in before.items())
    train_fold(again, 1, views=4)
    after = load_file(again.fold_folder(1) / "member.safetensors")
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
    assert (again.folder / "fold-1" / "history.json").is_file()
    assert "logit_8views_mel" in pd.read_csv(again.fold_folder(1) / "predictions.csv").columns
    assert all(
        torch.equal(value, after[key])
        for key, value in load_file(again.fold_folder(1) / "member.safetensors").items()
    )
    wider = TINY.member.model_copy(update={"view_sizes": (64, 96)})
    resized = dataclasses.replace(TINY, member=wider, stages=())
    same = prepare(tmp_path / "same", read_dataset(data), resized, 0, None, before=finished)
    train_fold(same, 1)
    kept, own = (pd.read_csv(run / "fold-1" / "predictions.csv") for run in (finished, same.folder))
    assert np.array_equal(kept["logit_1view_mel"], own["logit_1view_mel"])
    assert not np.array_equal(kept["logit_8views_mel"], own["logit_8views_mel"])
    history = (finished / "fold-1" / "history.json").read_text()
    assert json.loads((same.folder / "fold-1" / "history.json").read_text()) == json.loads(history)
    assert same.start_weights == again.start_weights.partition(", then")[0]
    with pytest.raises(RunError, match="trains nothing"):
        prepare(tmp_path / "none", read_dataset(data), resized, 0, None)
    third = prepare(tmp_path / "third", read_dataset(data), TINY, 0, None, before=again.folder)
    assert third.start_weights.endswith(", then 3 epochs at 64 px, then 1 epoch at 64 px")
    with pytest.raises(RunError, match="finish that fold"):
        train_fold(third, 0)
    folds = pd.read_csv(again.folder / "folds.csv")
    folds.assign(fold=1 - folds["fold"]).to_csv(again.folder / "folds.csv", index=False)
    (third.folder / "fold-0" / "something").touch()  # begun, so the folds are not drawn again
    with pytest.raises(RunError, match="other folds"):
        prepare(tmp_path / "third", read_dataset(data), TINY, 0, None, before=again.folder)


def test_a_run_does_not_go_on_from_what_does_not_fit(
    finished: Path, data: Path, init: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    with pytest.raises(RunError, match="leave one of them out"):
        prepare(other, read_dataset(data), TINY, 0, init, before=finished)
    with pytest.raises(RunError, match="other folds"):
        prepare(other, read_dataset(data), TINY, 1, None, before=finished)
    with pytest.raises(RunError, match="holds no run"):
        prepare(other, read_dataset(data), TINY, 0, None, before=tmp_path / "nowhere")
    wider = dataclasses.replace(TINY, member=TINY.member.model_copy(update={"hidden": 99}))
    with pytest.raises(RunError, match="same backbone, pooling and dense layers"):
        train_fold(prepare(other, read_dataset(data), wider, 0, None, before=finished), 0)


def test_what_was_added_to_the_weights_stays_when_they_are_assembled_again(
    finished: Path, data: Path, init: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    run = prepare(folder, read_dataset(data), TINY, 0, init)
    weights = folder / "weights"
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
    RECIPES["tiny"] = TINY
    try:
        command = ["run", "--data", str(data), "--recipe", "tiny", "--out", str(out)]
        assert main([*command, "--after", str(earlier)]) == 2
    finally:
        del RECIPES["tiny"]
    assert "has no finished fold 1 to go on from" in capsys.readouterr().err
    assert not list(out.glob("fold-*"))


def test_weights_of_a_split_by_image_are_not_calibrated(
    finished: Path, data: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(finished / "weights", tmp_path / "weights"))
    contract = open_weights(folder).contract
    recipe = {**contract.training.recipe, "split": "image"}
    training = contract.training.model_copy(update={"recipe": recipe})
    put_into(folder, contract.model_copy(update={"training": training}), {})
    with pytest.raises(DataError, match="split by image"):
        audit(open_weights(folder), read_dataset(data), tmp_path, None, tmp_path / "trust.md")


def test_a_faulty_list_of_pictures_to_refuse_is_told_before_any_work(
    finished: Path, data: Path, tmp_path: Path
) -> None:
    weights, work = open_weights(finished / "weights"), tmp_path / "work"
    with pytest.raises(DataError, match=r"needs manifest\.csv"):
        audit(weights, read_dataset(data), work, tmp_path, tmp_path / "trust.md")
    assert not work.exists()


def test_a_backbone_that_cannot_be_a_member_is_one_sentence() -> None:
    with pytest.raises(RunError, match="cannot be a member at 64 px"):
        started_member(MemberConfig(**{**MOBILENET.model_dump(), "architecture": "no_such"}), None)
    misfit = {**SWIN.model_dump(), "size": 2 * SWIN.size}  # its arguments are those of another size
    with pytest.raises(RunError, match=f"cannot be a member at {2 * SWIN.size} px"):
        started_member(MemberConfig(**misfit), None)


def test_a_swin_goes_on_at_another_size(tmp_path: Path) -> None:
    small = Member(SWIN)
    path = tmp_path / "member.safetensors"
    save_file({k: v.contiguous() for k, v in small.state_dict().items()}, path)
    arguments = {**SWIN.arguments, "img_size": 2 * SWIN.size, "window_size": 4}
    large = SWIN.model_copy(update={"size": 2 * SWIN.size, "arguments": arguments})
    member = continued_member(large, path)
    assert torch.equal(member.classifier.weight, small.classifier.weight)
    assert member(torch.rand(1, 3, large.size, large.size)).logits.shape == (1, 7)


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
    strangers = tmp_path / "strangers"
    shutil.copytree(data, strangers)
    table = pd.read_csv(strangers / "HAM10000_metadata.csv")
    for image in strangers.rglob("*.jpg"):
        image.rename(image.with_name(f"NEW_{image.name}"))
    table.assign(image_id="NEW_" + table["image_id"]).to_csv(
        strangers / "HAM10000_metadata.csv", index=False
    )
    assert main([*command[:-1], str(strangers), "--out", str(out), "--views", "1"]) == 0
    assert json.loads(out.read_text())["images_also_in_the_training_data"] == 0


def test_bad_input_to_the_trainer_is_one_sentence(
    data: Path, init: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str) -> str:
        assert main(list(arguments)) == 2
        *before, text = capsys.readouterr().err.splitlines()
        assert all(line.startswith("read ") for line in before)
        assert text.startswith("error: ")
        return text

    out = str(tmp_path / "out")
    assert "is not a folder" in said("split", "--data", "nowhere", "--out", out)
    nothing = str(tmp_path / "none.safetensors")
    assert "no start weights at" in said(
        "run", "--data", str(data), "--init", nothing, "--out", str(tmp_path / "r")
    )
    assert "no fold 9" in said(
        "run", "--data", str(data), "--init", str(init), "--out", str(tmp_path / "s"), "--fold", "9"
    )  # fmt: skip
    assert "There are no weights" in said(
        "evaluate", "--weights", str(tmp_path), "--data", str(data), "--out", out
    )


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
    finished: Path, data: Path, init: Path, tmp_path: Path
) -> None:
    older = shutil.copytree(finished, tmp_path / "older")
    settings = json.loads((older / "run.json").read_text())
    assert settings.pop("scc_as_akiec") is False
    (older / "run.json").write_text(json.dumps(settings))
    assert not counts_scc(older)
    assert open_run(older, read_dataset(data)).assignment.shape == (len(read_dataset(data).table),)
    prepare(older, read_dataset(data), TINY, 0, init)  # and goes on


def test_split_writes_the_folds(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "folds.csv"
    assert main(["split", "--data", str(data), "--folds", "4", "--out", str(out)]) == 0
    assert sorted(pd.read_csv(out)["fold"].unique()) == [0, 1, 2, 3]


def test_weights_of_the_hub_are_not_changed_in_its_cache() -> None:
    with pytest.raises(WeightsError, match="weights are changed in a folder of their own"):
        open_to_change("someone/skin@" + "0" * 40)
