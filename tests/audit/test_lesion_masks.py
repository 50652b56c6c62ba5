"""The lesion mask, measured on drawings and photographs."""

import numpy as np
import pytest

from skin_app.lesion import lesion_mask, standard_square
from train.audit import lesion_masks
from train.audit.out_of_fold import OutOfFold
from train.data.ham10000 import Dataset
from train.documents.template import filled
from train.scores.intervals import plain


def test_mask_measured_and_told(unseen: OutOfFold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lesion_masks, "DRAWINGS", 1)
    monkeypatch.setattr(lesion_masks, "DRAWN", (96, 128))
    monkeypatch.setattr(lesion_masks, "STABLE", 7)
    data = Dataset(unseen.table, fingerprint="0")
    measured = lesion_masks.measure(unseen, data)
    assert measured.images == len(data.table)
    assert measured.empty.value == 0
    assert all(own["mean_iou"] > 0.8 for own in measured.drawings.values())
    assert measured.stability["turned"]["mean_iou"] > 0.9
    area = lesion_mask(standard_square(unseen.photo(0))).mean()
    assert lesion_masks.kept_survey(unseen, data)["area"][0] == pytest.approx(area, rel=0.2)
    assert "is not known" in filled("trust/lesion.md", numbers=plain(measured))


def test_overlap_of_discs() -> None:
    y, x = np.mgrid[0:200, 0:200]
    left, right = (y - 100) ** 2 + (x - 80) ** 2 < 2500, (y - 100) ** 2 + (x - 110) ** 2 < 2500
    # two circles of radius 50, 30 apart: lens of 2 r^2 acos(d/2r) - d/2 sqrt(4r^2 - d^2)
    lens = 2 * 2500 * np.arccos(0.3) - 15 * np.sqrt(10000 - 900)
    expected = lens / (2 * np.pi * 2500 - lens)
    assert lesion_masks.overlap(left, right) == pytest.approx(expected, abs=0.01)
    assert lesion_masks.overlap(left & False, right & False) == 1
