"""Quick trials: which images are chosen, what is kept, and the classifier against scikit-learn."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skin_app.calibration import softmax
from skin_app.diagnoses import CODES
from skin_app.network import Member
from tests.tiny import MOBILENET, write_data
from train import trial
from train.data.folds import stratified_rows
from train.data.ham10000 import DataError, Dataset, read_dataset
from train.trial import out_of_fold_logits, quick_trial

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return read_dataset(write_data(tmp_path_factory.mktemp("d") / "data", lesions_per_class=6))


def start_weights(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    save_file({k: v.contiguous() for k, v in Member(MOBILENET).backbone.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def init(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start_weights(tmp_path_factory.mktemp("i") / "start.safetensors", seed=0)


def test_a_part_takes_the_rare_classes_whole_and_never_splits_a_lesion() -> None:
    labels = np.repeat([3, 6, 0, 5], [4, 6, 30, 200])
    lesions = np.arange(240) // 2
    rows = stratified_rows(labels, lesions, images=60, seed=0)
    assert np.bincount(labels[rows], minlength=7).tolist() == [24, 0, 0, 4, 0, 26, 6]
    assert (np.unique(lesions[rows], return_counts=True)[1] == 2).all()
    assert np.array_equal(rows, stratified_rows(labels, lesions, images=60, seed=0))
    assert not np.array_equal(rows, stratified_rows(labels, lesions, images=60, seed=1))
    assert np.array_equal(stratified_rows(labels, lesions, images=999, seed=0), np.arange(240))


def test_a_part_keeps_which_images_show_one_lesion(data: Dataset) -> None:
    part = data.part(images=42, seed=0)
    assert len(part.table) == 42
    lesion_of = data.table.set_index("image_id")["lesion_id"]
    for group, images in part.table.groupby("group")["image_id"]:
        assert part.table["image_id"].iloc[group] == images.iloc[0]
        assert len(set(lesion_of.loc[images.tolist()])) == 1
    with pytest.raises(DataError, match="leave none of"):
        data.part(images=7, seed=0)
    with pytest.raises(DataError, match="1 or more"):
        data.part(images=0, seed=0)


def made_features() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (140, 12) that tell the classes apart, labels and folds."""
    labels = np.arange(140) % 7
    features = np.random.default_rng(0).normal(size=(140, 12)) + np.eye(12)[labels]
    return features, labels, np.arange(140) // 7 % 5


def test_the_classifier_predicts_like_scikit_learns_own_cross_validation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features, labels, folds = made_features()
    monkeypatch.setattr(trial, "PENALTIES", (0.01,))
    logits, _ = out_of_fold_logits(features, labels, np.arange(140), folds, seed=0)
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000)
    )
    splits = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(5)]
    expected = cross_val_predict(model, features, labels, cv=splits, method="predict_proba")
    assert np.allclose(softmax(logits), np.asarray(expected), atol=1e-9)


def test_the_penalty_is_chosen_without_the_held_out_part() -> None:
    """Held-out images with labels drawn anew change nothing in the classifier that scores them."""
    features, labels, folds = made_features()
    changed = np.where(folds == 4, np.random.default_rng(1).permutation(labels), labels)
    one, classifier = out_of_fold_logits(features, labels, np.arange(140), folds, seed=0)
    other, _ = out_of_fold_logits(features, changed, np.arange(140), folds, seed=0)
    assert np.array_equal(one[folds == 4], other[folds == 4])
    assert classifier.best_params_["logisticregression__C"] in trial.PENALTIES


def test_a_stopped_trial_goes_on_and_nothing_is_embedded_twice(
    data: Dataset, init: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "CHUNK", 20)
    embedding, calls = trial._embedding, []

    def counted(member: Member, squares: torch.Tensor) -> np.ndarray:
        calls.append(len(squares))
        if len(calls) == 5 and not any(out.rglob("*000020-*.npz")):  # in the second chunk
            raise KeyboardInterrupt
        return embedding(member, squares)

    whole = quick_trial(data, MOBILENET, tmp_path / "whole", init)
    out = tmp_path / "stopped"
    monkeypatch.setattr(trial, "_embedding", counted)
    monkeypatch.setattr(trial, "ANSWERS", 1)
    with pytest.raises(KeyboardInterrupt):
        quick_trial(data, MOBILENET, out, init)
    assert [path.name[:15] for path in out.rglob("*.npz")] == ["features-000000"]
    calls.clear()
    resumed = quick_trial(data, MOBILENET, out, init)
    assert sum(calls) == 84 - 20 + 1  # the timed answer
    assert resumed["scores"] == whole["scores"]
    calls.clear()
    again = quick_trial(data, MOBILENET, out, init)
    assert calls == [1]
    assert again["scores"] == whole["scores"]
    assert again["embedding_ms_per_image"] == resumed["embedding_ms_per_image"]


def test_the_features_are_the_members_own_and_the_file_says_what_was_tried(
    data: Dataset, init: Path, tmp_path: Path
) -> None:
    found = quick_trial(data, MOBILENET, tmp_path, init, images=70)
    folder = Path(found["folder"])
    assert json.loads((folder / "trial.json").read_text()) == json.loads(json.dumps(found))
    assert found["images_per_class"] == dict.fromkeys(CODES, 10)
    assert found["lesions"] == 35
    assert found["minutes_per_1000_images"] > 0
    assert found["target"]["top_3_reached"] == (found["scores"]["calibrated"]["top_3"] > 0.7)
    assert found["target"]["answer_reached"] == (found["target"]["answer_seconds"] < 3)
    with np.load(next(folder.glob("features-000000-*.npz"))) as chunk:
        values = chunk["values"]
    assert values.shape == (70, found["features_per_image"])
    other = start_weights(tmp_path / "other.safetensors", seed=1)
    assert quick_trial(data, MOBILENET, tmp_path, other, images=70)["folder"] != found["folder"]


def test_a_missing_diagnosis_and_an_unreadable_image_are_named(
    data: Dataset, init: Path, tmp_path: Path
) -> None:
    some = data.table.iloc[data.labels != CODES.index("vasc")].reset_index(drop=True)
    with pytest.raises(DataError, match="there is none of vasc"):
        quick_trial(Dataset(some, data.fingerprint), MOBILENET, tmp_path, init)
    folder = write_data(tmp_path / "data", lesions_per_class=5)
    broken = sorted(folder.rglob("*.jpg"))[3]
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(DataError, match=f"{broken.stem} cannot be decoded"):
        quick_trial(read_dataset(folder), MOBILENET, tmp_path / "out", init)
