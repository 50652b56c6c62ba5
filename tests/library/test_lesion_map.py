"""The map of held-out lesions: how it is made, kept, refused, and how a photo is placed on it."""

import json
import shutil
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
    """Melanomas at (0, 0) and naevi at (10, 10), each unlike the other group; two images a lesion."""
    first = np.arange(images) < images // 2
    noise = np.random.default_rng(0).normal(0, 0.05, (images, 8))
    embeddings = noise + np.where(first[:, None], np.eye(8)[0], np.eye(8)[1])
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    table = pd.DataFrame(
        {
            "x": np.where(first, 0.0, 10.0),
            "y": np.where(first, 0.0, 10.0),
            "dx": np.where(first, "mel", "nv"),
            "lesion": [f"L{i // 2}" for i in range(images)],
        }
    )
    return LesionMap(table, embeddings)


def test_a_photo_lies_between_its_neighbours_one_of_each_lesion() -> None:
    place = two_groups(60).place(np.eye(8)[0] * 3)
    assert (place.x, place.y) == pytest.approx((0, 0))
    assert place.neighbours == ("mel",) * NEIGHBOURS
    few = two_groups(40).place(np.eye(8)[0])  # ten lesions of each kind
    assert few.neighbours == ("mel",) * 10 + ("nv",) * 2
    assert 0 < few.x < 1  # naevi, being unlike it, weigh little


def test_the_place_is_the_mean_weighted_by_likeness(embedded: LesionMap) -> None:
    """Against the definition, written out."""
    gallery = pd.read_csv(EMBEDDED / "gallery.csv").merge(pd.read_csv(EMBEDDED / FILE))
    rows = pd.read_csv(EMBEDDED / "gallery.csv")["image_id"].isin(gallery["image_id"])
    units = load_file(EMBEDDED / "gallery.safetensors")["embeddings"][rows].astype(np.float64)
    asked = np.random.default_rng(1).normal(size=units.shape[1])
    gallery["likeness"] = units @ asked / np.linalg.norm(asked)
    nearest = (
        gallery.sort_values("likeness", ascending=False).drop_duplicates("lesion").head(NEIGHBOURS)
    )
    weights = nearest["likeness"].clip(lower=1e-6)
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


def mapped(folder: Path) -> Path:
    """Tiny weights that know their folds (every third image is of fold 0), with their map."""
    write_weights(folder)
    images = pd.read_csv(folder / "gallery.csv")["image_id"]
    pd.DataFrame({"image_id": images, "fold": np.arange(len(images)) % 3}).to_csv(
        folder / FOLDS, index=False
    )
    contract = json.loads((folder / "ensemble.json").read_text())
    contract["files"][FOLDS] = file_hash(folder / FOLDS)
    (folder / "ensemble.json").write_text(json.dumps(contract))
    assert main(["map", "--weights", str(folder)]) == 0
    return folder


def test_the_trainer_puts_a_map_into_a_folder_and_calibrating_keeps_it(tmp_path: Path) -> None:
    folder = mapped(tmp_path / "weights")
    found = open_weights(folder).lesion_map()
    assert found is not None
    assert len(found) == 10
    before = (folder / FILE).read_bytes()
    give_trust(folder)  # stores as `calibrate` does
    assert open_weights(folder).lesion_map() is not None
    assert (folder / FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]


def test_assembling_another_gallery_leaves_no_stale_map(tmp_path: Path) -> None:
    folder = write_weights(mapped(tmp_path / "weights"), images=50)
    assert not (folder / FILE).exists()
    assert open_weights(folder).lesion_map() is None


def test_the_verb_maps_a_folder_or_says_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = mapped(tmp_path / "weights")
    assert main(["map", "--weights", str(folder)]) == 0
    assert "map of member 0" in capsys.readouterr().out
    without = write_weights(tmp_path / "without")
    assert main(["map", "--weights", str(without)]) == 2
    assert "do not say which images member 0 was trained on" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["ISIC_0000000,1,2\n", "ISIC_9000000,?,2\n", "broken"])
def test_a_map_that_does_not_fit_the_gallery_is_refused(tmp_path: Path, change: str) -> None:
    folder = mapped(tmp_path / "weights")
    content = change if change == "broken" else f"image_id,x,y\n{change}"
    (folder / FILE).write_text(content)
    contract = json.loads((folder / "ensemble.json").read_text())
    contract["files"][FILE] = file_hash(folder / FILE)
    (folder / "ensemble.json").write_text(json.dumps(contract))
    with pytest.raises(WeightsError, match=r"The map of the weights .* cannot be loaded"):
        open_weights(folder).lesion_map()


def test_a_changed_map_is_refused_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(EMBEDDED, folder)
    (folder / FILE).write_text((folder / FILE).read_text() + "\n")
    with pytest.raises(WeightsError, match=r"map\.csv .* damaged or was changed"):
        open_weights(folder)


def test_the_embedding_of_an_answer_is_the_one_of_its_similar_lesions() -> None:
    ensemble = Ensemble.load()
    analysis = ensemble(Photo(picture(3)), views=8)
    assert ensemble.gallery.nearest(analysis.embedding, len(analysis.similar)) == analysis.similar
