"""Scores, plain and weighted, against scikit-learn; intervals, strata and paired differences."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    mean_squared_error,
    precision_recall_fscore_support,
    precision_score,
    roc_auc_score,
    roc_curve,
    top_k_accuracy_score,
)

from skin_app.calibration import softmax
from skin_app.diagnoses import CODES, MALIGNANT
from train.scores.differences import Side, compare
from train.scores.intervals import lesion_draws, percentiles_95, unanimous_95
from train.scores.metrics import (
    RULES,
    resampled_scores,
    scores,
    scores_by_rule,
    weighted_auc,
    weighted_scores,
    weighted_specificity,
)
from train.scores.strata import AXES, FEWEST_LESIONS, YOUNG, strata

LABELS = np.random.default_rng(0).integers(0, 7, 300)
PROBABILITIES = softmax(np.random.default_rng(1).normal(size=(300, 7)) + 2 * np.eye(7)[LABELS])
LESIONS = np.arange(300) // 2
WEIGHTS = np.random.default_rng(2).integers(0, 4, (3, 300)).astype(float)
GROUP = np.array(MALIGNANT)


def by_scikit_learn(weights: np.ndarray) -> dict[str, float]:
    """The scores of `PROBABILITIES` with `sample_weight`."""
    predicted = PROBABILITIES.argmax(axis=1)

    def area(k: int) -> float:
        of_class = np.equal(LABELS, k), PROBABILITIES[:, k]
        return float(roc_auc_score(*of_class, sample_weight=weights))

    malignant, mass = GROUP[LABELS], PROBABILITIES[:, GROUP].sum(axis=1)
    false, true, _ = roc_curve(malignant, mass, sample_weight=weights, drop_intermediate=False)
    return {
        "accuracy": accuracy_score(LABELS, predicted, sample_weight=weights),
        "top_2": top_k_accuracy_score(LABELS, PROBABILITIES, k=2, sample_weight=weights),
        "top_3": top_k_accuracy_score(LABELS, PROBABILITIES, k=3, sample_weight=weights),
        "balanced_accuracy": balanced_accuracy_score(LABELS, predicted, sample_weight=weights),
        "macro_precision": precision_score(LABELS, predicted, average="macro", sample_weight=weights),
        "macro_f1": f1_score(LABELS, predicted, average="macro", sample_weight=weights),
        "macro_auc": float(np.mean([area(k) for k in range(7)])),
        "malignant_auc": float(roc_auc_score(malignant, mass, sample_weight=weights)),
        "specificity_at_95_sensitivity": 1 - false[true >= 0.95 - 1e-12].min(),
        "brier": 7 * mean_squared_error(np.eye(7)[LABELS], PROBABILITIES, sample_weight=weights),
        "negative_log_likelihood": log_loss(LABELS, PROBABILITIES, sample_weight=weights),
    }


def test_scores_agree_with_scikit_learn() -> None:
    ours = weighted_scores(PROBABILITIES, LABELS, WEIGHTS)
    for row, weights in enumerate(WEIGHTS):
        for name, expected in by_scikit_learn(weights).items():
            assert ours[name][row] == pytest.approx(expected), name
        of_class = precision_recall_fscore_support(
            LABELS, PROBABILITIES.argmax(axis=1), sample_weight=weights
        )
        for name, values in zip(("precision", "recall", "f1"), of_class, strict=False):
            assert np.allclose(ours[name][row], np.asarray(values)), name
    assert np.array_equal(ours["top_1"], ours["accuracy"])
    plain = scores(PROBABILITIES, LABELS, LESIONS)
    for name, expected in by_scikit_learn(np.ones(300)).items():
        assert getattr(plain, name) == pytest.approx(expected), name
    expected = confusion_matrix(LABELS, PROBABILITIES.argmax(axis=1))
    assert np.array_equal(plain.confusion_matrix.counts, expected)
    assert plain.per_class["mel"].images == (LABELS == 4).sum()
    area = roc_auc_score(LABELS == 4, PROBABILITIES[:, 4])
    assert plain.per_class["mel"].auc == pytest.approx(area)


def gap_by_bin(hit: np.ndarray, probability: np.ndarray) -> float:
    """Expected calibration error from scikit-learn's reliability curve."""
    share, mean = calibration_curve(hit, probability, n_bins=15)
    counts, _ = np.histogram(probability, bins=15, range=(0, 1))
    return float((np.abs(share - mean) * counts[counts > 0]).sum() / counts.sum())


def test_calibration_errors_agree_with_scikit_learns_reliability_curve() -> None:
    ours = scores(PROBABILITIES, LABELS, LESIONS)
    top = PROBABILITIES.argmax(axis=1) == LABELS
    expected = gap_by_bin(top, PROBABILITIES.max(axis=1))
    assert ours.expected_calibration_error == pytest.approx(expected)
    for k, code in enumerate(CODES):
        expected = gap_by_bin(np.equal(LABELS, k), PROBABILITIES[:, k])
        assert ours.per_class[code].calibration_error == pytest.approx(expected), code


def test_a_weight_counts_like_that_many_copies() -> None:
    copied = np.repeat(np.arange(300), WEIGHTS[0].astype(int))
    once = weighted_scores(PROBABILITIES[copied], LABELS[copied], np.ones((1, len(copied))))
    weighted = weighted_scores(PROBABILITIES, LABELS, WEIGHTS[:1])
    for name, values in weighted.items():
        assert np.allclose(values, once[name]), name


def test_ranking_scores_agree_with_scikit_learn_also_with_ties() -> None:
    positive, score = LABELS == 4, np.round(np.random.default_rng(0).random(300), 1)
    areas = weighted_auc(positive, score, WEIGHTS)
    specificities = weighted_specificity(positive, score, WEIGHTS, percent=80)
    for row, weights in enumerate(WEIGHTS):
        expected = roc_auc_score(positive, score, sample_weight=weights)
        assert areas[row] == pytest.approx(expected)
        false, true, _ = roc_curve(positive, score, sample_weight=weights, drop_intermediate=False)
        assert specificities[row] == pytest.approx(1 - false[true >= 0.8 - 1e-12].min())


def test_exactly_95_percent_is_enough() -> None:
    """19 of 20 positives above every negative; the twentieth below all of them."""
    positive = np.array([True] * 20 + [False] * 10)
    score = np.array([0.9] * 19 + [0.1] + [0.5] * 10)
    assert weighted_specificity(positive, score, np.ones((1, 30))) == [1.0]
    assert weighted_specificity(positive, score, np.ones((1, 30)), percent=96) == [0.0]


def test_one_class_alone_leaves_out_what_is_undefined() -> None:
    only = LABELS == 4
    found = scores(PROBABILITIES[only], LABELS[only], np.arange(only.sum()))
    assert found.macro_auc is None
    assert found.malignant_auc is None
    assert found.specificity_at_95_sensitivity is None
    assert found.per_class["nv"].recall is None
    assert "malignant_auc" not in found.intervals_95
    assert found.per_class["nv"].intervals_95 == {}
    low, high = found.intervals_95["accuracy"]
    assert low <= found.accuracy <= high
    assert found.balanced_accuracy == found.accuracy


def test_every_score_has_an_interval_around_it() -> None:
    found = scores_by_rule({"calibrated": PROBABILITIES}, LABELS, LESIONS)["calibrated"]
    assert found.decision_rule == RULES["calibrated"]
    for part in (found, *found.per_class.values()):
        numbers = {name: value for name, value in vars(part).items() if isinstance(value, float)}
        assert numbers.keys() == part.intervals_95.keys()
        for name, value in numbers.items():
            low, high = part.intervals_95[name]
            assert low < high, name
            # a resampled calibration error sits above the measured one: noise adds to absolute gaps
            assert "calibration" in name or low <= value <= high, name


def test_no_interval_is_without_width() -> None:
    """All is right, and nv is never called: exact intervals of shares, and none of the rest."""
    right = np.eye(7)[LABELS] * 0.93 + 0.01
    never_nv = np.eye(7)[np.where(LABELS == 5, 4, LABELS)] * 0.93 + 0.01
    for probabilities in (right, never_nv):
        found = scores(probabilities, LABELS, LESIONS)
        for part in (found, *found.per_class.values()):
            assert all(low < high for low, high in part.intervals_95.values())
    bound = unanimous_95(1.0, len(np.unique(LESIONS[LABELS == 4])))
    assert found.per_class["mel"].intervals_95["recall"] == bound
    assert "precision" not in found.per_class["nv"].intervals_95
    assert "auc" not in found.per_class["akiec"].intervals_95
    assert found.per_class["akiec"].auc == 1


def test_draws_take_whole_lesions_and_all_of_them_on_average() -> None:
    weights = np.concatenate(list(lesion_draws(LESIONS, np.unique(LESIONS), 250)))
    assert weights.shape == (250, 300)
    assert np.array_equal(weights[:, ::2], weights[:, 1::2])
    assert (weights.sum(axis=1) == 300).all()
    assert np.allclose(weights.mean(axis=0), 1, atol=0.35)


def test_the_interval_of_an_accuracy_is_the_binomial_one() -> None:
    """For lesions of one image the bootstrap must find the textbook standard error."""
    drawn = resampled_scores(PROBABILITIES, LABELS, np.arange(300))["accuracy"]
    share = (PROBABILITIES.argmax(axis=1) == LABELS).mean()
    assert drawn.std() == pytest.approx(np.sqrt(share * (1 - share) / 300), rel=0.08)


def side(probabilities: np.ndarray = PROBABILITIES) -> Side:
    ids = np.array([f"ISIC_{row:07d}" for row in range(300)])
    return Side(ids, LESIONS.astype(str), LABELS, probabilities)


def test_a_system_does_not_differ_from_itself() -> None:
    found = compare(side(), side(), resamples=100)
    assert {difference.verdict for difference in found.values()} == {"none"}
    assert all(d.value == 0 == max(d.interval_95) for d in found.values())


def test_a_worse_system_is_found_and_lower_is_better_where_it_is() -> None:
    noise = np.random.default_rng(5).normal(size=(300, 7)) * 3
    worse = side(softmax(np.log(PROBABILITIES) + noise))
    there, back = compare(worse, side(), 200), compare(side(), worse, 200)
    for name in ("accuracy", "macro_auc", "brier", "negative_log_likelihood"):
        assert there[name].verdict == "worse", name
        assert back[name].verdict == "better", name
        assert there[name].value == -back[name].value
    expected = (
        scores(worse.probabilities, LABELS, LESIONS).brier
        - scores(PROBABILITIES, LABELS, LESIONS).brier
    )
    assert there["brier"].value == pytest.approx(expected)


def test_pairing_narrows_the_interval_of_a_difference() -> None:
    """Against the same predictions of other lesions, which nothing ties to ours."""
    close = softmax(1.2 * np.log(PROBABILITIES) + np.random.default_rng(6).normal(size=(300, 7)) / 4)
    other = replace(side(), lesions=np.array([f"other {lesion}" for lesion in LESIONS]))
    paired = compare(side(close), side(), 300)["negative_log_likelihood"]
    apart = compare(side(close), other, 300)["negative_log_likelihood"]
    assert paired.value == pytest.approx(apart.value)
    assert np.ptp(paired.interval_95) < np.ptp(apart.interval_95) / 2


def test_an_unpaired_difference_has_the_textbook_error() -> None:
    """Two halves without a lesion in common: variances add."""
    half = np.arange(300) < 150
    single = replace(side(), lesions=np.arange(300).astype(str))
    found = compare(single.only(half), single.only(~half), 1000)["accuracy"]
    hit = PROBABILITIES.argmax(axis=1) == LABELS
    error = np.sqrt(hit[half].var() / 150 + hit[~half].var() / 150)
    assert np.ptp(found.interval_95) == pytest.approx(2 * 1.96 * error, rel=0.12)
    assert found.value == pytest.approx(hit[half].mean() - hit[~half].mean())


def test_strata_hold_every_image_once_and_small_ones_have_no_scores() -> None:
    table = pd.DataFrame(
        {
            "lesion": LESIONS.astype(str),
            "sex": np.where(np.arange(300) < 280, "female", "male"),
            "age": np.where(np.arange(300) < 100, 29.0, np.where(np.arange(300) < 200, 75.0, np.nan)),
            "localization": "back",
            "dx_type": "unknown",
        }
    )
    found = {(group.axis, group.name): group for group in strata(table, PROBABILITIES, LABELS)}
    for axis in AXES.values():
        assert sum(group.images for group in found.values() if group.axis == axis) == 300
    assert [name for axis, name in found if axis == "age band"] == ["0-29", "75+", "unknown"]
    young = found["age", YOUNG]
    assert young.images == 100
    assert young.scores == found["age band", "0-29"].scores
    mel = scores(PROBABILITIES[:100], LABELS[:100], LESIONS[:100].astype(str)).per_class["mel"]
    assert young.scores["melanoma_recall"].value == mel.recall
    assert young.scores["melanoma_recall"].images == mel.images
    men = found["sex", "male"]
    assert men.lesions == 10 < FEWEST_LESIONS
    assert not men.scores
    women = np.arange(300) < 280
    expected = balanced_accuracy_score(LABELS[women], PROBABILITIES[women].argmax(axis=1))
    assert found["sex", "female"].scores["balanced_accuracy"].value == pytest.approx(expected)
    whole = scores(PROBABILITIES, LABELS, LESIONS.astype(str))
    everyone = found["diagnosis made by", "unknown"].scores
    assert everyone["malignant_auc"].value == pytest.approx(whole.malignant_auc)
    assert everyone["accuracy"].interval_95 == whole.intervals_95["accuracy"]


def test_percentiles_leave_out_undefined_resamples() -> None:
    assert percentiles_95(np.array([np.nan, np.nan])) is None
    values = np.append(np.arange(1001.0), np.nan)
    assert percentiles_95(values) == pytest.approx((25, 975))


def test_a_share_of_all_or_none_has_the_exact_interval() -> None:
    for count in (1, 9, 250):
        for share in (0, 1):
            exact = binomtest(share * count, count).proportion_ci(0.95, method="exact")
            assert unanimous_95(share, count) == pytest.approx((exact.low, exact.high))
