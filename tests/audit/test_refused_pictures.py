"""Pictures that must be refused, real lesions that must not, and the folder that lists the pictures."""

from pathlib import Path

import numpy as np
import pytest

from skin_app.outcome import GROUNDS
from train.audit.fitted_novelty import MOST, _limit, fit_novelty, upright_answers
from train.audit.out_of_fold import OutOfFold
from train.audit.outcome_rules import crossfit_grounds
from train.audit.refused_pictures import measure, pictures_to_refuse
from train.data.cameras import CAMERAS
from train.data.ham10000 import DataError


def test_pictures_come_by_group(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("file,kind\na.jpg,photo\nb.jpg,clinical\nc.jpg,photo\n")
    for name in "abc":
        (tmp_path / f"{name}.jpg").touch()
    assert pictures_to_refuse(tmp_path) == {
        "photo": [tmp_path / "a.jpg", tmp_path / "c.jpg"],
        "clinical": [tmp_path / "b.jpg"],
    }


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("file,kind\na.jpg,photo\nb.jpg,photos\n", "has the kind photos: use photo or clinical"),
        ("file,kind\na.jpg,photo\nb.jpg,\n", "has the kind nan: use photo or clinical"),
        ("file,kind\na.jpg,photo\n,photo\n", r"lists 2 files that are not there, the first a\.jpg"),
        ("file\na.jpg\n", "needs manifest.csv with the columns file and kind"),
    ],
)
def test_a_list_with_a_fault_is_refused(tmp_path: Path, table: str, sentence: str) -> None:
    (tmp_path / "manifest.csv").write_text(table)
    with pytest.raises(DataError, match=sentence):
        pictures_to_refuse(tmp_path)


def test_refusals_are_counted_by_diagnosis_and_camera_with_statistics_of_other_lesions(
    unseen: OutOfFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.audit.refused_pictures.CAMERAS", dict(list(CAMERAS.items())[-2:]))
    monkeypatch.setattr("train.audit.refused_pictures.MADE", 3)
    fitted = fit_novelty(unseen)
    measured = measure(unseen, fitted, None, images=14)
    assert sum(own.images for own in measured.by_diagnosis.values()) == len(unseen.table)
    as_they_are, single, several = measured.cameras.values()
    assert as_they_are.unknown is None
    answers = crossfit_grounds(unseen.crossfits[1][:1])[0]
    sample = unseen.sample(14)
    unsure = [GROUNDS[ground][0] == "uncertain" for ground in answers[sample]]
    assert as_they_are.uncertain.value == np.mean(unsure)
    assert single.images.images == 14
    assert single.melanomas.images == 2
    assert single.unknown is not None
    assert several.unknown is None
    images = upright_answers(unseen, np.arange(35), "images", lambda photo, _: photo)
    refused = fitted.refused(unseen, images)
    assert measured.false_alarms.value == refused.mean()
    own = unseen.held_out_of(0)[0] & (unseen.parts == 0)
    scores = fitted.crossfit[0].member_scores(0, *images.part(0, own))
    assert (refused[own] == (scores > fitted.crossfit[0].limits.limit)).all()


def test_the_limit_refuses_no_group_more_often_than_it_may() -> None:
    generator = np.random.default_rng(0)
    labels = generator.choice(7, 3000, p=[0.1, 0.1, 0.1, 0.02, 0.1, 0.56, 0.02])
    scores = generator.normal(labels == 3, 1)  # the rarest lie further out
    limit = _limit(scores, labels, scores, labels)
    assert (scores[labels == 3] > limit).mean() == pytest.approx(MOST, abs=0.02)
    assert (scores > limit).mean() < 0.05
