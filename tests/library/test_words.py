"""Code and contract hold identifiers; each has its sentence, and one without a sentence is refused."""

from pathlib import Path
from typing import get_args

import pytest

from skin_app.context import PatientNote
from skin_app.outcome import GROUNDS, REFUSALS, Outcome, Reason, shown_outcome
from skin_app.quality import CHECKS, FILE_FINDINGS, Fault
from skin_app.trust import Measured
from skin_app.weights.folder import WeightsError, open_weights
from skin_app.words import evidence, outcome, page, patient, photo, several
from tests.library.test_weights import edit_contract
from tests.tiny import give_trust, write_weights

ESTIMATE = {"value": 0.5, "interval_95": [0.4, 0.6], "images": 10, "is_share": True}


def test_every_identifier_has_its_sentence() -> None:
    assert set(evidence.MEASURED) == set(get_args(Measured))
    assert set(outcome.REASONS) == set(get_args(Reason))
    assert set(outcome.OUTCOME_MEANING) == set(get_args(Outcome))
    shown = {shown_outcome(given, other) for given in get_args(Outcome) for other in REFUSALS}
    assert set(outcome.OUTCOMES) == set(several.OUTCOMES) == shown
    assert set(photo.ADVICE) == set(get_args(Fault))
    assert set(patient.PATIENT_NOTES) == set(get_args(PatientNote))
    assert set(page.OUTCOME_MEASURED) < set(get_args(Outcome))


def test_every_fault_has_a_check_and_every_outcome_a_ground() -> None:
    checked = {check.fault for check in CHECKS} | {found.fault for found in FILE_FINDINGS.values()}
    assert checked == set(get_args(Fault))
    assert {given for given, _ in GROUNDS} == set(REFUSALS)
    assert {*REFUSALS, "not dermatoscopic"} == set(get_args(Outcome))


def test_reasons_and_advice_are_one_sentence_and_advice_says_what_to_do() -> None:
    sentences = [*outcome.REASONS.values(), *photo.ADVICE.values()]
    assert all(sentence.endswith(".") and sentence.count(".") == 1 for sentence in sentences)
    assert all(": " in sentence for sentence in photo.ADVICE.values())


def test_the_embedded_weights_measured_all_that_has_a_sentence() -> None:
    trust = open_weights().contract.trust
    assert trust is not None
    assert set(trust.measured) == set(get_args(Measured))


@pytest.mark.parametrize(
    ("name", "is_known"), [("uncertain", True), ("answers that are uncertain", False)]
)
def test_a_measurement_without_a_sentence_is_refused(tmp_path: Path, name: str, is_known: bool) -> None:
    folder = give_trust(write_weights(tmp_path / "weights"))
    edit_contract(folder, lambda c: c["trust"]["measured"].update({name: ESTIMATE}))
    if is_known:
        assert open_weights(folder)
        return
    with pytest.raises(WeightsError, match="not a contract that this program understands"):
        open_weights(folder)
