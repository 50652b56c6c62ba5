"""The map of held-out lesions: how it is made, kept, refused, and how a photo is placed on it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from skin_app.ensemble import Ensemble
from skin_app.gallery.lesion_map import FILE, NEIGHBOURS, LesionMap
from skin_app.photo.read import Photo
from skin_app.weights.folder import EMBEDDED, WeightsError, open_weights
from skin_app.weights.verify import file_hash
from tests.tiny import give_trust, picture, write_weights
from train.__main__ import main
from train.scores.evidence import FOLDS


@pytest.fixture(scope="module")
def embedded() -> LesionMap:
    found = open_weights().lesion_map()
    assert found is not None
    return found


def two_groups(images: int = 40) -> LesionMap:
    """Melanomas at (0, 0) and naevi at (10, 10), with different embeddings; two images a lesion."""
    first = np.arange(images) < images // 2
    noise = np.random.default_rng(0).normal(0, 0.05, (images, 8))
    embeddings = noise + np.where(first[:, None], np.eye(8)[0], np.eye(8)[1])
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    table = pd.DataFrame(
        {
            "x": np.where(first, 0.0, 10.0),
            "y": np.where(first, 0.0, 10.0),
            "image_id": [f"I{i}" for i in range(images)],
            "dx": np.where(first, "mel", "nv"),
            "dx_type": "histo",
            "lesion": [f"L{i // 2}" for i in range(images)],
        }
    )
    return LesionMap(table, embeddings)


def test_a_photo_lies_between_its_neighbours_one_of_each_lesion() -> None:
    place = two_groups(60).place(np.eye(8)[0] * 3)
    assert (place.x, place.y) == pytest.approx((0, 0))
    assert place.neighbours == ("mel",) * NEIGHBOURS
    few = two_groups(40).place(np.eye(8)[0])  # ten lesions of each group
    assert few.neighbours == ("mel",) * 10 + ("nv",) * 2
    assert 0 < few.x < 1  # naevi, being unlike it, weigh little


def test_the_place_is_the_mean_weighted_by_similarity(embedded: LesionMap) -> None:
    """Against the definition, written out."""
    gallery = pd.read_csv(EMBEDDED / "gallery.csv").merge(pd.read_csv(EMBEDDED / FILE))
    rows = pd.read_csv(EMBEDDED / "gallery.csv")["image_id"].isin(gallery["image_id"])
    units = load_file(EMBEDDED / "gallery.safetensors")["embeddings"][rows].astype(np.float64)
    asked = np.random.default_rng(1).normal(size=units.shape[1])
    gallery["similarity"] = units @ asked / np.linalg.norm(asked)
    nearest = (
        gallery.sort_values("similarity", ascending=False).drop_duplicates("lesion").head(NEIGHBOURS)
    )
    weights = nearest["similarity"].clip(lower=1e-6)
    place = embedded.place(asked)
    assert place.x == pytest.approx((nearest["x"] * weights).sum() / weights.sum(), rel=1e-4)
    assert place.y == pytest.approx((nearest["y"] * weights).sum() / weights.sum(), rel=1e-4)
    assert place.neighbours == tuple(nearest["dx"])


def test_the_embedded_map_holds_exactly_what_member_0_was_not_trained_on(embedded: LesionMap) -> None:
    contract = open_weights().contract
    folds = pd.read_csv(EMBEDDED / FOLDS)
    held_out = folds.loc[folds["fold"] == contract.training.shipped[0], "image_id"]
    assert set(pd.read_csv(EMBEDDED / FILE)["image_id"]) == set(held_out)
    assert len(embedded) == len(held_out)


def test_placing_on_the_embedded_map_beats_chance(embedded: LesionMap) -> None:
    placing = embedded.placing
    assert placing.distance < 0.2 * placing.by_chance
    assert placing.agreement > placing.agreement_by_chance + 0.2
    assert 0 < placing.agreement_of_classes < 1


def with_hash(folder: Path, name: str) -> Path:
    """State the hash of a file of the folder in its contract."""
    contract = json.loads((folder / "ensemble.json").read_text())
    contract["files"][name] = file_hash(folder / name)
    (folder / "ensemble.json").write_text(json.dumps(contract))
    return folder


@pytest.fixture
def mapped(tmp_path: Path) -> Path:
    """Tiny weights that know their folds (every third image is of fold 0), with their map."""
    folder = write_weights(tmp_path / "weights")
    images = pd.read_csv(folder / "gallery.csv")["image_id"]
    folds = pd.DataFrame({"image_id": images, "fold": np.arange(len(images)) % 3})
    folds.to_csv(folder / FOLDS, index=False)
    assert main(["map", "--weights", str(with_hash(folder, FOLDS))]) == 0
    return folder


def test_the_trainer_puts_a_map_into_a_folder_and_auditing_keeps_it(mapped: Path) -> None:
    found = open_weights(mapped).lesion_map()
    assert found is not None
    assert len(found) == 10
    before = (mapped / FILE).read_bytes()
    give_trust(mapped)  # stores as `audit` does
    assert open_weights(mapped).lesion_map() is not None
    assert (mapped / FILE).read_bytes() == before
    assert [path.name for path in mapped.parent.iterdir()] == ["weights"]


def test_assembling_another_gallery_leaves_no_stale_map(mapped: Path) -> None:
    write_weights(mapped, images=50)
    assert not (mapped / FILE).exists()
    assert open_weights(mapped).lesion_map() is None


def test_the_verb_maps_a_folder_or_says_why_not(
    mapped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["map", "--weights", str(mapped)]) == 0
    assert "map of member 0" in capsys.readouterr().out
    without = write_weights(tmp_path / "without")
    assert main(["map", "--weights", str(without)]) == 2
    assert "do not say which images member 0 was trained on" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    ["broken", "image_id,x,y\nISIC_0000000,1,2\n", "image_id,x,y\nISIC_9000000,?,2\n"],
)
def test_a_map_that_does_not_fit_the_gallery_is_refused(mapped: Path, content: str) -> None:
    (mapped / FILE).write_text(content)
    with pytest.raises(WeightsError, match=r"map\.csv .* damaged or was changed"):
        open_weights(mapped)
    with_hash(mapped, FILE)
    with pytest.raises(WeightsError, match=r"The map of the weights .* cannot be loaded"):
        open_weights(mapped).lesion_map()


def test_the_embedding_of_an_answer_is_the_one_of_its_similar_lesions() -> None:
    ensemble = Ensemble.load()
    analysis = ensemble(Photo(picture(3)), views=8)
    assert ensemble.gallery.nearest(analysis.embedding, len(analysis.similar)) == analysis.similar
