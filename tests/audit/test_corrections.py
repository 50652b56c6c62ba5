"""What corrections do to the answers: paired differences, kept and told."""

from pathlib import Path

import numpy as np
import pytest

from skin_app.photo.read import Photo
from tests.audit.drawn import bench_of
from tests.tiny import write_data
from train.audit import corrections
from train.audit.bench import Bench
from train.audit.corrections import MADE_FOR, CorrectionEffects
from train.data.ham10000 import read_dataset
from train.documents.template import filled
from train.scores.intervals import Estimate, plain


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    data = read_dataset(write_data(tmp_path / "data", lesions_per_class=3))
    return bench_of(data.table.assign(lesion=data.groups.astype(str), fold=0, member=0), tmp_path)


def differences(measured: CorrectionEffects) -> list[Estimate]:
    repairs = [repair for by_grade in measured.damaged.values() for repair in by_grade.values()]
    gains = measured.undamaged.values()
    return [
        *(g.balanced_accuracy for g in gains),
        *(g.accuracy for g in gains),
        *(r.difference for r in repairs),
    ]


def test_random_lesions_are_one_image_a_lesion_and_repeatable(bench: Bench) -> None:
    rows = corrections.random_lesions(bench, 12)
    assert len(rows) == len(np.unique(bench.lesions[rows])) == 12
    assert np.array_equal(rows, corrections.random_lesions(bench, 12))
    assert len(corrections.random_lesions(bench, 1000)) == len(np.unique(bench.lesions))


def test_a_correction_that_does_nothing_changes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corrections, "CORRECTIONS", dict.fromkeys(MADE_FOR, lambda photo: photo))
    measured = corrections.measure(bench, images=14, harmed=7)
    assert {change.value for change in differences(measured)} == {0}
    assert "**" not in filled("trust/corrections.md", numbers=plain(measured))


def test_a_correction_that_blackens_everything_is_seen_and_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def black(photo: Photo) -> Photo:
        return Photo(np.zeros_like(photo.pixels))

    monkeypatch.setattr(corrections, "CORRECTIONS", dict.fromkeys(MADE_FOR, black))
    measured = corrections.measure(bench, images=14, harmed=7)
    for repair in measured.damaged["gamma"].values():
        assert repair.corrected == pytest.approx(1 / 7)  # one diagnosis for all
    monkeypatch.setattr(corrections, "answers", None)  # so what is kept must serve
    assert corrections.measure(bench, images=14, harmed=7) == measured
    numbers = plain(measured)
    numbers["undamaged"]["gamma"]["accuracy"] |= {"value": -0.15, "interval_95": [-0.2, -0.1]}
    assert "| **-15.0** [-20.0, -10.0] |" in filled("trust/corrections.md", numbers=numbers)
