"""What corrections do to the answers: paired differences, kept and told."""

from pathlib import Path

import numpy as np
import pytest

from skin_app.photo.read import Photo
from tests.audit.drawn import unseen_of
from tests.tiny import write_data
from train.audit import correction_effects
from train.audit.correction_effects import MADE_FOR
from train.audit.out_of_fold import OutOfFold
from train.data.ham10000 import read_dataset
from train.documents.template import filled
from train.scores.intervals import plain


@pytest.fixture
def unseen(tmp_path: Path) -> OutOfFold:
    data = read_dataset(write_data(tmp_path / "data", lesions_per_class=3))
    return unseen_of(data.table.assign(lesion=data.groups.astype(str), fold=0, member=0), tmp_path)


def test_a_correction_that_does_nothing_changes_nothing(
    unseen: OutOfFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correction_effects, "CORRECTIONS", dict.fromkeys(MADE_FOR, lambda photo: photo))
    measured = correction_effects.measure(unseen, images=14, harmed=7)
    repairs = [repair for by_grade in measured.damaged.values() for repair in by_grade.values()]
    gains = [gain for by_score in measured.undamaged.values() for gain in by_score.values()]
    assert {change.value for change in (*gains, *(repair.difference for repair in repairs))} == {0}
    assert "**" not in filled("trust/corrections.md", numbers=plain(measured))


def test_a_correction_that_blackens_everything_is_seen_and_kept(
    unseen: OutOfFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    def black(photo: Photo) -> Photo:
        return Photo(np.zeros_like(photo.pixels))

    monkeypatch.setattr(correction_effects, "CORRECTIONS", dict.fromkeys(MADE_FOR, black))
    measured = correction_effects.measure(unseen, images=14, harmed=7)
    for repair in measured.damaged["gamma"].values():
        assert repair.corrected == pytest.approx(1 / 7)  # one diagnosis for all
    monkeypatch.setattr(OutOfFold, "chunks", None)  # so what is kept must serve
    assert correction_effects.measure(unseen, images=14, harmed=7) == measured
    numbers = plain(measured)
    numbers["undamaged"]["gamma"]["accuracy"] |= {"value": -0.15, "interval_95": [-0.2, -0.1]}
    assert "| **-15.0** |" in filled("trust/corrections.md", numbers=numbers)
