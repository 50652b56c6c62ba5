"""Answers to changed photos, and paired differences of the balanced accuracy."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from skin_app.photo.read import Photo
from tests.audit.drawn import drawn_table, unseen_of
from train.audit.changed_photos import UNCHANGED, ChangedPhotos, mean_recall, read_changed
from train.audit.out_of_fold import OutOfFold
from train.scores.differences import Side, compare


def test_answers_are_of_the_changed_photos_in_the_order_of_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen = unseen_of(drawn_table(tmp_path, 20, (90, 120)), tmp_path)
    rows = np.array([3, 4, 9, *range(10, 20), 0, 1, 2, 5])  # more than are held at a time
    changes = {
        "black": lambda photo, _: Photo(np.zeros_like(photo.pixels)),
        "all but 9": lambda photo, row: photo if row == 9 else Photo(photo.pixels[::-1].copy()),
    }
    found = read_changed(unseen, "test", rows, changes)
    plain, black = found.logits[UNCHANGED], found.logits["black"]
    assert plain[2] == pytest.approx(unseen.read_logits(rows[2:3], [unseen.photo(9)])[0], abs=1e-4)
    assert found.logits["all but 9"][2] == pytest.approx(plain[2], abs=1e-4)
    for member in (0, 1):
        own = unseen.table["member"].to_numpy()[rows] == member
        assert np.ptp(black[own], axis=0).max() < 1e-5 < np.ptp(plain[own], axis=0).min()
    monkeypatch.setattr(OutOfFold, "read", lambda *_: pytest.fail("read again"))
    assert read_changed(unseen, "test", rows, changes).logits.keys() == found.logits.keys()


def test_mean_recall_is_scikit_learns_balanced_accuracy() -> None:
    generator = np.random.default_rng(1)
    labels, predicted = generator.integers(0, 7, (2, 300))
    weights = generator.integers(0, 3, (4, 300)).astype(float)
    ours = mean_recall((labels == predicted).astype(float), labels, weights)
    theirs = [balanced_accuracy_score(labels, predicted, sample_weight=row) for row in weights]
    assert ours == pytest.approx(theirs)


def test_the_paired_change_is_that_of_the_studies() -> None:
    generator = np.random.default_rng(2)
    labels, lesions = np.arange(210) % 7, np.repeat(np.arange(105), 2).astype(str)
    guesses = generator.dirichlet(np.full(7, 0.5), (2, 210))
    one, other = (Side(np.arange(210).astype(str), lesions, labels, guess) for guess in guesses)
    theirs = compare(one, other)["balanced_accuracy"]
    unseen = SimpleNamespace(
        labels=labels,
        lesions=lesions,
        calibrated=lambda probabilities, _: probabilities,
        prior_adjusted=lambda probabilities: probabilities,
    )
    both = {"changed": guesses[0], UNCHANGED: guesses[1]}
    ours = ChangedPhotos(cast(OutOfFold, unseen), np.arange(210), both).balanced_gain("changed")
    assert ours.value == pytest.approx(theirs.value)
    assert ours.interval_95 == pytest.approx(theirs.interval_95)
