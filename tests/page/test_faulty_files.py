"""A damaged photo, and one with an unknown colour profile, wherever an answer is shown or kept."""

import csv
import io
import re
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from pypdf import PdfReader

from skin_app.cli import main
from skin_app.ensemble import Ensemble
from skin_app.overlay import for_display
from skin_app.page import api as machine
from skin_app.page.answer_panels import outcome_panel
from skin_app.page.batch import PhotoRow, run
from skin_app.page.one_photo_handlers import EXAMPLES_FOLDER, Shown, compare_corrected
from skin_app.page.several_panels import angles_result, batch_result
from skin_app.page.uploads_and_sessions import private_folder
from skin_app.photo.read import Photo, read_photo
from skin_app.quality import FILE_FINDINGS
from skin_app.report.csv_rows import csv_row
from skin_app.report.json_record import record
from skin_app.words.language import ENGLISH
from skin_app.words.outcome import REASONS
from skin_app.words.photo import ADVICE
from tests.page.test_batch import uploaded
from tests.tiny import give_trust, write_weights

WHOLE = (EXAMPLES_FOLDER / "globules.jpg").read_bytes()
OTHER = (EXAMPLES_FOLDER / "irregular-patchy.jpg").read_bytes()
HALF = WHOLE[: len(WHOLE) // 2] + b"\xff\xd9"
NAME, SENTENCE = FILE_FINDINGS["damaged"].name, ADVICE["damaged_file"]
PROFILE, OF_PROFILE = FILE_FINDINGS["unknown_profile"].name, ADVICE["unknown_profile"]


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    """By its limits every photo that is not novel is not suspicious."""
    folder = write_weights(tmp_path_factory.mktemp("w") / "weights")
    return Ensemble.load(give_trust(folder, clears_all=True))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    """Without limits to judge an answer by."""
    return Ensemble.load(write_weights(tmp_path_factory.mktemp("w") / "weights"))


def outcome(ensemble: Ensemble, photo: Photo, views: int = 8) -> tuple[str, str]:
    assessment = ensemble(photo, views).assessment
    assert assessment is not None
    return assessment.decision.outcome, assessment.decision.reason


def test_the_ensemble_clears_the_whole_photo_and_never_the_damaged_one(lenient: Ensemble) -> None:
    for views in (1, 8):
        assert outcome(lenient, read_photo(WHOLE), views)[0] == "not suspicious"
        assert outcome(lenient, read_photo(HALF), views) == ("uncertain", "damaged_photo")
    quick, full = lenient.refine(read_photo(HALF))
    for analysis in (quick, full):
        assert analysis.assessment is not None
        assert analysis.assessment.decision.outcome == "uncertain"
        assert analysis.to_check is not None
        assert NAME in {check.name for check in analysis.to_check}


def test_an_unknown_profile_is_a_finding_and_changes_no_outcome(lenient: Ensemble) -> None:
    photo = replace(read_photo(WHOLE), unknown_profile=True)
    assert outcome(lenient, photo) == outcome(lenient, read_photo(WHOLE))
    panel = outcome_panel(ENGLISH, lenient(photo), "t")
    assert OF_PROFILE.replace("'", "&#39;") in panel
    assert csv_row(Path("a.jpg"), lenient(photo))["quality"] == PROFILE


@pytest.mark.parametrize("weights", ["lenient", "bare"])
def test_page_json_csv_and_pdf_say_what_to_do(weights: str, request: pytest.FixtureRequest) -> None:
    ensemble: Ensemble = request.getfixturevalue(weights)
    photo = read_photo(HALF)
    analysis = ensemble(photo)
    assert SENTENCE in outcome_panel(ENGLISH, analysis, "t")
    made = record(analysis, datetime.now(timezone.utc))
    (finding,) = made["quality"] or []
    assert finding == {"name": NAME, "sentence": SENTENCE, "value": None, "limit": None}
    assert csv_row(Path("a.jpg"), analysis)["quality"] == NAME
    pdf = PdfReader(io.BytesIO(analysis.to_pdf()))
    assert SENTENCE in pdf.pages[0].extract_text().replace("\n", " ")


def test_the_command_line_writes_it_in_the_row(lenient: Ensemble, tmp_path: Path) -> None:
    for name, data in (("half.jpg", HALF), ("whole.jpg", WHOLE)):
        (tmp_path / name).write_bytes(data)
    out = tmp_path / "out.csv"
    weights = str(lenient.weights.folder)
    assert main(["score", str(tmp_path), "--out", str(out), "--weights", weights]) == 0
    with out.open(newline="", encoding="utf-8-sig") as file:
        half, whole = csv.DictReader(file)
    assert (half["outcome"], half["quality"]) == ("uncertain", NAME)
    assert (whole["outcome"], whole["quality"]) == ("not suspicious", "no finding")


def test_the_machine_api_says_so_for_one_photo_and_in_the_rows_of_several(lenient: Ensemble) -> None:
    with private_folder() as uploads:
        path = uploads / "half.jpg"
        file = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
        path.write_bytes(HALF)
        answer = machine.analysed(lenient, uploads, file, 1)
        path.write_bytes(HALF)
        (row,) = machine.scored(lenient, uploads, [file])
    assert (answer["outcome"], answer["reason"]) == ("uncertain", REASONS["damaged_photo"])
    assert [finding["name"] for finding in answer["quality"] or []] == [NAME]
    assert (row["outcome"], row["quality"]) == ("uncertain", NAME)


def rows_of(ensemble: Ensemble, folder: Path, *photos: bytes) -> tuple[PhotoRow, ...]:
    chosen = uploaded(folder, [(f"{place}.jpg", data) for place, data in enumerate(photos)])
    *_, last = run(ensemble, chosen, folder)
    return last.rows


def test_a_batch_names_it_among_what_to_check(
    lenient: Ensemble, bare: Ensemble, tmp_path: Path
) -> None:
    for ensemble in (lenient, bare):
        html = batch_result(ENGLISH, rows_of(ensemble, tmp_path, WHOLE, HALF))
<<<<<<< HEAD
        assert re.sub(r"<[^>]*>", "", html).count(NAME) == 1  # the rows to export lie in attributes
=======
        assert re.sub(r'data-csv="[^"]*"', "", html).count(NAME) == 1
>>>>>>> batch


def test_one_damaged_angle_clears_nothing(lenient: Ensemble, tmp_path: Path) -> None:
    assert "Not suspicious" in angles_result(ENGLISH, lenient, rows_of(lenient, tmp_path, WHOLE, OTHER))
    html = angles_result(ENGLISH, lenient, rows_of(lenient, tmp_path / "again", OTHER, HALF))
    assert REASONS["one_photo_damaged"] in html


def test_a_correction_of_a_damaged_photo_is_as_uncertain(lenient: Ensemble) -> None:
    photo = read_photo(HALF)
    shown = Shown(for_display(photo), lenient(photo), photo)
    html = compare_corrected(ENGLISH, lenient, shown, "gamma")
    assert "Not suspicious" not in html
    assert html.count(NAME) == 2
