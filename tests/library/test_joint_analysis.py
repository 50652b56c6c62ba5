"""One lesion's photos joined: against averaged logits, all readings, and scikit-learn's scores."""

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss, roc_auc_score

from skin_app.analysis import Analysis
from skin_app.calibration import Calibration, calibrated, malignant_probability
from skin_app.context import Patient
from skin_app.diagnoses import CODES, MALIGNANT
from skin_app.joint_analysis import JointAnalysis, join, joint_probabilities
from skin_app.novelty import Novelty
from skin_app.outcome import SUSPICIOUS_FROM, Decision, agreement, decide
from skin_app.trust import Assessment, Look
from skin_app.weights.folder import WeightsFolder
from tests.library.test_outcome import LIMITS
from tests.tiny import AGED
from train.audit.several_angles import gain_of_averaging, main

FREQUENCIES = (0.03, 0.05, 0.11, 0.01, 0.11, 0.67, 0.02)
CALIBRATION = Calibration(
    temperatures={8: 0.84},
    log_prior_shift=(0.9, 0.7, 0.3, 1.5, 0.3, -0.5, 1.4),
    frequencies=FREQUENCIES,
    biases={8: (0.2, -0.2, 0.0, 0.9, -0.5, -0.5, 0.1)},
    fitted_on="numbers of this test",
)
THRESHOLD = LIMITS.of(8).point_of(SUSPICIOUS_FROM).threshold


def answered(probabilities: np.ndarray, readings: np.ndarray, novel: bool = False) -> Analysis:
    """An analysis of 8 views with these (7,) probabilities and (readings, 7) single readings."""
    shared = float(agreement(probabilities, readings, THRESHOLD))
    return Analysis(
        probabilities=probabilities,
        prior_adjusted=probabilities,
        malignant_probability=float(malignant_probability(probabilities)),
        members=probabilities[None],
        maps={code: np.zeros((2, 2)) for code in CODES},
        square=(0, 0, 2),
        embedding=np.zeros(2),
        similar=(),
        views=8,
        assessment=Assessment(
            decision=decide(probabilities, shared, LIMITS, 8, novel),
            novelty=Novelty(2.0 if novel else 0.0, 1.0),
            look=Look(np.zeros((2, 2), dtype=bool), (), None),
            heat_on_lesion=None,
            heat_is_outside=False,
            tone_is_rare=False,
        ),
        weights=cast(WeightsFolder, None),
        device="none",
    )


def sure_of(code: str, share: float = 0.9, novel: bool = False) -> Analysis:
    probabilities = np.full(7, (1 - share) / 6)
    probabilities[CODES.index(code)] = share
    return answered(probabilities, probabilities[None], novel)


def joined(*photos: Analysis) -> tuple[JointAnalysis, Decision]:
    joint = join(photos, FREQUENCIES, LIMITS)
    assert joint.decision is not None
    return joint, joint.decision


def test_joint_probabilities_are_those_of_the_averaged_logits() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 7)) * 3
    joint = joint_probabilities(calibrated(logits, CALIBRATION, 8))
    np.testing.assert_allclose(joint, calibrated(logits.mean(axis=0), CALIBRATION, 8), rtol=1e-12)
    impossible = joint_probabilities(np.array([[1.0, 0, 0, 0, 0, 0, 0], [0.5, 0.5, 0, 0, 0, 0, 0]]))
    assert impossible == pytest.approx([1, 0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("seed", range(20))
def test_joint_decision_is_that_of_all_photos_readings_together(seed: int) -> None:
    generator = np.random.default_rng(seed)
    readings = softmax(generator.normal(size=(3, 16, 7)) * 2, axis=-1)
    own = np.array([joint_probabilities(photo) for photo in readings])
    _, decision = joined(*(answered(*pair) for pair in zip(own, readings, strict=True)))
    together = joint_probabilities(own)
    shared = float(agreement(together, readings.reshape(-1, 7), THRESHOLD))
    expected = decide(together, shared, LIMITS, 8, novel=False)
    assert decision.outcome == expected.outcome
    assert decision.agreement == pytest.approx(expected.agreement)
    np.testing.assert_array_equal(decision.set_90, expected.set_90)


def test_photos_that_agree_are_said_to_and_range_over_little() -> None:
    joint, decision = joined(sure_of("nv", 0.9), sure_of("nv", 0.8))
    assert (joint.same_first, joint.same_outcome) == (True, True)
    assert decision.outcome == "not suspicious"
    nevus = CODES.index("nv")
    assert (joint.least[nevus], joint.greatest[nevus]) == (0.8, 0.9)
    assert 0.8 < joint.probabilities[nevus] < 0.9
    assert joint.ranked[0].diagnosis.code == "nv"
    adjusted = joint.probabilities / np.array(FREQUENCIES)
    np.testing.assert_allclose(joint.prior_adjusted, adjusted / adjusted.sum())


def test_photos_that_disagree_are_uncertain_together() -> None:
    joint, decision = joined(sure_of("nv"), sure_of("mel", 0.35))
    assert (joint.same_first, joint.same_outcome) == (False, False)
    assert decision.outcome == "uncertain"


def test_a_refused_photo_is_left_out_and_refused_photos_alone_stay_refused() -> None:
    joint, _ = joined(sure_of("nv"), sure_of("mel", novel=True), sure_of("nv"))
    assert (joint.used, joint.refused, joint.same_first) == ((0, 2), (1,), True)
    np.testing.assert_allclose(joint.probabilities, sure_of("nv").probabilities)
    joint, decision = joined(sure_of("nv", novel=True), sure_of("mel", novel=True))
    assert joint.used == joint.refused == (0, 1)
    assert (decision.outcome, decision.set_90) == ("not dermatoscopic", None)
    assert (decision.without_refusal, decision.reason) == ("suspicious", "not_dermatoscopic_suspicious")


def test_a_refused_photo_that_points_to_a_malignant_lesion_is_never_averaged_away() -> None:
    calm = [sure_of("nv")] * 3
    _, decision = joined(*calm, sure_of("mel", novel=True))
    assert (decision.outcome, decision.reason) == ("uncertain", "one_photo_suspicious")
    assert joined(*calm, sure_of("nv", novel=True))[1].outcome == "not suspicious"
    calm = [sure_of("nv", 0.99, novel=True)] * 7
    _, decision = joined(*calm, sure_of("mel", 0.5, novel=True))
    assert (decision.outcome, decision.without_refusal) == ("not dermatoscopic", "uncertain")


class OfPatient:
    """Stands for weights: their limits, and the made-up model of age and sex."""

    class contract:  # noqa: N801  as `WeightsFolder.contract`
        class trust:  # noqa: N801
            decisions = LIMITS
            context = AGED

        calibration = CALIBRATION


@pytest.mark.parametrize("seed", range(40))
def test_age_and_sex_never_make_the_joint_answer_less_suspicious(seed: int) -> None:
    generator = np.random.default_rng(seed)
    readings = softmax(generator.normal(size=(3, 16, 7)) * generator.choice([0.5, 2]), axis=-1)
    own = np.array([joint_probabilities(photo) for photo in readings])
    photos = [
        replace(answered(*pair), weights=cast(WeightsFolder, OfPatient))
        for pair in zip(own, readings, strict=True)
    ]
    alone, decision = joined(*photos)
    order = ("not suspicious", "uncertain", "suspicious")
    for age in (0, 30, 85):
        patient = Patient(age, "male")
        joint = join([photo.with_patient(patient) for photo in photos], FREQUENCIES, LIMITS, AGED)
        assert joint.in_context is not None
        assert joint.decision is not None
        np.testing.assert_array_equal(joint.probabilities, alone.probabilities)
        shifted = AGED.of_patient(alone.probabilities, patient)
        np.testing.assert_array_equal(joint.in_context.probabilities, shifted)
        assert joint.in_context.photo_outcome == decision.outcome
        assert order.index(joint.decision.outcome) >= order.index(decision.outcome)
    with pytest.raises(ValueError, match="different patients"):
        join([photos[0], photos[1].with_patient(Patient(5))], FREQUENCIES, LIMITS, AGED)


def test_one_suspicious_photo_is_never_averaged_away() -> None:
    """The average of many calm photos would clear it."""
    photos = [sure_of("mel"), *(sure_of("nv") for _ in range(5))]
    assert photos[0].outcome == "suspicious"
    _, decision = joined(*photos)
    assert (decision.outcome, decision.reason) == ("uncertain", "one_photo_suspicious")


@pytest.mark.parametrize("novel", [False, True])
def test_one_damaged_photo_clears_nothing_even_where_it_is_left_out(novel: bool) -> None:
    whole = sure_of("nv", novel=novel)
    assert whole.assessment is not None
    look = replace(whole.assessment.look, damaged=True)
    damaged = replace(whole, assessment=replace(whole.assessment, look=look))
    _, decision = joined(sure_of("nv"), sure_of("nv"), damaged)
    assert (decision.outcome, decision.reason) == ("uncertain", "one_photo_damaged")
    assert joined(sure_of("nv"), sure_of("nv"), whole)[1].outcome == "not suspicious"


def test_weights_without_limits_give_no_decision() -> None:
    assert join([sure_of("nv")] * 2, FREQUENCIES, None).decision is None


@pytest.mark.parametrize(
    ("photos", "sentence"),
    [
        ([sure_of("nv")], "2 to 8"),
        ([sure_of("nv")] * 9, "2 to 8"),
        ([sure_of("nv"), replace(sure_of("nv"), views=1)], "different numbers of views"),
    ],
)
def test_photos_that_cannot_be_joined_are_refused(photos: list[Analysis], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        join(photos, FREQUENCIES, LIMITS)


def noisy_photos(lesions: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of one to four photos of each lesion, with labels and lesions."""
    generator = np.random.default_rng(1)
    owners = np.repeat(np.arange(lesions), 1 + np.arange(lesions) % 4)
    labels = generator.integers(0, 7, lesions)[owners]
    logits = generator.normal(size=(len(owners), 7)) * 1.5 + 2 * np.eye(7)[labels]
    return softmax(logits, axis=1), labels, owners


def test_scores_of_one_photo_and_of_the_average_are_those_of_scikit_learn() -> None:
    probabilities, labels, lesions = noisy_photos()
    measured = gain_of_averaging(probabilities, labels, lesions, resamples=10)
    counts = np.bincount(lesions)
    kept = counts[lesions] > 1
    weights, malignant = 1 / counts[lesions][kept], np.array(MALIGNANT)
    one, own = probabilities[kept], labels[kept]
    assert measured.lesions == (counts > 1).sum()
    assert measured.images == kept.sum()
    expected = {
        "accuracy": accuracy_score(own, one.argmax(1), sample_weight=weights),
        "balanced_accuracy": balanced_accuracy_score(own, one.argmax(1), sample_weight=weights),
        "malignant_auc": roc_auc_score(malignant[own], one[:, malignant].sum(1), sample_weight=weights),
        "negative_log_likelihood": log_loss(own, one, sample_weight=weights),
    }
    assert measured.one_photo == pytest.approx(expected)
    logs = np.log(probabilities)
    names = np.flatnonzero(counts > 1)
    joint = softmax([logs[lesions == name].mean(axis=0) for name in names], axis=1)
    truth = [labels[lesions == name][0] for name in names]
    assert measured.average["accuracy"] == pytest.approx(accuracy_score(truth, joint.argmax(1)))
    assert measured.average["negative_log_likelihood"] == pytest.approx(log_loss(truth, joint))


def test_averaging_independent_photos_helps_clearly() -> None:
    difference = gain_of_averaging(*noisy_photos(), resamples=200).difference
    for score, gain in (("accuracy", 1), ("negative_log_likelihood", -1)):
        interval = difference[score].interval_95
        assert interval is not None
        assert min(gain * end for end in interval) > 0


def test_averaging_copies_of_one_photo_changes_nothing() -> None:
    probabilities, labels, _ = noisy_photos()
    twice = [np.repeat(part, 2, axis=0) for part in (probabilities, labels, np.arange(len(labels)))]
    difference = gain_of_averaging(*twice, resamples=20).difference
    for score in difference.values():
        assert score.value == pytest.approx(0, abs=1e-9)
        assert score.interval_95 == pytest.approx((0, 0), abs=1e-9)


def test_the_command_explains_itself_and_names_a_missing_folder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "several photos of one lesion" in capsys.readouterr().out
    assert main(["--weights", "nowhere/weights"]) == 2
    assert capsys.readouterr().err.startswith("error: There is no folder nowhere/weights")
