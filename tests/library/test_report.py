"""The record and the CSV of an analysis: complete, strict, and the same numbers as in memory."""

import csv
import io
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from skin_app.analysis import Analysis, Notes
from skin_app.context import Patient
from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble
from skin_app.outcome import REFUSALS, Outcome, refused
from skin_app.photo.read import Photo
from skin_app.report.csv_rows import CSV_COLUMNS, csv_row, csv_text, error_row
from skin_app.report.json_record import (
    JudgedRecord,
    PointRecord,
    Record,
    SimilarRecord,
    record,
)
from skin_app.stated_patients import stated_patient
from skin_app.words.outcome import REASONS
from tests.tiny import give_trust, picture, write_weights

NOON = datetime(2026, 11, 21, 12, tzinfo=timezone(timedelta(hours=1)))


@pytest.fixture(scope="module")
def analysis(trusted: Ensemble) -> Analysis:
    return trusted(Photo(picture(1, 96, 72)))


def test_record_says_what_the_analysis_says(trusted: Ensemble, analysis: Analysis) -> None:
    made = record(analysis, NOON)
    assert set(made) == set(Record.__annotations__) | set(JudgedRecord.__annotations__)
    assert made["made_at"] == "2026-11-21T12:00:00+01:00"
    assert made["weights"]["sha256"] == trusted.weights.hash
    by_code = {entry["code"]: entry for entry in made["diagnoses"]}
    assert [by_code[code]["probability"] for code in CODES] == analysis.probabilities.tolist()
    assert [by_code[code]["prior_adjusted"] for code in CODES] == analysis.prior_adjusted.tolist()
    shares = [entry["probability"] for entry in made["diagnoses"]]
    assert shares == sorted(shares, reverse=True)
    malignant = sum(entry["probability"] for entry in made["diagnoses"] if entry["malignant"])
    assert made["malignant_probability"] == pytest.approx(malignant)
    inside = [by_code[code]["in_90_set"] for code in CODES]
    assert inside == [bool(p >= 0.14) for p in analysis.probabilities]
    assert [[member[code] for code in CODES] for member in made["members"]] == analysis.members.tolist()
    assert made["maps"] is not None
    assert analysis.maps is not None
    for code, own in analysis.maps.items():
        np.testing.assert_allclose(np.array(made["maps"][code]), own, atol=5.1e-5)
    missing = record(replace(analysis, maps={"mel": analysis.maps["mel"]}))["maps"]
    assert missing is not None
    assert [code for code in CODES if missing[code] is not None] == ["mel"]
    assert made["square"] == {"left": 12, "top": 0, "side": 72}
    for lesion, similar in zip(made["similar"], analysis.similar, strict=True):
        assert set(lesion) == set(SimilarRecord.__annotations__)
        assert (lesion["image_id"], lesion["diagnosis"]) == (similar.image_id, similar.dx)
    assert made["notes"] is None


def test_findings_stand_in_record_and_row(trusted: Ensemble) -> None:
    analysis = trusted(Photo(picture(1, 96, 72), unknown_profile=True))
    quality = record(analysis, NOON)["quality"]
    assert quality is not None
    profile, small = quality
    assert (profile["name"], profile["value"]) == ("colour profile", None)
    assert (small["name"], small["value"], small["limit"]) == ("size", 72.0, 100.0)
    assert csv_row(Path("a.jpg"), analysis)["quality"] == "colour profile; size"


def test_points_say_on_which_side_the_photo_lies(analysis: Analysis) -> None:
    points = record(replace(analysis, malignant_probability=0.25), NOON)["operating_points"]
    sides = [(point["threshold"], point["above"]) for point in points]
    assert sides == [(0.3, False), (0.2, True), (0.1, True)]
    assert points[0]["specificity_interval"] == [0.6, 0.8]
    assert set(points[0]) == set(PointRecord.__annotations__)


def test_json_is_strict_and_nan_becomes_null(analysis: Analysis) -> None:
    assert analysis.assessment is not None
    shares = np.full(7, 0.5)
    shares[3] = np.nan
    unknown = replace(analysis, assessment=replace(analysis.assessment, heat_on_lesion=shares))

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not strict JSON")

    made = record(unknown, NOON)
    parsed = json.loads(unknown.to_json(made_at=NOON), parse_constant=refuse)
    assert parsed == made
    assert parsed["heat_on_lesion"]["df"] is None
    assert parsed["heat_on_lesion"]["mel"] == 0.5


def test_without_trust_its_parts_are_null(tmp_path: Path) -> None:
    bare = Ensemble.load(write_weights(tmp_path / "weights"))
    made = record(bare(Photo(picture(1))), NOON)
    for name in JudgedRecord.__annotations__:
        assert made[name] is None
    assert made["operating_points"] == []
    assert made["maps_are_weak"] is None
    assert {entry["in_90_set"] for entry in made["diagnoses"]} == {None}
    assert len(made["members"]) == 2


def test_novel_photo_has_no_points_and_no_sets(tmp_path: Path) -> None:
    strict = Ensemble.load(give_trust(write_weights(tmp_path / "weights"), novelty_limit=-1e9))
    made = record(strict(Photo(picture(1))), NOON)
    assert made["outcome"] == "not dermatoscopic"
    assert made["operating_points"] == []
    assert {entry["in_95_set"] for entry in made["diagnoses"]} == {None}


@pytest.mark.parametrize("outcome", REFUSALS)
def test_record_row_and_text_of_a_refused_photo_say_what_it_would_be(
    analysis: Analysis, outcome: Outcome
) -> None:
    assert analysis.assessment is not None
    decision = refused(replace(analysis.assessment.decision, without_refusal=outcome))
    novel = replace(analysis, assessment=replace(analysis.assessment, decision=decision))
    made, row = record(novel, NOON), csv_row(Path("a.jpg"), novel)
    for found in (made, row):
        assert (found["outcome"], found["without_refusal"]) == ("not dermatoscopic", outcome)
    assert made["reason"] == REASONS[REFUSALS[outcome]]
    shown = "not dermatoscopic" if outcome == "not suspicious" else f"not dermatoscopic, {outcome}"
    assert str(novel).splitlines()[0] == shown


def test_what_the_clinician_states_is_kept_and_blanks_are_nothing(analysis: Analysis) -> None:
    stated = {"site": "back", "own_diagnosis": None, "text": "grew in June"}
    assert record(analysis, NOON, Notes(" back ", "", text="grew in June"))["notes"] == stated
    assert record(analysis, NOON, Notes(text="  "))["notes"] is None


def test_the_answer_with_age_and_sex_stands_beside_that_of_the_photo(analysis: Analysis) -> None:
    alone = record(analysis, NOON)
    assert (alone["patient"], alone["in_context"]) == (None, None)
    assert (csv_row(Path("a.jpg"), analysis)["photo_outcome"]) == analysis.outcome
    old = analysis.with_patient(Patient(85, "male"))
    assert old.in_context is not None
    made, row = record(old, NOON), csv_row(Path("a.jpg"), old)
    assert made["patient"] == {"age": 85.0, "sex": "male"}
    assert (row["age"], row["sex"]) == ("85", "male")
    assert made["in_context"] is not None
    assert made["in_context"]["photo_outcome"] == row["photo_outcome"] == analysis.outcome
    assert list(made["in_context"]["probabilities"].values()) == old.in_context.probabilities.tolist()
    cells = [float(row[f"p_{code}_in_context"]) for code in CODES]
    assert cells == pytest.approx(old.in_context.probabilities, abs=1e-6)
    assert row["top1_in_context"] == CODES[int(old.in_context.probabilities.argmax())]
    total = old.in_context.malignant_probability
    assert float(row["malignant_probability_in_context"]) == pytest.approx(total, abs=1e-6)
    # all else but the outcome, the sets and the points is of the photo
    same = ("malignant_probability", "members", "maps", "novelty", "similar", "agreement")
    assert [name for name in same if made[name] != alone[name]] == []
    points = zip(made["operating_points"], alone["operating_points"], strict=True)
    assert all(one["above"] >= other["above"] for one, other in points)


def test_what_is_not_used_of_a_patient_is_said_in_record_and_row(analysis: Analysis) -> None:
    nobody = analysis.with_patient(stated_patient("about fifty", "x"))
    made, row = record(nobody, NOON), csv_row(Path("a.jpg"), nobody)
    assert made["patient"] == {"age": None, "sex": None}
    assert made["in_context"] is None
    assert (row["age"], row["p_mel_in_context"]) == ("", "")
    assert row["to_check"].endswith("unreadable age; unreadable sex")
    said = {check["name"]: check["sentence"] for check in made["to_check"] or ()}
    assert said["unreadable age"].startswith("The age was not understood")
    ancient = record(analysis.with_patient(Patient(110)), NOON)
    assert "85 years is used instead" in (ancient["to_check"] or [])[-1]["sentence"]


def test_a_time_without_zone_is_refused(analysis: Analysis) -> None:
    with pytest.raises(ValueError, match="time zone"):
        record(analysis, NOON.replace(tzinfo=None))


def test_csv_of_a_batch_can_be_read_back(analysis: Analysis) -> None:
    rows = [csv_row(Path("a, b.jpg"), analysis), error_row(Path("c.jpg"), 'not "this"')]
    reader = csv.DictReader(io.StringIO(csv_text(rows)))
    assert list(reader) == rows
    assert tuple(reader.fieldnames or ()) == CSV_COLUMNS


@pytest.mark.parametrize("name", ["=1+1.jpg", "+a.jpg", "-a.jpg", "@a.jpg", "\ta.jpg", "\r=a.jpg"])
def test_file_names_are_never_formulas_and_negative_numbers_stay_numbers(
    analysis: Analysis, name: str
) -> None:
    written = csv_row(Path(name), analysis) | {"novelty": "-1.234"}
    (row,) = csv.DictReader(io.StringIO(csv_text([written]), newline=""))
    assert (row["file"], row["novelty"]) == (f"'{name}", "-1.234")
