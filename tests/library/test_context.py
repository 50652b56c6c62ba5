"""The patient's age and sex: what is read of them, and that they only raise suspicion."""

from dataclasses import replace

import numpy as np
import pytest

from skin_app.analysis import Analysis
from skin_app.calibration import malignant_probability
from skin_app.context import Patient, patient_notes, sex_numbers
from skin_app.diagnoses import MALIGNANT
from skin_app.ensemble import Ensemble
from skin_app.outcome import Outcome
from skin_app.photo.read import Photo
from skin_app.stated_patients import stated_patient
from tests.tiny import AGED, picture

SUSPICION: dict[Outcome, int] = {"not suspicious": 0, "uncertain": 1, "suspicious": 2}


@pytest.fixture(scope="module")
def analysis(trusted: Ensemble) -> Analysis:
    return trusted(Photo(picture(1)), views=1)


@pytest.mark.parametrize(
    ("age", "sex", "patient"),
    [
        ("54", "f", Patient(54, "female")),
        (" 85+ ", "Male", Patient(85, "male")),
        ("54,5 years", "", Patient(unreadable=("age",))),
        ("54,5", None, Patient(54.5)),
        (0, "M", Patient(0, "male")),
        (120.0, "n/a", Patient(120)),
        (None, None, Patient()),
        ("unknown", "female", Patient(None, "female")),
        ("121", "?", Patient(unreadable=("age",))),
        (-1, "w", Patient(unreadable=("age", "sex"))),
        (float("nan"), float("inf"), Patient(unreadable=("sex",))),
        ({"years": 5}, ["f"], Patient(unreadable=("age", "sex"))),
        (True, 1, Patient(unreadable=("age", "sex"))),
    ],
)
def test_age_and_sex_are_read_in_any_spelling(age: object, sex: object, patient: Patient) -> None:
    assert stated_patient(age, sex) == patient


def test_an_impossible_patient_is_refused_in_python() -> None:
    for age in (-1, 121, float("nan")):
        with pytest.raises(ValueError, match="state years from 0 to 120"):
            Patient(age)
    with pytest.raises(ValueError, match="state female, male or None"):
        Patient(50, "f")  # pyright: ignore[reportArgumentType]


def test_what_is_not_used_is_named() -> None:
    assert list(patient_notes(Patient(), AGED)) == list(patient_notes(Patient(50, "male"), AGED)) == []
    assert list(patient_notes(Patient(None, "male"), AGED)) == ["sex without age"]
    assert list(patient_notes(Patient(86), AGED)) == ["age outside the training data"]
    assert list(patient_notes(Patient(50), None)) == ["no model of age and sex"]
    both = Patient(unreadable=("age", "sex"))
    assert list(patient_notes(both, None)) == ["unreadable age", "unreadable sex"]


def test_the_model_adds_to_the_logits_and_ages_outside_count_as_the_nearest() -> None:
    photo = np.array([0.1, 0.1, 0.2, 0.1, 0.1, 0.3, 0.1])
    by_hand = photo * np.exp(np.array(MALIGNANT) * 1.5) * np.exp([0, 0, 0, 0, 0.5, 0, 0])
    given = AGED.of_patient(photo, Patient(80, "male"))
    assert given is not None
    np.testing.assert_allclose(given, by_hand / by_hand.sum())
    for outside, nearest in ((100, 85), (0, 5)):
        one, other = (AGED.of_patient(photo, Patient(age)) for age in (outside, nearest))
        np.testing.assert_array_equal(one, other)
    assert AGED.of_patient(photo, Patient(None, "male")) is None
    np.testing.assert_array_equal(sex_numbers(np.array(["male", "female", None])), [1, -1, 0])


def sets_of(analysis: Analysis) -> list[np.ndarray]:
    assert analysis.assessment is not None
    decision = analysis.assessment.decision
    return [own for own in (decision.set_90, decision.set_95) if own is not None]


@pytest.mark.parametrize("seed", range(200))
def test_no_age_and_no_sex_makes_an_outcome_less_suspicious(analysis: Analysis, seed: int) -> None:
    generator = np.random.default_rng(seed)
    assert analysis.assessment is not None
    decision = replace(analysis.assessment.decision, agreement=float(generator.uniform()))
    photo = replace(
        analysis,
        probabilities=generator.dirichlet(np.full(7, generator.choice([0.1, 0.5, 2.0]))),
        assessment=replace(analysis.assessment, decision=decision),
    )
    photo = replace(
        photo, malignant_probability=float(malignant_probability(photo.probabilities))
    ).with_patient(Patient())
    for age in (None, 0, 20, 50, 85, 120):
        own = photo.with_patient(Patient(age, generator.choice(["female", "male"])))
        assert own.probabilities is photo.probabilities
        assert own.photo_outcome == photo.outcome
        assert own.outcome is not None
        assert photo.outcome is not None
        assert SUSPICION[own.outcome] >= SUSPICION[photo.outcome]
        assert own.highest_malignant_probability >= photo.malignant_probability
        for wider, narrower in zip(sets_of(own), sets_of(photo), strict=True):
            assert (wider >= narrower).all()
            assert not (wider & ~narrower & ~np.array(MALIGNANT)).any()


def test_the_patient_is_replaced_and_taken_back_without_a_trace(analysis: Analysis) -> None:
    back = analysis.with_patient(Patient(85, "male")).with_patient(Patient())
    assert back.in_context is None
    assert str(back) == str(analysis)
    young = analysis.with_patient(Patient(85)).with_patient(Patient(20))
    assert str(young) == str(analysis.with_patient(Patient(20)))
    assert str(young).count("%") == 14


def test_a_novel_photo_stays_novel_and_weights_without_limits_have_no_context(
    analysis: Analysis,
) -> None:
    assert analysis.assessment is not None
    novel = replace(
        analysis,
        assessment=replace(
            analysis.assessment, novelty=replace(analysis.assessment.novelty, score=1e12)
        ),
    ).with_patient(Patient(85))
    assert novel.outcome == novel.photo_outcome == "not dermatoscopic"
    assert novel.in_context is not None
    assert novel.assessment is not None
    assert novel.in_context.photo_without_refusal == analysis.outcome
    kept = novel.in_context.photo_shown == novel.assessment.decision.shown
    assert kept == (analysis.outcome == analysis.with_patient(Patient(85)).outcome)
    assert novel.operating_points == ()
    bare = replace(analysis, assessment=None).with_patient(Patient(85))
    assert (bare.in_context, bare.patient.age) == (None, 85)
