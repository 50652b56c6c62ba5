"""What is kept of a run, and that tables and figures come out of it again, the same each time."""

import dataclasses
import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skin_app.calibration import prior_adjusted, softmax
from skin_app.diagnoses import CODES
from skin_app.weights.folder import EMBEDDED
from tests.tiny import write_data
from train.data.folds import write_folds
from train.data.ham10000 import DataError, Dataset, read_dataset
from train.documents import results_document
from train.documents.figures import draw_learning_curves
from train.documents.results_document import write_results, write_study
from train.engine.run import _read_folds
from train.recipes.published import FLAGSHIP
from train.scores.differences import compare_settings, on_shared_images
from train.scores.evidence import export_evidence, read_evidence
from train.scores.fitted_calibration import fit_temperature
from train.scores.siblings import has_sibling_in_training
from train.scores.study_numbers import ensemble_of, measure_study, read_study

SHIFT = (0.5, 0.2, 0.0, 0.8, 0.0, -0.4, 0.6)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return read_dataset(write_data(tmp_path_factory.mktemp("d") / "data", lesions_per_class=6))


def write_run(
    folder: Path, data: Dataset, seed: int = 0, folds: int = 2, split: str = "lesion"
) -> Path:
    """A run folder with invented logits: the first `folds` of two folds are finished."""
    folder.mkdir(parents=True)
    recipe = dataclasses.replace(FLAGSHIP, folds=2, split=split).to_dict()  # type: ignore[arg-type]
    settings = {
        "recipe": recipe,
        "seed": 0,
        "data_fingerprint": data.fingerprint,
        "init": None,
        "micro_batches": 1,
        "log_prior_shift": SHIFT,
        "versions": {"torch": "2"},
    }
    (folder / "run.json").write_text(json.dumps(settings))
    random = np.random.default_rng(seed)
    table = data.table[["image_id", "dx"]].copy()
    table["fold"] = data.groups // 2 % 2 if split == "lesion" else np.arange(len(table)) % 2
    for views in ("1view", "4views", "8views"):
        logits = 2 * np.eye(7)[data.labels] + np.array(SHIFT) + random.normal(size=(len(table), 7))
        table[[f"logit_{views}_{code}" for code in CODES]] = logits
    epoch = {"epoch": 0, "train_loss": 1.0, "validation_loss": 0.9, "accuracy": 0.5}
    stage = {"name": "all", "kept": 0, "epochs": [epoch, {**epoch, "epoch": 1, "train_loss": 0.8}]}
    history = {"stages": [stage], "minutes": 1.5, "hardware": "a tiny machine", "processes": 1}
    for fold in range(folds):
        place = folder / f"fold-{fold}"
        place.mkdir()
        table[table["fold"] == fold].to_csv(place / "predictions.csv", index=False)
        (place / "history.json").write_text(json.dumps(history))
    return folder


def kept(tmp_path: Path, data: Dataset, name: str, **run: object) -> Path:
    """The evidence of a `write_run` in study s."""
    out = tmp_path / "evidence" / "s" / name
    export_evidence(write_run(tmp_path / "runs" / name, data, **run), data.table, out)  # type: ignore[arg-type]
    return out


def test_what_is_kept_is_read_back(tmp_path: Path, data: Dataset) -> None:
    evidence = read_evidence(kept(tmp_path, data, "one"))
    assert evidence.setting == "one"
    assert sorted(evidence.logits) == [1, 4, 8]
    assert list(evidence.histories) == [0, 1]
    source = pd.concat(pd.read_csv(tmp_path / f"runs/one/fold-{f}/predictions.csv") for f in (0, 1))
    assert evidence.table["image_id"].tolist() == source["image_id"].tolist()
    expected = source[[f"logit_4views_{code}" for code in CODES]].to_numpy()
    assert np.allclose(evidence.logits[4], expected, rtol=1e-3)
    rows = pd.Index(data.table["image_id"]).get_indexer(evidence.table["image_id"])
    assert np.array_equal(evidence.labels, data.labels[rows])
    groups = pd.Series(data.groups[rows]).groupby(evidence.lesions).nunique()
    assert len(groups) == 42
    assert (groups == 1).all()
    assert evidence.frequencies == pytest.approx((1 / 7,) * 7)


def test_ids_that_are_numbers_stay_as_they_are(tmp_path: Path, data: Dataset) -> None:
    """0012 is not 12: else a finished training would be said to be of other images."""
    ids = [f"{number:07d}" for number in range(len(data.table))]
    numbered = dataclasses.replace(data, table=data.table.assign(image_id=ids))
    evidence = read_evidence(kept(tmp_path, numbered, "one"))
    assert sorted(evidence.table["image_id"]) == ids
    assert set(evidence.lesions) <= set(ids)
    write_folds(numbered.table, numbered.groups % 2, tmp_path / "folds.csv")
    assert _read_folds(tmp_path, numbered).tolist() == (numbered.groups % 2).tolist()


def test_exporting_again_gives_the_same_bytes_and_no_pixels(tmp_path: Path, data: Dataset) -> None:
    out = kept(tmp_path, data, "one")
    files = sorted(path for path in (tmp_path / "evidence").rglob("*") if path.is_file())
    names = {path.name for path in files}
    assert names == {"images.csv.gz", "predictions.csv.gz", "run.json", "history.json"}
    before = [path.read_bytes() for path in files]
    export_evidence(tmp_path / "runs" / "one", data.table, out)
    assert [path.read_bytes() for path in files] == before
    columns = gzip.decompress(files[0].read_bytes()).decode().splitlines()[0]
    assert columns == "image_id,lesion,dx,dx_type,age,sex,localization"


def test_unfit_evidence_is_one_sentence(tmp_path: Path, data: Dataset) -> None:
    out = kept(tmp_path, data, "one")
    with pytest.raises(DataError, match="is finished: train"):
        export_evidence(tmp_path, data.table, out)
    with pytest.raises(DataError, match="other images"):
        export_evidence(tmp_path / "runs" / "one", data.table.iloc[:-1], out)
    table = pd.read_csv(out / "predictions.csv.gz")
    all_views = [name for name in table if name.startswith("logit_")]
    partly = table.copy()
    partly.loc[partly["fold"] == 0, [name for name in all_views if "_8" in name]] = np.nan
    partly.to_csv(out / "predictions.csv.gz", index=False)
    assert 8 not in read_evidence(out).logits
    for unfit, sentence in (
        (table.drop(columns="logit_8views_nv"), "lack logits of a class"),
        (partly.assign(**dict.fromkeys(all_views, np.nan)), "no number of views in common"),
        (table.assign(dx="nv"), "with its diagnosis"),
    ):
        unfit.to_csv(out / "predictions.csv.gz", index=False)
        with pytest.raises(DataError, match=sentence):
            read_evidence(out)
    (out / "history.json").unlink()
    with pytest.raises(DataError, match=r"history\.json cannot be read"):
        read_evidence(out)


def test_a_lesions_temperature_comes_from_others_of_all_folds(tmp_path: Path, data: Dataset) -> None:
    evidence = read_evidence(kept(tmp_path, data, "one"))
    shifted = evidence.logits[8] - np.array(SHIFT)
    read = softmax(shifted / fit_temperature(shifted, evidence.labels))
    found = evidence.calibrated(8)
    assert not np.allclose(found, read)  # not by the temperature of all
    own = evidence.lesions == evidence.lesions[0]
    changed = dataclasses.replace(
        evidence, table=evidence.table.assign(dx=np.where(own, "df", evidence.table["dx"]))
    )
    assert np.array_equal(changed.calibrated(8)[own], found[own])
    assert not np.array_equal(changed.calibrated(8), found)
    adjusted = prior_adjusted(found, evidence.frequencies)
    assert np.array_equal(evidence.by_rule(8)["prior_adjusted"], adjusted)
    with pytest.raises(DataError, match="at least 5 lesions"):
        evidence.only(np.arange(8)).calibrated(8)


def test_the_average_takes_off_each_members_own_shift(tmp_path: Path, data: Dataset) -> None:
    members = [
        read_evidence(kept(tmp_path, data, "one")),
        read_evidence(kept(tmp_path, data, "two", seed=1, folds=1)),
    ]
    average = ensemble_of(members)
    assert average.table["image_id"].tolist() == members[1].table["image_id"].tolist()
    image = average.table["image_id"].iloc[5]
    logits = [m.logits[8][(m.table["image_id"] == image).to_numpy()][0] - SHIFT for m in members]
    assert np.allclose(average.logits[8][5], np.mean(logits, axis=0))
    assert not average.shift.any()
    other = dataclasses.replace(members[1], table=members[1].table.assign(image_id="another"))
    with pytest.raises(DataError, match="no prediction in common"):
        ensemble_of([members[0], other])


def test_images_are_paired_by_their_id(tmp_path: Path, data: Dataset) -> None:
    one = read_evidence(kept(tmp_path, data, "one"))
    turned = one.only(np.arange(len(one.labels))[:20:-1])
    first, second = on_shared_images(one, turned)
    assert len(first.labels) == len(one.labels) - 21
    assert first.table["image_id"].tolist() == second.table["image_id"].tolist()
    assert np.array_equal(first.logits[8], second.logits[8])
    assert np.array_equal(first.folds, second.folds)
    assert on_shared_images(one, one)[0] is one
    with pytest.raises(DataError, match="no image in common"):
        on_shared_images(one.only(np.arange(20)), turned)


def test_what_one_side_alone_predicted_does_not_move_their_difference(
    tmp_path: Path, data: Dataset
) -> None:
    """Else the calibration of the side with more images would make the difference."""
    one = read_evidence(kept(tmp_path, data, "one"))
    two = read_evidence(kept(tmp_path, data, "two", seed=1, folds=1))
    alone = ~one.table["image_id"].isin(two.table["image_id"]).to_numpy()
    assert alone.any()
    logits = {views: np.where(alone[:, None], -own, own) for views, own in one.logits.items()}
    poisoned = dataclasses.replace(one, logits=logits)
    assert compare_settings(two, one) == compare_settings(two, poisoned)
    average = ensemble_of([one, two])
    assert compare_settings(average, one) == compare_settings(average, poisoned)
    assert not np.allclose(one.calibrated(8)[~alone], poisoned.calibrated(8)[~alone])


def test_siblings_in_training_are_found_by_image_and_never_by_lesion(
    tmp_path: Path, data: Dataset
) -> None:
    """Each tiny lesion has two images; by image they land in two folds."""
    by_lesion = read_evidence(kept(tmp_path, data, "lesion"))
    by_image = read_evidence(kept(tmp_path, data, "image", folds=1, split="image"))
    assert not has_sibling_in_training(by_lesion).any()
    assert has_sibling_in_training(by_image).all()
    compared = compare_settings(by_image, by_lesion)
    assert (compared.images, compared.shared_images) == ((42, 84), 42)


@pytest.fixture
def documents(tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two studies; the shipped weights are stood in for, their 4,007 images take too long here."""
    for name, run in (("one", {}), ("two", {"seed": 1, "folds": 1})):
        kept(tmp_path, data, name, **run)
    folder = tmp_path / "evidence" / "s"
    published = {"one": {"accuracy": 0.123}}
    write_study_json(folder, title="One against two", published=published, ensemble=True)
    points = data.table[["image_id"]].assign(x=data.labels, y=data.groups)
    points.to_csv(folder / "two" / "tsne.csv.gz", index=False)
    for name, run in (("lesion", {}), ("image", {"folds": 1, "split": "image"})):
        source = write_run(tmp_path / "runs" / name, data, **run)  # type: ignore[arg-type]
        export_evidence(source, data.table, tmp_path / "evidence" / "split" / name)
    settings = {"settings": ["lesion", "image"], "baseline": "lesion"}
    write_study_json(tmp_path / "evidence" / "split", study="split", title="Splits", **settings)
    shipped = dataclasses.replace(read_evidence(folder / "one"), histories={})
    monkeypatch.setattr(results_document, "weights_evidence", lambda _: shipped)
    return tmp_path


def test_the_document_says_what_was_run_and_the_same_evidence_gives_the_same_bytes(
    documents: Path,
) -> None:
    docs = documents / "docs"
    write_results(documents / "evidence", EMBEDDED, docs / "results.md", docs / "figures")
    text = (docs / "results.md").read_text()
    study, split = json.loads((docs / "results.json").read_text())["studies"]
    assert "[One against two](#one-against-two): " in text
    assert "**Not run:** `three`." in text
    assert "Calibrated with a temperature. " in text
    assert "*0.123*" in text
    assert "one changes `folds` 5 → 2" in text
    evidence = read_evidence(documents / "evidence" / "s" / "two")
    hits = evidence.calibrated(8).argmax(axis=1) == evidence.labels
    accuracy = study["settings"][1]["scores"]["accuracy"]["value"]
    assert accuracy == pytest.approx(hits.mean(), abs=1e-5)
    assert f"| **two** | – | 0 | 2 (1) | 2 | {hits.mean():.3f} [" in text
    assert [pair["shared_images"] for pair in study["compared"]] == [42]
    assert [pair["reference"] for pair in study["average"]["compared"]] == ["one", "two"]
    assert "image: 42 of 42 held-out images (100.0 %) have another image of their lesion" in text
    assert split["compared"][0]["images"] == [42, 84]

    drawn = sorted((docs / "figures").iterdir())
    assert {"weights-roc.png", "s-two-tsne.png"} <= {path.name for path in drawn}
    for path in drawn:
        assert f"(figures/{path.name})" in text
        assert path.stat().st_size < 120_000
        assert Image.open(path).size[0] > 300

    before = {path: path.read_bytes() for path in docs.rglob("*") if path.is_file()}
    write_results(documents / "evidence", EMBEDDED, docs / "results.md", docs / "figures")
    assert before == {path: path.read_bytes() for path in docs.rglob("*") if path.is_file()}


def write_study_json(folder: Path, **changed: object) -> None:
    study = {"study": "s", "title": "Three", "baseline": "one", "settings": ["one", "two", "three"]}
    study |= {"published": {}, "notes": []}
    (folder / "study.json").write_text(json.dumps(study | changed))


def test_settings_are_compared_on_the_untouched_fold_alone_too(tmp_path: Path, data: Dataset) -> None:
    for name, run in (("one", {}), ("two", {"seed": 1}), ("three", {"seed": 2, "folds": 1})):
        kept(tmp_path, data, name, **run)
    folder = tmp_path / "evidence" / "s"
    write_study_json(folder, untouched=[1])
    one, two = (read_evidence(folder / name) for name in ("one", "two"))
    alone = [evidence.only(np.flatnonzero(evidence.folds == 1)) for evidence in (two, one)]
    assert measure_study(*read_study(folder)).untouched == (compare_settings(*alone),)
    assert "| **two** minus one, fold 1 alone |" in write_study(folder, tmp_path / "s.md")
    write_study_json(folder, untouched=[0, 1])
    assert not measure_study(*read_study(folder)).untouched


def test_a_setting_with_a_reference_of_its_own_is_compared_with_the_baseline_too(
    tmp_path: Path, data: Dataset
) -> None:
    for seed, name in enumerate(("one", "two", "three")):
        kept(tmp_path, data, name, seed=seed)
    folder = tmp_path / "evidence" / "s"
    write_study_json(folder, against={"three": "two"})
    one, two, three = (read_evidence(folder / name) for name in ("one", "two", "three"))
    found = measure_study(*read_study(folder))
    assert found.compared == (compare_settings(two, one), compare_settings(three, two))
    assert found.to_baseline == (compare_settings(three, one),)


def test_a_contrastive_stage_has_a_panel_without_validation(tmp_path: Path) -> None:
    contrast = {"epoch": 0, "train_loss": 4.0, "validation_loss": None}
    classify = {"epoch": 0, "train_loss": 1.0, "validation_loss": 0.7}
    stages = [
        {"name": "contrastive", "kept": None, "epochs": [contrast]},
        {"name": "classifier", "kept": 0, "epochs": [classify]},
    ]
    draw_learning_curves({0: {"stages": stages}}, tmp_path / "two.png")
    draw_learning_curves({0: {"stages": stages[1:]}}, tmp_path / "one.png")
    assert Image.open(tmp_path / "two.png").width > Image.open(tmp_path / "one.png").width
