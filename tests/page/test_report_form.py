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

from skin_app.analysis import Notes
from skin_app.ensemble import Ensemble
from skin_app.overlay import for_display
from skin_app.page.one_photo_handlers import EXAMPLES_FOLDER, Shown
from skin_app.page.report_form import downloads
from skin_app.photo.read import read_photo
from skin_app.report.csv_rows import CSV_COLUMNS
from skin_app.report.json_record import record
from skin_app.words import page as words
from skin_app.words import pdf as pdf_words
from skin_app.words.language import ENGLISH, GERMAN

PHOTO = read_photo(EXAMPLES_FOLDER / "globules.jpg")
NOON = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def shown(ensemble: Ensemble) -> Shown:
    return Shown(for_display(PHOTO), ensemble(PHOTO))


def files_in(html: str) -> dict[str, bytes]:
    """The files behind the download links, by name."""
    links = re.findall(r'<a class="button" download="([^"]+)" href="data:[\w/]+;base64,([^"]+)">', html)
    return {name: base64.b64decode(data) for name, data in links}


def test_three_files_with_the_same_numbers(shown: Shown) -> None:
    notes = Notes(text="<b>grew</b>")
    html = downloads(ENGLISH, shown, notes, made_at=NOON)
    assert words.REPORT_NOT_STORED in html
    assert "<b>grew" not in html
    files = files_in(html)
    assert sorted(Path(name).suffix for name in files) == [".csv", ".json", ".pdf"]
    assert {Path(name).stem for name in files} == {"lesion-report-2026-11-21-120000"}
    expected = record(shown.analysis, NOON, notes)
    assert json.loads(files["lesion-report-2026-11-21-120000.json"]) == expected
    text = files["lesion-report-2026-11-21-120000.csv"].decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert tuple(row) == CSV_COLUMNS
    first = json.loads(files["lesion-report-2026-11-21-120000.json"])["diagnoses"][0]
    assert (row["top1"], float(row["top1_probability"])) == (
        first["code"],
        pytest.approx(first["probability"], abs=1e-6),
    )
    (page,) = PdfReader(io.BytesIO(files["lesion-report-2026-11-21-120000.pdf"])).pages
    assert f"({first['code']})" in page.extract_text()
    assert "<b>grew</b>" in page.extract_text()


def test_a_quick_answer_has_a_report_without_a_map_in_the_readers_language(
    ensemble: Ensemble, shown: Shown
) -> None:
    quick = replace(shown, analysis=next(iter(ensemble.refine(PHOTO))))
    texts, made = [], []
    for each in (shown, quick):
        files = files_in(downloads(GERMAN, each, made_at=NOON))
        (page,) = PdfReader(io.BytesIO(files["lesion-report-2026-11-21-120000.pdf"])).pages
        texts.append(" ".join(page.extract_text().split()))
        made.append(json.loads(files["lesion-report-2026-11-21-120000.json"]))
    assert all(GERMAN(words.RANKING) in text for text in texts)
    assert [GERMAN(pdf_words.NO_MAP) in text for text in texts] == [False, True]
    assert [GERMAN(pdf_words.MAP_MEANING) in text for text in texts] == [True, False]
    assert made == [record(each.analysis, NOON) for each in (shown, quick)]  # in English
    assert (made[1]["views"], made[1]["maps"]) == (1, None)


def test_without_a_given_time_it_is_of_today_and_a_forgotten_photo_is_explained(shown: Shown) -> None:
    before = datetime.now(timezone.utc).replace(microsecond=0)
    (text,) = (data for name, data in files_in(downloads(ENGLISH, shown)).items() if "json" in name)
    made_at = datetime.fromisoformat(json.loads(text)["made_at"])
    assert before <= made_at <= datetime.now(timezone.utc)
    html = downloads(ENGLISH, None)
    assert words.NO_LONGER_HELD in html
    assert 'role="alert"' in html
