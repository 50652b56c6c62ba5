"""Answers to changed photos, the operating point, and paired differences of the balanced accuracy."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_curve

from skin_app.photo.read import Photo
from tests.audit.drawn import drawn_table, unseen_of
from train.audit.changed_photos import (
    answers,
    balanced_accuracy_change,
    mean_recall,
    operating_threshold,
    unchanged,
)
from train.scores.metrics import weighted_specificity
from train.scores.paired import Side, compare


def test_answers_are_of_the_changed_photos_in_the_order_of_the_rows(tmp_path: Path) -> None:
    unseen = unseen_of(drawn_table(tmp_path, 20, (90, 120)), tmp_path)
    rows = np.array([3, 4, 9, *range(10, 20), 0, 1, 2, 5])  # more than are held at a time
    plain = answers(unseen, rows)
    black = answers(unseen, rows, lambda photo, _: Photo(np.zeros_like(photo.pixels)))
    one = answers(
        unseen,
        rows,
        lambda photo, row: unchanged(photo, row) if row == 9 else Photo(photo.pixels[::-1].copy()),
    )
    assert plain[2] == pytest.approx(unseen.read_logits(rows[2:3], [unseen.photo(9)])[0], abs=1e-4)
    assert one[2] == pytest.approx(plain[2], abs=1e-4)
    for member in (0, 1):
        own = unseen.table["member"].to_numpy()[rows] == member
        assert np.ptp(black[own], axis=0).max() < 1e-5 < np.ptp(plain[own], axis=0).min()


@pytest.mark.parametrize("percent", [80, 95, 100])
def test_threshold_is_the_highest_that_is_sensitive_enough(percent: int) -> None:
    generator = np.random.default_rng(1)
    positive = generator.random(300) < 0.3
    score = np.round(generator.random(300) + 0.4 * positive, 2)
    threshold = operating_threshold(positive, score, percent)
    _, sensitivity, thresholds = roc_curve(positive, score, drop_intermediate=False)
    assert threshold == thresholds[sensitivity * 100 >= percent - 1e-9].max()
    specificity = (score[~positive] < threshold).mean()
    expected = weighted_specificity(positive, score, np.ones((1, 300)), percent)
    assert specificity == pytest.approx(expected[0])


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
    ids = np.arange(210).astype(str)
    guesses = generator.dirichlet(np.full(7, 0.5), (2, 210))
    one, other = (Side(ids, lesions, labels, probabilities) for probabilities in guesses)
    theirs = compare(one, other).differences["balanced_accuracy"]
    right = [(of.argmax(axis=1) == labels).astype(float) for of in guesses]
    ours = balanced_accuracy_change(right[0], right[1], labels, lesions)
    assert ours.value == pytest.approx(theirs.value)
    assert ours.interval_95 == pytest.approx(theirs.interval_95)
