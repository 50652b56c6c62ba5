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
from tests.audit.drawn import drawn_table, unseen_of
from train.audit import artefact_effects, heat_on_lesion, lesion_masks
from train.audit.out_of_fold import OutOfFold
from train.data.artefacts import ARTEFACTS
from train.data.drawings import draw_lesion
from train.data.ham10000 import Dataset
from train.documents.template import filled, plain


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return drawn_table(tmp_path_factory.mktemp("images"), 35, (96, 128))


@pytest.fixture
def unseen(table: pd.DataFrame, tmp_path: Path) -> OutOfFold:
    return unseen_of(table, tmp_path)


def test_flips_are_counted_by_hand(unseen: OutOfFold) -> None:
    melanoma, naevus = np.eye(7)[CODES.index("mel")], np.eye(7)[CODES.index("nv")]
    before = 4 * np.stack([melanoma, melanoma, naevus, naevus, naevus, naevus, naevus, naevus])
    after = before.copy()
    after[0], after[2] = 4 * naevus, 4 * melanoma
    found = artefact_effects.flips_between(unseen, np.arange(8), before, after, threshold=0.5)
    assert found.flips_calibrated.value == pytest.approx(2 / 8)
    assert found.side_flips.value == pytest.approx(2 / 8)
    assert found.malignant_to_benign.value == pytest.approx(1 / 2)
    assert found.malignant_to_benign.images == 2
    assert found.benign_to_malignant.value == pytest.approx(1 / 6)
    assert found.malignant_change.value == pytest.approx(0, abs=1e-12)
    assert (found.malignant_absolute_change.value or 0) > 0.1


def test_controls_and_the_changed_part() -> None:
    photo = Photo(draw_lesion(1, "globules", height=96, width=128))
    once = artefact_effects.mirrored(photo, 0)
    assert (once.photo.pixels == photo.pixels[:, ::-1]).all()
    assert not once.changed.any()
    again = artefact_effects.saved_again(photo, 0).photo.pixels.astype(float)
    assert 0 < np.abs(again - photo.pixels).mean() < 6
    changed = np.zeros((96, 128), dtype=bool)
    changed[:, :64] = True
    assert artefact_effects.changed_square(changed).mean() == pytest.approx(0.5)


def test_artefacts_measured_kept_and_told(unseen: OutOfFold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefact_effects, "IMAGES", 7)
    monkeypatch.setattr(heat_on_lesion, "IMAGES", 20)
    measured = artefact_effects.measure(unseen)
    assert (measured.images, measured.malignant) == (7, sum(MALIGNANT))
    assert list(measured.variants) == [*artefact_effects.CONTROLS, *ARTEFACTS]
    for name in ARTEFACTS:
        own = plain(measured.variants[name])
        assert own["flips_calibrated"]["images"] == 7
        assert 0 < own["area"]["value"] < 1
        rise = own["heat_after"]["value"] - own["heat_before"]["value"]
        assert own["heat_change"]["value"] == pytest.approx(rise)
    monkeypatch.setattr(
        OutOfFold, "read", lambda *_: pytest.fail("read again instead of what was kept")
    )
    assert artefact_effects.measure(unseen) == measured
    numbers = plain(measured)
    for own in numbers["variants"].values():  # as where no image was called suspicious before
        own["malignant_to_benign"] = {"value": None, "interval_95": None, "images": 0}
        own["flips_calibrated"]["interval_95"] = [0.1, 0.2]
    numbers["variants"]["ruler"]["flips_calibrated"]["interval_95"] = [0.21, 0.3]
    text = filled("trust/artefacts.md", numbers=numbers)
    assert "| mirrored (control) | " in text
    assert "do not overlap: ruler." in text


def test_heat_is_read_from_the_map_of_the_first_diagnosis(unseen: OutOfFold) -> None:
    rows = np.array([3, 4, 9])
    photos = [unseen.photo(row) for row in rows]
    logits, maps = heat_on_lesion.first_maps(unseen, rows, photos)
    for place, own in enumerate(unseen.calibrated(logits, 1)):
        member = unseen.members[unseen.table["member"].iloc[rows[place]]]
        signed = attributions(member, input_square(photos[place], member.config)[None])
        all_maps = of_probabilities(signed, torch.from_numpy(own)[None])[0]
        expected = (all_maps[own.argmax()] / own.max()).clamp(min=0).numpy()
        assert maps[place] == pytest.approx(expected, abs=1e-6)
    for (_, area), photo in zip(heat_on_lesion.shares_on_lesion(maps, photos), photos, strict=True):
        assert area == lesion_mask(standard_square(photo)).mean()


def test_heat_limit_and_errors_below_it(unseen: OutOfFold, monkeypatch: pytest.MonkeyPatch) -> None:
    images = len(unseen.table)
    concentration = np.linspace(0.5, 2, images)
    area = np.random.default_rng(2).uniform(0.1, 0.3, images)
    logits = 5 * np.eye(7)[unseen.labels]
    logits[:2] = logits[:2, ::-1]  # the two lowest are wrong (label 0 and 1 become 6 and 5)
    kept = {
        "rows": list(range(images)),
        "logits": logits.tolist(),
        "share": [*(area * concentration)[:-1].tolist(), None],
        "area": [*area[:-1].tolist(), 0.0],
    }
    monkeypatch.setattr(heat_on_lesion, "read_heat", lambda _bench: kept)
    limit = heat_on_lesion.fit_heat_limit(unseen)
    assert limit.least_concentration == pytest.approx(np.quantile(concentration[:-1], 0.05))
    measured = heat_on_lesion.measure(unseen)
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
    unseen: OutOfFold, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lesion_masks, "DRAWINGS", 1)
    monkeypatch.setattr(lesion_masks, "DRAWN", (96, 128))
    monkeypatch.setattr(lesion_masks, "STABLE", 7)
    measured = lesion_masks.measure(unseen, Dataset(table, fingerprint="0"))
    assert measured.images == len(table)
    assert measured.empty.value == 0
    assert all(own.mean_iou > 0.8 for own in measured.drawings.values())
    assert measured.stability.turned.mean_iou > 0.9
    area = lesion_mask(standard_square(unseen.photo(0))).mean()
    assert lesion_masks.kept_survey(unseen, Dataset(table, ""))["area"][0] == pytest.approx(
        area, rel=0.2
    )
    assert "is not known" in filled("trust/lesion.md", numbers=plain(measured))


def test_overlap_of_discs() -> None:
    y, x = np.mgrid[0:200, 0:200]
    left, right = (y - 100) ** 2 + (x - 80) ** 2 < 2500, (y - 100) ** 2 + (x - 110) ** 2 < 2500
    # two circles of radius 50, 30 apart: lens of 2 r^2 acos(d/2r) - d/2 sqrt(4r^2 - d^2)
    lens = 2 * 2500 * np.arccos(0.3) - 15 * np.sqrt(10000 - 900)
    assert lesion_masks.overlap(left, right) == pytest.approx(
        lens / (2 * np.pi * 2500 - lens), abs=0.01
    )
    assert lesion_masks.overlap(left & False, right & False) == 1
