"""The weights that ship: whole, small, honest about themselves, and as good as they say."""

import copy

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file
from sklearn.metrics import balanced_accuracy_score

from skin_app.calibration import prior_adjusted
from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble
from skin_app.gallery.similar_lesions import SAME_PHOTO
from skin_app.member_groups import MemberGroup
from skin_app.page.one_photo_handlers import EXAMPLES_FOLDER
from skin_app.photo.read import read_photo
from skin_app.views import VIEWS, centre_square, turn
from skin_app.weights.folder import EMBEDDED, open_weights
from skin_app.weights.outside_scores import read_outside_scores
from tests.library.test_ensemble import all_seven_maps
from tests.library.test_heatmap import LogitsOnly, grad_cams_by_library
from train.documents.card_and_readme import model_card, with_scores
from train.scores.evidence import logit_columns, weights_evidence
from train.scores.fitted_calibration import cross_fitted

ROOT = EMBEDDED.parent
SHARED = ROOT.parent / "shared" / "data" / "ham10000"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="HAM10000 is not at ../shared/data/ham10000"
)


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    return Ensemble(open_weights())


@pytest.fixture(scope="module")
def predictions() -> pd.DataFrame:
    return pd.read_csv(EMBEDDED / "evaluation" / "out_of_fold.csv")


def test_the_folder_is_under_64_mb_and_holds_no_image() -> None:
    files = [path for path in EMBEDDED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 64_000_000
    assert max(path.stat().st_size for path in files) < 30_000_000
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".csv", ".md"}


def test_the_floor_holds_when_recomputed_from_the_predictions(ensemble: Ensemble) -> None:
    kept = weights_evidence(EMBEDDED)
    probabilities = cross_fitted(kept.logits[8], kept.labels, kept.lesions, kept.shift, bias="chosen")
    adjusted = prior_adjusted(probabilities, ensemble.calibration.frequencies)
    accuracy = (probabilities.argmax(axis=1) == kept.labels).mean()
    balanced = balanced_accuracy_score(kept.labels, adjusted.argmax(axis=1))
    stored = ensemble.weights.contract.scores["views_8"]
    assert accuracy >= 0.83
    assert balanced >= 0.74
    assert stored["calibrated"]["accuracy"] == pytest.approx(accuracy)
    assert stored["prior_adjusted"]["balanced_accuracy"] == pytest.approx(balanced)


def test_no_lesion_was_predicted_by_a_member_that_was_trained_on_it(
    predictions: pd.DataFrame,
) -> None:
    folds = pd.read_csv(EMBEDDED / "evaluation" / "folds.csv").set_index("image_id")
    assert folds.groupby("lesion_group")["fold"].nunique().max() == 1
    assert (folds.loc[predictions["image_id"], "fold"].to_numpy() == predictions["fold"]).all()
    assert not predictions["image_id"].duplicated().any()


def test_card_and_readme_say_what_the_contract_says(ensemble: Ensemble) -> None:
    contract = ensemble.weights.contract
    outside = read_outside_scores(EMBEDDED, contract)
    assert (EMBEDDED / "README.md").read_text() == model_card(contract, outside)
    front = (EMBEDDED / "README.md").read_text().split("---\n")[1]
    (index,) = yaml.safe_load(front)["model-index"]
    result, *_ = index["results"]  # then those outside HAM10000
    measured = {(own["type"], own["name"]): own["value"] for own in result["metrics"]}
    scores = contract.scores["views_8"]
    plain, adjusted = scores["calibrated"], scores["prior_adjusted"]
    assert measured == {
        ("accuracy", "accuracy, calibrated"): round(plain["accuracy"], 4),
        ("balanced_accuracy", "balanced accuracy, prior-adjusted"): round(
            adjusted["balanced_accuracy"], 4
        ),
        ("f1", "macro f1, calibrated"): round(plain["macro_f1"], 4),
        ("roc_auc", "malignant auc, calibrated"): round(plain["malignant_auc"], 4),
    }
    readme = (ROOT / "README.md").read_text()
    assert readme == with_scores(readme, contract, outside)
    assert "CC BY-NC 4.0" in contract.licence


@pytest.mark.slow
@needs_shared
def test_members_say_of_their_held_out_images_what_the_predictions_say(
    ensemble: Ensemble, predictions: pd.DataFrame
) -> None:
    """Weights as stored and read by the app, against the trainer's own predictions."""
    contract = ensemble.weights.contract
    kinds, limit = len(contract.trainings), 0.1 if contract.stored == "float16" else 0.4
    folds = [fold for run in contract.trainings for fold in run.shipped]
    for index, fold in enumerate(folds):
        kind = index // len(contract.training.shipped)
        names = [f"logit_8views_{code}" for code in CODES]
        names = logit_columns(8, kind) if kinds > 1 else names
        for _, row in predictions[predictions["fold"] == fold].iloc[::700].iterrows():
            path = next(SHARED.rglob(f"{row['image_id']}.jpg"))
            group = MemberGroup([ensemble.members[index]])
            (answer,) = group.read(group.inputs([read_photo(path)], 8), ensemble.device)
            expected = row[names].to_numpy(float)
            assert np.abs(answer.logits[0].numpy() - expected).max() < limit


@needs_shared
def test_an_image_of_the_gallery_finds_itself(ensemble: Ensemble) -> None:
    path = next(SHARED.rglob("ISIC_0024306.jpg"))
    nearest = ensemble(read_photo(path), views=1).similar[0]
    assert nearest.image_id == "ISIC_0024306"
    assert nearest.is_the_same_photo


def test_no_two_lesions_of_the_gallery_are_taken_for_the_same_photo() -> None:
    stored = load_file(EMBEDDED / "gallery.safetensors")
    embeddings, limit = stored["embeddings"].float(), float(stored.get("same_photo", SAME_PHOTO))
    lesions = pd.read_csv(EMBEDDED / "gallery.csv")["lesion"].astype("category").cat.codes.to_numpy()
    lesion = torch.from_numpy(lesions.astype(np.int64))
    for rows in torch.arange(len(embeddings)).split(1000):
        others = lesion[rows][:, None] != lesion[None]
        assert (embeddings[rows] @ embeddings.T)[others].max() < limit


def test_the_members_share_their_frozen_stages(ensemble: Ensemble) -> None:
    frozen = ensemble.weights.contract.training.recipe["stages"][0]["frozen"]
    assert frozen == ["patch_embed", "layers.0", "layers.1"]
    assert ensemble.groups[0].stages == 2
    assert len(ensemble.groups[0].members) == len(ensemble.weights.contract.training.shipped)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_shown_maps_are_those_of_all_seven_diagnoses_at_once(
    ensemble: Ensemble, bfloat16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("globules", "irregular-patchy"):
        photo = read_photo(EXAMPLES_FOLDER / f"{name}.jpg")
        with monkeypatch.context() as change:
            change.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bfloat16)
            analysis = ensemble(photo)
        assert analysis.maps is not None
        expected = all_seven_maps(ensemble, photo, analysis.probabilities)
        for code, class_map in analysis.maps.items():
            assert np.allclose(class_map, expected[code], atol=0.01)


def test_the_shipped_grad_cams_are_the_librarys_over_all_networks_and_views(
    ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library on each network and view alone; turned and enlarged by NumPy and OpenCV."""
    monkeypatch.setattr("skin_app.hardware.has_bfloat16", lambda _: False)
    photo = read_photo(EXAMPLES_FOLDER / "globules.jpg")
    shown = ensemble(photo).grad_cam_maps
    assert shown is not None
    labels = [CODES.index(code) for code in shown]
    total = np.zeros((14, 14, len(shown)))
    for member in ensemble.members:
        for view in range(VIEWS):
            size = member.config.sizes[view % len(member.config.sizes)]
            at_size = copy.deepcopy(member.at(size))
            at_size.backbone.norm.requires_grad_(True)  # the library needs gradients from there on
            square = turn(centre_square(torch.from_numpy(photo.pixels).permute(2, 0, 1), size), view)
            raw = grad_cams_by_library(LogitsOnly(at_size), square[None], labels).transpose(1, 2, 0)
            upright = np.rot90(raw[:, ::-1] if view >= 4 else raw, -(view % 4))
            area = raw.shape[0] * raw.shape[1]  # large and small inputs count alike
            total += area * cv2.resize(np.ascontiguousarray(upright), (14, 14))
    expected = total.clip(min=0) / total.max()
    found = np.stack(list(shown.values()), axis=-1)
    assert found.max() == 1
    assert np.abs(found - expected).max() < 1e-4
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99999


def test_the_drawings_have_the_outcomes_that_the_readme_states(ensemble: Ensemble) -> None:
    paths = sorted(EXAMPLES_FOLDER.glob("*.jpg"))
    analyses = ensemble.analyse_all([read_photo(path) for path in paths], with_maps=False)
    assert {path.stem: own.outcome for path, own in zip(paths, analyses, strict=True)} == {
        "globules": "uncertain",
        "irregular-patchy": "not dermatoscopic",
        "pigment-network": "not suspicious",
        "red-lacunae": "not dermatoscopic",
    }
