"""The measurements of artefacts, of heat on the lesion and of the lesion mask."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from skin_app.diagnoses import CODES, MALIGNANT
from skin_app.ensemble import input_square
from skin_app.heatmap import attributions, of_probabilities
from skin_app.lesion import lesion_mask, standard_square
from skin_app.photo.read import Photo
from tests.audit.drawn import bench_of, drawn_table
from train.audit import artefacts, heat, lesion
from train.audit.bench import Bench
from train.data.drawings import draw_lesion
from train.data.ham10000 import Dataset
from train.data.painted_artefacts import ARTEFACTS
from train.documents.template import filled
from train.scores.intervals import plain


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return drawn_table(tmp_path_factory.mktemp("images"), 35, (96, 128))


@pytest.fixture
def bench(table: pd.DataFrame, tmp_path: Path) -> Bench:
    return bench_of(table, tmp_path)


def test_flips_are_counted_by_hand(bench: Bench) -> None:
    melanoma, naevus = np.eye(7)[CODES.index("mel")], np.eye(7)[CODES.index("nv")]
    before = 4 * np.stack([melanoma, melanoma, naevus, naevus, naevus, naevus, naevus, naevus])
    after = before.copy()
    after[0], after[2] = 4 * naevus, 4 * melanoma
    found = artefacts.flips_between(bench, np.arange(8), before, after, threshold=0.5)
    assert found.flips_calibrated.value == pytest.approx(2 / 8)
    assert found.side_flips.value == pytest.approx(2 / 8)
    assert found.malignant_to_benign.value == pytest.approx(1 / 2)
    assert found.malignant_to_benign.images == 2
    assert found.benign_to_malignant.value == pytest.approx(1 / 6)
    assert found.malignant_change.value == pytest.approx(0, abs=1e-12)
    assert (found.malignant_absolute_change.value or 0) > 0.1


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


def test_artefacts_measured_kept_and_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefacts, "IMAGES", 7)
    monkeypatch.setattr(heat, "IMAGES", 20)
    measured = artefacts.measure(bench)
    assert (measured.images, measured.malignant) == (7, sum(MALIGNANT))
    assert list(measured.variants) == [*artefacts.CONTROLS, *ARTEFACTS]
    for name in ARTEFACTS:
        own = plain(measured.variants[name])
        assert own["flips_calibrated"]["images"] == 7
        assert 0 < own["area"]["value"] < 1
        rise = own["heat_after"]["value"] - own["heat_before"]["value"]
        assert own["heat_change"]["value"] == pytest.approx(rise)
    monkeypatch.setattr(Bench, "read", lambda *_: pytest.fail("read again instead of what was kept"))
    assert artefacts.measure(bench) == measured
    numbers = plain(measured)
    for own in numbers["variants"].values():  # as where no image was called suspicious before
        own["malignant_to_benign"] = {"value": None, "interval_95": None, "images": 0}
        own["flips_calibrated"]["interval_95"] = [0.1, 0.2]
    numbers["variants"]["ruler"]["flips_calibrated"]["interval_95"] = [0.21, 0.3]
    text = filled("trust/artefacts.md", numbers=numbers)
    assert "| mirrored (control) | " in text
    assert "do not overlap: ruler." in text


def test_heat_is_read_from_the_map_of_the_first_diagnosis(bench: Bench) -> None:
    rows = np.array([3, 4, 9])
    photos = [bench.photo(row) for row in rows]
    logits, maps = heat.first_maps(bench, rows, photos)
    for place, own in enumerate(bench.calibrated(logits, 1)):
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
    measured = heat.measure(bench)
    assert measured.without_mask == 1
    assert measured.area.value == pytest.approx(area[:-1].mean())
    numbers: dict[str, Any] = plain(measured)
    wrong = numbers["wrong"]["calibrated"]
    assert wrong["below"]["value"] == 1
    share = (2 - wrong["below"]["images"]) / wrong["above"]["images"]
    assert wrong["above"]["value"] == pytest.approx(share)
    assert "wrong more often" in filled("trust/heat.md", numbers=numbers)
    for own in numbers["wrong"].values():
        own["below"] |= {"value": None, "interval_95": None, "images": 0}
    assert "The intervals overlap" in filled("trust/heat.md", numbers=numbers)


def test_mask_measured_and_told(
    bench: Bench, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lesion, "DRAWINGS", 1)
    monkeypatch.setattr(lesion, "DRAWN", (96, 128))
    monkeypatch.setattr(lesion, "STABLE", 7)
    measured = lesion.measure(bench, Dataset(table, fingerprint="0"))
    assert measured.images == len(table)
    assert measured.empty.value == 0
    assert all(own.mean_iou > 0.8 for own in measured.drawings.values())
    assert measured.stability.turned.mean_iou > 0.9
    area = lesion_mask(standard_square(bench.photo(0))).mean()
    assert lesion.kept_survey(bench, Dataset(table, ""))["area"][0] == pytest.approx(area, rel=0.2)
    assert "is not known" in filled("trust/lesion.md", numbers=plain(measured))


def test_overlap_of_discs() -> None:
    y, x = np.mgrid[0:200, 0:200]
    left, right = (y - 100) ** 2 + (x - 80) ** 2 < 2500, (y - 100) ** 2 + (x - 110) ** 2 < 2500
    # two circles of radius 50, 30 apart: lens of 2 r^2 acos(d/2r) - d/2 sqrt(4r^2 - d^2)
    lens = 2 * 2500 * np.arccos(0.3) - 15 * np.sqrt(10000 - 900)
    assert lesion.overlap(left, right) == pytest.approx(lens / (2 * np.pi * 2500 - lens), abs=0.01)
    assert lesion.overlap(left & False, right & False) == 1
