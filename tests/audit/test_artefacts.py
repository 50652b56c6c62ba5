"""The measurements of artefacts, of heat on the lesion and of the lesion mask."""

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_curve

from skin_app.diagnoses import CODES, MALIGNANT
from skin_app.ensemble import input_square
from skin_app.heatmap import attributions, of_probabilities
from skin_app.lesion import lesion_mask, standard_square
from skin_app.photo.read import Photo
from skin_app.weights.folder import open_weights
from tests.tiny import write_weights
from train.audit import artefacts, heat, lesion
from train.audit.bench import Bench, measured_mean
from train.data.artefacts import ARTEFACTS
from train.data.drawings import Pattern, draw_lesion
from train.data.ham10000 import Dataset
from train.scores.metrics import weighted_specificity

LESIONS = 5  # of each diagnosis


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Drawings of lesions as files, one a lesion, under made-up diagnoses."""
    folder = tmp_path_factory.mktemp("images")
    rows = []
    for number in range(7 * LESIONS):
        kind = get_args(Pattern)[number % 4]
        path = folder / f"ISIC_{number}.png"
        Image.fromarray(draw_lesion(number % 8, kind, height=96, width=128)).save(path)
        rows.append((path.stem, CODES[number % 7], f"L{number:02d}", number % 2, str(path), number))
    return pd.DataFrame(rows, columns=["image_id", "dx", "lesion", "member", "path", "group"])


@pytest.fixture
def bench(table: pd.DataFrame, tmp_path: Path) -> Bench:
    weights = open_weights(write_weights(tmp_path / "weights"))
    generator = np.random.default_rng(0)
    return Bench(
        weights=weights,
        members=tuple(weights.member(name) for name in weights.contract.members),
        table=table,
        logits={views: generator.normal(size=(len(table), 7)) for views in (1, 8)},
        labels=np.arange(len(table)) % 7,
        work=tmp_path,
    )


@pytest.mark.parametrize("percent", [80, 95, 100])
def test_threshold_is_the_highest_that_is_sensitive_enough(percent: int) -> None:
    generator = np.random.default_rng(1)
    positive = generator.random(300) < 0.3
    score = np.round(generator.random(300) + 0.4 * positive, 2)
    threshold = artefacts.operating_threshold(positive, score, percent)
    _, sensitivity, thresholds = roc_curve(positive, score, drop_intermediate=False)
    assert threshold == thresholds[sensitivity * 100 >= percent - 1e-9].max()
    specificity = (score[~positive] < threshold).mean()
    expected = weighted_specificity(positive, score, np.ones((1, 300)), percent)
    assert specificity == pytest.approx(expected[0])


def test_effect_counts_flips_by_hand(bench: Bench) -> None:
    melanoma, naevus = np.eye(7)[CODES.index("mel")], np.eye(7)[CODES.index("nv")]
    before = 4 * np.stack([melanoma, melanoma, naevus, naevus, naevus, naevus, naevus, naevus])
    after = before.copy()
    after[0], after[2] = 4 * naevus, 4 * melanoma
    found = artefacts._effect(bench, np.arange(8), before, after, threshold=0.5)
    assert found["flips_calibrated"]["value"] == pytest.approx(2 / 8)
    assert found["side_flips"]["value"] == pytest.approx(2 / 8)
    assert found["malignant_to_benign"]["value"] == pytest.approx(1 / 2)
    assert found["malignant_to_benign"]["images"] == 2
    assert found["benign_to_malignant"]["value"] == pytest.approx(1 / 6)
    assert found["malignant_change"]["value"] == pytest.approx(0, abs=1e-12)
    assert found["malignant_absolute_change"]["value"] > 0.1


def test_controls_and_the_changed_part() -> None:
    photo = Photo(draw_lesion(1, "globules", height=96, width=128))
    once = artefacts.mirrored(photo, 0)
    assert (once.photo.pixels == photo.pixels[:, ::-1]).all()
    assert not once.changed.any()
    again = artefacts.saved_again(photo, 0).photo.pixels.astype(float)
    assert 0 < np.abs(again - photo.pixels).mean() < 6
    changed = np.zeros((96, 128), dtype=bool)
    changed[:, :64] = True
    assert artefacts.changed_square(changed).mean() == pytest.approx(0.5)


def test_artefacts_measured_and_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefacts, "IMAGES", 7)
    monkeypatch.setattr(heat, "IMAGES", 20)
    numbers = json.loads(json.dumps(artefacts.measure(bench)))
    assert numbers["images"] == 7
    assert numbers["malignant"] == sum(MALIGNANT)
    assert list(numbers["variants"]) == [*artefacts.CONTROLS, *ARTEFACTS]
    for name, own in numbers["variants"].items():
        assert 0 <= own["flips_calibrated"]["value"] <= 1
        assert own["flips_calibrated"]["images"] == 7
        if name in ARTEFACTS:
            assert 0 < own["area"]["value"] < 1
            rise = own["heat_after"]["value"] - own["heat_before"]["value"]
            assert own["heat_change"]["value"] == pytest.approx(rise)
    monkeypatch.setattr(Bench, "read", _refuse)
    assert json.loads(json.dumps(artefacts.measure(bench))) == numbers
    text = artefacts.render(numbers)
    assert text.startswith("## ")
    assert all(f"| {name} |" in text for name in ARTEFACTS)
    for own in numbers["variants"].values():  # as where no image was called suspicious before
        own["malignant_to_benign"] = measured_mean(np.zeros(0, dtype=bool), np.zeros(0))
    assert "none: turn suspicious images" in artefacts.render(numbers)


def _refuse(*_arguments: Any) -> None:
    raise AssertionError("read again instead of using what was kept")


def test_heat_is_read_from_the_map_of_the_first_diagnosis(bench: Bench) -> None:
    rows = np.array([3, 4, 9])
    photos = [bench.photo(row) for row in rows]
    logits, maps = heat.first_maps(bench, rows, photos)
    probabilities = bench.calibrated(logits, 1)
    for place, own in enumerate(probabilities):
        member = bench.members[bench.table["member"].iloc[rows[place]]]
        signed = attributions(member, input_square(photos[place], member.config)[None])
        all_maps = of_probabilities(signed, torch.from_numpy(own)[None])[0]
        expected = (all_maps[own.argmax()] / own.max()).clamp(min=0).numpy()
        assert maps[place] == pytest.approx(expected, abs=1e-6)
    for (_, area), photo in zip(heat.shares_on_lesion(maps, photos), photos, strict=True):
        assert area == lesion_mask(standard_square(photo)).mean()


def test_heat_limit_and_errors_below_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    images = len(bench.table)
    concentration = np.linspace(0.5, 2, images)
    area = np.random.default_rng(2).uniform(0.1, 0.3, images)
    logits = 5 * np.eye(7)[bench.labels]
    logits[:2] = logits[:2, ::-1]  # the two lowest are wrong (label 0 and 1 become 6 and 5)
    kept = {
        "rows": list(range(images)),
        "logits": logits.tolist(),
        "share": [*(area * concentration)[:-1].tolist(), None],
        "area": [*area[:-1].tolist(), 0.0],
    }
    monkeypatch.setattr(heat, "read_heat", lambda _bench: kept)
    limit = heat.fit_heat_limit(bench)
    assert limit.least_concentration == pytest.approx(np.quantile(concentration[:-1], 0.05))
    numbers = json.loads(json.dumps(heat.measure(bench)))
    assert numbers["without_mask"] == 1
    assert numbers["area"]["value"] == pytest.approx(area[:-1].mean())
    wrong = numbers["wrong"]["calibrated"]
    assert wrong["below"]["value"] == 1
    assert wrong["above"]["value"] * wrong["above"]["images"] == pytest.approx(
        2 - wrong["below"]["images"]
    )
    assert "wrong more often, by intervals that do not overlap" in heat.render(numbers)


def test_one_image_a_lesion(bench: Bench) -> None:
    rows = heat.one_image_a_lesion(bench, 11)
    assert len(rows) == 11
    assert len(set(bench.lesions[rows])) == 11


def test_mask_measured_and_told(
    bench: Bench, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lesion, "DRAWINGS", 1)
    monkeypatch.setattr(lesion, "DRAWN", (96, 128))
    monkeypatch.setattr(lesion, "STABLE", 7)
    numbers = json.loads(json.dumps(lesion.measure(bench, Dataset(table, fingerprint="0"))))
    assert numbers["images"] == len(table)
    assert numbers["empty"]["value"] == 0
    assert all(own["mean_iou"] > 0.8 for own in numbers["drawings"].values())
    assert numbers["stability"]["turned"]["mean_iou"] > 0.9
    area = lesion_mask(standard_square(bench.photo(0))).mean()
    assert lesion.kept_survey(bench, Dataset(table, ""))["area"][0] == pytest.approx(area, rel=0.2)
    assert "not known" in lesion.render(numbers)


def test_overlap_of_discs() -> None:
    y, x = np.mgrid[0:200, 0:200]
    left, right = (y - 100) ** 2 + (x - 80) ** 2 < 2500, (y - 100) ** 2 + (x - 110) ** 2 < 2500
    # two circles of radius 50, 30 apart: lens of 2 r^2 acos(d/2r) - d/2 sqrt(4r^2 - d^2)
    lens = 2 * 2500 * np.arccos(0.3) - 15 * np.sqrt(10000 - 900)
    assert lesion.overlap(left, right) == pytest.approx(lens / (2 * np.pi * 2500 - lens), abs=0.01)
    assert lesion.overlap(left & False, right & False) == 1
