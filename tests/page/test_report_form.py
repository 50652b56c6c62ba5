"""The downloads of a report: three files inside the page, nothing on disk."""

import base64
import csv
import io
import json
import re
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from pypdf import PdfReader

from skin_app.display import for_display
from skin_app.ensemble import Ensemble
from skin_app.language import ENGLISH, Say
from skin_app.page.one_photo_handlers import EXAMPLES_FOLDER, Shown
from skin_app.page.report_form import downloads
from skin_app.photo.read import read_photo
from skin_app.report.json_and_csv import CSV_COLUMNS, record, record_json
from skin_app.report.record import Notes
from skin_app.words import page as words
from skin_app.words import pdf as pdf_words

NOON = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def shown(ensemble: Ensemble) -> Shown:
    photo = read_photo(EXAMPLES_FOLDER / "globules.jpg")
    return Shown(for_display(photo), ensemble(photo))


def files_in(html: str) -> dict[str, bytes]:
    """The files behind the download links, by name."""
    links = re.findall(r'<a class="button" download="([^"]+)" href="data:[\w/]+;base64,([^"]+)">', html)
    return {name: base64.b64decode(data) for name, data in links}


def test_three_files_with_the_same_numbers(shown: Shown) -> None:
    notes = Notes(age="54", text="<b>grew</b>")
    html = downloads(ENGLISH, shown, notes, made_at=NOON)
    assert words.REPORT_NOT_STORED in html
    assert "<b>grew" not in html
    files = files_in(html)
    assert sorted(Path(name).suffix for name in files) == [".csv", ".json", ".pdf"]
    assert {Path(name).stem for name in files} == {"lesion-report-2026-11-21"}
    expected = record(shown.analysis, NOON, notes)
    assert files["lesion-report-2026-11-21.json"].decode() == record_json(expected)
    text = files["lesion-report-2026-11-21.csv"].decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert tuple(row) == CSV_COLUMNS
    first = json.loads(files["lesion-report-2026-11-21.json"])["diagnoses"][0]
    assert (row["top1"], float(row["top1_probability"])) == (
        first["code"],
        pytest.approx(first["probability"], abs=1e-6),
    )
    (page,) = PdfReader(io.BytesIO(files["lesion-report-2026-11-21.pdf"])).pages
    assert f"({first['code']})" in page.extract_text()
    assert "<b>grew</b>" in page.extract_text()


def test_the_map_is_of_the_first_diagnosis(shown: Shown) -> None:
    assert shown.analysis.maps is not None
    turned = replace(shown, analysis=replace(shown.analysis, maps=shown.analysis.maps[::-1]))
    pages = [downloads(ENGLISH, each, made_at=NOON) for each in (shown, turned)]
    one, other = (files_in(page)["lesion-report-2026-11-21.pdf"] for page in pages)
    assert one != other


def test_a_quick_answer_has_a_report_without_a_map(ensemble: Ensemble, shown: Shown) -> None:
    photo = read_photo(EXAMPLES_FOLDER / "globules.jpg")
    quick = Shown(shown.photo, next(iter(ensemble.refine(photo))))
    files = files_in(downloads(ENGLISH, quick, made_at=NOON))
    made = json.loads(files["lesion-report-2026-11-21.json"])
    assert (made["views"], made["maps"]) == (1, None)
    (page,) = PdfReader(io.BytesIO(files["lesion-report-2026-11-21.pdf"])).pages
    text = " ".join(page.extract_text().split())
    assert pdf_words.NO_MAP in text
    assert pdf_words.MAP_MEANING not in text


def test_the_pdf_speaks_the_readers_language_and_the_json_english(shown: Shown) -> None:
    german = Say("de", {pdf_words.RANKING: "Sieben Diagnosen, gereiht"}, ",", ".")
    files = files_in(downloads(german, shown, made_at=NOON))
    (page,) = PdfReader(io.BytesIO(files["lesion-report-2026-11-21.pdf"])).pages
    assert "Sieben Diagnosen, gereiht" in page.extract_text()
    made = json.loads(files["lesion-report-2026-11-21.json"])
    assert made == record(shown.analysis, NOON)


def test_without_a_given_time_it_is_of_today(shown: Shown) -> None:
    before = datetime.now(timezone.utc).replace(microsecond=0)
    files = files_in(downloads(ENGLISH, shown))
    (text,) = (data for name, data in files.items() if name.endswith(".json"))
    made_at = datetime.fromisoformat(json.loads(text)["made_at"])
    assert before <= made_at <= datetime.now(timezone.utc)


def test_a_forgotten_photo_is_explained() -> None:
    html = downloads(ENGLISH, None)
    assert words.NO_LONGER_HELD in html
    assert 'role="alert"' in html
