"""Two runs of unlike architectures on the same folds: each held-out image is answered by both."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble
from skin_app.heatmap import against_the_others, attributions, averaged_maps
from skin_app.member_groups import MemberGroup, input_square
from skin_app.network import Member, MemberConfig
from skin_app.photo.read import read_photo
from skin_app.weights.folder import open_weights
from tests.tiny import MOBILENET, SWIN, write_data
from train.__main__ import main
from train.audit import refused_pictures
from train.audit.explanations import first_maps
from train.audit.fitted_novelty import fit_novelty, upright_answers
from train.audit.out_of_fold import OutOfFold
from train.data.ham10000 import read_dataset
from train.engine.fold import train_fold
from train.engine.run import Run, RunError, prepare
from train.engine.start_weights import START_LICENCES, start_licence
from train.recipes.recipe import Recipe, Stage
from train.release.assemble import assemble
from train.scores.evidence import logit_columns

pytestmark = pytest.mark.slow

SHORT = Recipe(
    name="flagship", member=MOBILENET, folds=2, stages=(Stage(epochs=1),), batch=8, cache_side=80
)


def fitted(
    folder: Path, data: Path, recipe: Recipe, folds: tuple[int, ...] = (0, 1), views: int = 8
) -> Run:
    """A run of random start weights whose `folds` are finished."""
    start = folder.parent / f"{folder.name}-start.safetensors"
    torch.manual_seed(0)
    backbone = Member(recipe.member).backbone.state_dict()
    save_file({key: value.contiguous() for key, value in backbone.items()}, start)
    run = prepare(folder, read_dataset(data), recipe, 0, start)
    for fold in folds:
        train_fold(run, fold, views=views)
    return run


def of(member: MemberConfig) -> Recipe:
    return dataclasses.replace(SHORT, member=member)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def data(place: Path) -> Path:
    return write_data(place / "data")


@pytest.fixture(scope="module")
def first(place: Path, data: Path) -> Run:
    return fitted(place / "swin", data, of(SWIN))


@pytest.fixture(scope="module")
def second(place: Path, data: Path) -> Run:
    return fitted(place / "mobilenet", data, of(MOBILENET))


@pytest.fixture(scope="module")
def both(place: Path, data: Path, first: Run, second: Run) -> Path:
    runs, out = [str(first.folder), str(second.folder)], place / "both"
    assert main(["assemble", *runs, "--data", str(data), "--out", str(out), "--int8"]) == 0
    return out


@pytest.fixture(scope="module")
def bench(place: Path, data: Path, both: Path) -> OutOfFold:
    return OutOfFold.open(open_weights(both), read_dataset(data), place / "work")


def test_the_folder_says_which_member_is_of_which_fold_and_run(both: Path) -> None:
    contract = open_weights(both).contract
    assert contract.members == ("member-0", "member-1", "member-2", "member-3")
    assert [run.shipped for run in contract.trainings] == [(0, 1), (0, 1)]
    assert [t.recipe["member"]["architecture"] for t in contract.trainings] == [
        SWIN.architecture,
        MOBILENET.architecture,
    ]
    assert contract.stored == "int8"
    assert contract.scores["predicted_by"].startswith("2 members an image")
    of_sex = [own for own in contract.scores["patients"] if own["axis"] == "sex"]
    assert sum(own["images"] for own in of_sex) == contract.scores["images"]
    assert "2 members an image" in (both / "README.md").read_text()


def test_8_bit_integers_take_half_the_space(both: Path, first: Run) -> None:
    whole = assemble([first], both.parent / "float16")
    sizes = [(f / "member-0" / "model.safetensors").stat().st_size for f in (both, whole)]
    assert 0.45 < sizes[0] / sizes[1] < 0.75  # tiny networks are half biases and names
    assert open_weights(whole).contract.rounding is None


def test_predictions_are_of_members_that_had_not_seen_the_lesion(both: Path, data: Path) -> None:
    ensemble = Ensemble(open_weights(both))
    table = pd.read_csv(both / "evaluation" / "out_of_fold.csv")
    folds = pd.read_csv(both / "evaluation" / "folds.csv").set_index("image_id")["fold"]
    assert (folds.loc[table["image_id"]].to_numpy() == table["fold"]).all()
    changes, same = [], []
    mean = table[[f"logit_8views_{code}" for code in CODES]].to_numpy(float)
    kinds = [table[logit_columns(8, kind)].to_numpy(float) for kind in (0, 1)]
    assert np.allclose(mean, np.mean(kinds, axis=0), atol=2e-5)
    for place, (image, fold) in enumerate(zip(table["image_id"], table["fold"], strict=True)):
        photo, read = read_photo(next(data.rglob(f"{image}.jpg"))), []
        for kind in (0, 1):
            reader = MemberGroup([ensemble.members[2 * kind + int(fold)]])
            (answer,) = reader.read(reader.inputs([photo], 8), torch.device("cpu"))
            read.append(answer.logits[0].numpy())
            assert np.allclose(read[-1], kinds[kind][place], atol=0.02)
        found = np.mean(read, axis=0)
        changes.append(np.abs(found - mean[place]))
        same.append(found.argmax() == mean[place].argmax())
    told = ensemble.weights.contract.rounding
    assert told is not None
    assert told.images == len(table)
    assert told.same_first == pytest.approx(np.mean(same))
    assert told.mean_change == pytest.approx(np.mean(changes), abs=1e-5)
    assert told.largest_change == pytest.approx(np.max(changes), abs=1e-5)
    assert f"{told.mean_change:.3f} on average" in (both / "README.md").read_text()


def test_the_page_averages_all_four_and_maps_all_four(both: Path) -> None:
    ensemble = Ensemble(open_weights(both))
    photo = read_photo(next((both.parent / "data").rglob("*.jpg")))
    analysis = ensemble(photo)
    assert analysis.members.shape == (4, 7)
    assert analysis.maps is not None
    assert [len(group.members) for group in ensemble.groups] == [2, 2]


def test_each_image_is_asked_of_both_members_of_its_fold(bench: OutOfFold) -> None:
    rows = np.array([0, len(bench.table) - 1, 3])
    photos = [bench.photo(int(row)) for row in rows]
    answers = bench.read(rows, photos)
    assert len(answers) == 2
    for kind, answer in enumerate(answers):
        for place, row in enumerate(rows):
            index = 2 * kind + int(bench.table["fold"].iloc[row])
            reader = MemberGroup([bench.members[index]])
            (alone,) = reader.read(reader.inputs([photos[place]], 1), torch.device("cpu"))
            assert torch.allclose(answer.logits[place], alone.logits[0], atol=1e-4)
    assert np.allclose(bench.read_logits(rows, photos), bench.logits[1][rows], atol=0.02)
    assert np.allclose(bench.apart(8).mean(axis=1), bench.logits[8], atol=1e-4)


def test_the_map_is_that_of_both(bench: OutOfFold) -> None:
    rows = np.array([0, len(bench.table) - 1])
    photos = [bench.photo(int(row)) for row in rows]
    logits, maps = first_maps(bench, rows, photos)
    shares = torch.from_numpy(bench.calibrated(logits, 1)).float()
    scores = against_the_others(shares.argmax(dim=1, keepdim=True), shares)
    for place, row in enumerate(rows):
        signed = []
        for kind in (0, 1):
            member = bench.members[2 * kind + int(bench.table["fold"].iloc[row])]
            square = input_square(photos[place], member.config)[None]
            signed.append(attributions(member, square, scores[[place]]))
        mean = averaged_maps(signed)[0, 0].clamp(min=0)
        assert np.allclose(maps[place], mean.numpy(), atol=1e-5)
        assert not np.allclose(maps[place], signed[0][0, 0].clamp(min=0).numpy(), atol=1e-5)


def test_novelty_goes_by_each_members_own_unseen_images(bench: OutOfFold) -> None:
    fitted = fit_novelty(bench)
    assert len(fitted.members) == len(fitted.limits.usual) == 4
    images = upright_answers(bench, np.arange(len(bench.table)), "images", lambda photo, _: photo)
    folds = bench.table["fold"].to_numpy()
    for index in range(4):
        own, kind = bench.held_out_of(index)
        assert (own == (folds == index % 2)).all()
        assert kind == index // 2
        means = fitted.members[index].means.numpy()
        of_first = images.embeddings[kind][own & (bench.labels == 0)]
        np.testing.assert_allclose(means[0], of_first.mean(axis=0), rtol=1e-4, atol=1e-5)
    judged = fitted.detector()
    rows = np.arange(4)
    photos = [bench.photo(int(row)) for row in rows]
    answers = [refused_pictures.answers_of(member, photos) for member in bench.members]
    found = judged.judge([a[0] for a in answers], [a[1] for a in answers])
    assert np.isfinite([novelty.score for novelty in found]).all()


@pytest.mark.parametrize(
    ("change", "folds", "views", "sentence"),
    [
        ({"class_boost": (("mel", 3.0),)}, (0, 1), 8, "other class weights"),
        ({}, (0,), 8, r"has finished the folds 0, .* 0, 1"),
        ({}, (0, 1), 1, "fewer than 8 views"),
        ({"split": "image"}, (0, 1), 8, "other folds"),
    ],
)
def test_a_run_that_does_not_fit_the_first_is_refused(
    tmp_path: Path,
    data: Path,
    first: Run,
    change: dict[str, object],
    folds: tuple[int, ...],
    views: int,
    sentence: str,
) -> None:
    recipe = dataclasses.replace(of(MOBILENET), **change)  # pyright: ignore[reportArgumentType]
    run = fitted(tmp_path / "run", data, recipe, folds, views)
    with pytest.raises(RunError, match=sentence):
        assemble([first, run], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_start_weights_have_the_licence_of_their_file_or_of_timm_or_none() -> None:
    member = {"member": {"architecture": "resnet50"}}
    assert start_licence({"init": None, "recipe": member}) == "apache-2.0"
    known = next(iter(START_LICENCES))
    assert start_licence({"init": {"name": "stages123", "sha256": known}}) == "Apache-2.0"
    assert start_licence({"init": {"name": "stages123", "sha256": "0" * 64}}) == ""
