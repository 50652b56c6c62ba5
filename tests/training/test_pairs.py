"""Confused pairs, saliency and the t-SNE map of a small run that nobody trained."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from skin_app.diagnoses import CODES
from skin_app.network import Member
from tests.tiny import MOBILENET, write_data
from train.data.ham10000 import read_dataset
from train.documents.template import filled
from train.engine import overwriting
from train.engine.checkpoint import save_tensors, write_json
from train.engine.fold import predict_held_out
from train.engine.run import Run, RunError, prepare
from train.explain.pairs import (
    activation_maps,
    confused_pairs,
    confusion_table,
    randomisation_check,
)
from train.explain.saliency import saliency_sheet
from train.explain.sheets import refuse_tracked
from train.explain.tsne import chance_agreement, map_embeddings, neighbour_agreement
from train.recipes.recipe import Recipe
from train.scores.intervals import plain

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two folds, the first finished with random weights."""
    folder = tmp_path_factory.mktemp("r")
    data = write_data(folder / "data")
    recipe = Recipe("tiny", MOBILENET, folds=2, cache_side=72)
    prepared = prepare(folder / "run", read_dataset(data), recipe, 0, None)
    fold = prepared.fold_folder(0)
    fold.mkdir()
    torch.manual_seed(0)
    save_tensors(Member(MOBILENET).state_dict(), fold / "member.safetensors")
    write_json(fold / "history.json", {})
    predict_held_out(prepared, 0, Accelerator(cpu=True))
    return prepared


def test_confusions_agree_with_a_cross_tabulation() -> None:
    random = np.random.default_rng(0)
    labels, predicted = random.integers(0, 7, 400), random.integers(0, 7, 400)
    crossed = pd.crosstab(labels, predicted)
    for pair in confusion_table(labels, predicted).to_dict("records"):
        i, k = CODES.index(pair["true"]), CODES.index(pair["predicted"])
        assert pair["images"] == crossed.loc[i, k]
        assert pair["images_reversed"] == crossed.loc[k, i]
        assert pair["images_both_ways"] == crossed.loc[i, k] + crossed.loc[k, i]


def test_the_pairs_report_shows_mistakes_of_the_run_and_carries_the_caveat(
    run: Run, tmp_path: Path
) -> None:
    text = filled("pairs.md", **plain(confused_pairs(run, tmp_path / "out", pairs=2, cases=2)))
    (tmp_path / "out" / "pairs.md").write_text(text)
    assert "fails randomisation checks (Adebayo et al. 2018)" in text
    assert "CC BY-NC 4.0" in text
    table = pd.read_csv(tmp_path / "out" / "pairs.csv")
    held_out = pd.read_csv(run.fold_folder(0) / "predictions.csv")
    assert 0 < table["images"].sum() <= len(held_out)
    first = table.iloc[0]
    assert f"| {first['true']} | {first['predicted']} | {first['images']} |" in text
    overwriting.check_folder(tmp_path / "out", overwriting.PAIRS)
    for pair in table.head(2).to_dict("records"):
        name = f"{pair['true']}-as-{pair['predicted']}.png"
        assert f"({name})" in text
        with Image.open(tmp_path / "out" / name) as sheet:
            assert sheet.width > sheet.height / 2 > 100


def test_what_git_would_track_is_refused_and_what_it_ignores_is_not(run: Run, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("runs/\n")
    with pytest.raises(RunError, match="must not be committed"):
        confused_pairs(run, tmp_path / "docs" / "pairs")
    assert not (tmp_path / "docs").exists()
    with pytest.raises(RunError, match="must not be committed"):
        saliency_sheet(run, [], tmp_path)
    refuse_tracked(tmp_path / "runs" / "pairs")


def test_the_check_tells_a_map_that_sees_the_weights_from_one_that_does_not() -> None:
    torch.manual_seed(3)
    member = Member(MOBILENET).eval()
    square = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    maps = activation_maps(member, square)
    assert maps.shape == (7, 64, 64)
    assert 0 <= maps.min() < maps.max() <= 1
    found = [randomisation_check(member, square, label) for label in range(7)]
    guided = [one["guided back-propagation", "head"] for one in found]
    activation = [one["Grad-CAM", "head"] for one in found if ("Grad-CAM", "head") in one]
    assert np.mean(guided) > 0.9
    assert np.mean(activation) < 0.5


def test_the_saliency_sheet_needs_known_images_of_trained_folds(run: Run, tmp_path: Path) -> None:
    ids = run.data.table["image_id"].to_numpy()
    seen, unseen = ids[run.assignment == 0], ids[run.assignment == 1]
    sheet = saliency_sheet(run, [seen[0], seen[1]], tmp_path)
    with Image.open(sheet) as image:
        assert image.width > 500
    overwriting.check_folder(tmp_path, overwriting.SALIENCY)
    with pytest.raises(RunError, match="no image ISIC_1"):
        saliency_sheet(run, ["ISIC_1"], tmp_path)
    with pytest.raises(RunError, match="fold 1, which is not trained"):
        saliency_sheet(run, [unseen[0]], tmp_path)


def test_the_map_is_the_same_for_the_same_seed_and_says_how_far_it_holds(
    run: Run, tmp_path: Path
) -> None:
    report = map_embeddings(run, tmp_path / "one", fold=0)
    map_embeddings(run, tmp_path / "two", fold=0)
    first, second = (tmp_path / name / "tsne.csv.gz" for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()
    overwriting.check_folder(tmp_path / "one", overwriting.TSNE)
    table = pd.read_csv(first)
    assert table.columns.tolist() == ["image_id", "x", "y"]
    assert table["image_id"].tolist() == run.data.table["image_id"][run.assignment == 0].tolist()
    assert json.loads((tmp_path / "one" / "tsne.json").read_text()) == report
    assert report["hidden_units"] == MOBILENET.hidden
    assert map_embeddings(run, tmp_path / "part", fold=0, images=22)["images"] == 22
    with pytest.raises(RunError, match=r"Fold 1 of .* is not trained"):
        map_embeddings(run, tmp_path, fold=1)
    with pytest.raises(RunError, match="more than 10 lesions"):
        map_embeddings(run, tmp_path, fold=0, images=14)


def test_agreement_equals_scikit_learn_where_each_image_is_a_lesion() -> None:
    random = np.random.default_rng(0)
    points, labels = random.normal(size=(80, 5)), random.integers(0, 7, 80)
    _, nearest = NearestNeighbors(n_neighbors=10).fit(points).kneighbors()  # not the point itself
    share = (labels[nearest] == labels[:, None]).mean(axis=1)
    ours = neighbour_agreement(points, labels, np.arange(80))
    assert ours["images"] == pytest.approx(share.mean())
    assert ours["classes"] == pytest.approx(np.mean([share[labels == k].mean() for k in range(7)]))


def test_images_of_the_same_lesion_do_not_count_as_neighbours() -> None:
    points = np.repeat(np.random.default_rng(0).normal(size=(40, 2)), 2, axis=0)
    labels, lesions = np.repeat(np.arange(40) % 2, 2), np.repeat(np.arange(40), 2)
    counted_twice = neighbour_agreement(points, labels, np.arange(80), neighbours=1)["images"]
    assert counted_twice == 1
    apart = neighbour_agreement(points, labels, lesions, neighbours=1)["images"]
    alone = neighbour_agreement(points[::2], labels[::2], lesions[::2], neighbours=1)["images"]
    assert apart == alone < 1
    assert chance_agreement(labels, lesions)["images"] == pytest.approx(19 / 39)
