"""Many photos, or several of one lesion, as HTML: progress, table, gallery, joint answer."""

import base64
import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from skin_app.diagnoses import CODES, DIAGNOSES
from skin_app.ensemble import Ensemble
from skin_app.language import ENGLISH, Say
from skin_app.page import batch
from skin_app.page.batch import Progress, Row, ranked, run
from skin_app.page.one_photo_handlers import EXAMPLES, EXAMPLES_FOLDER
from skin_app.page.several_panels import (
    TOP,
    angles_refusal,
    angles_result,
    batch_refusal,
    batch_result,
    batch_running,
)
from skin_app.photo.read import PhotoError
from skin_app.report.json_and_csv import CSV_COLUMNS
from skin_app.words import several as words
from tests.page.test_batch import jpeg, uploaded

Answering = Callable[[int, str, str], Row]


@pytest.mark.parametrize(
    ("refusal", "count", "said"),
    [
        (batch_refusal, 0, words.NOTHING_CHOSEN),
        (batch_refusal, 200, None),
        (batch_refusal, 201, "201 photos, more than the 200"),
        (angles_refusal, 0, words.NOTHING_CHOSEN),
        (angles_refusal, 1, "2 photos or more"),
        (angles_refusal, 2, None),
        (angles_refusal, 8, None),
        (angles_refusal, 9, "9 photos, and one lesion takes 2 to 8"),
    ],
)
def test_too_many_or_too_few_photos_are_refused_in_one_sentence(
    refusal: Callable[[Say, int], str | None], count: int, said: str | None
) -> None:
    refused = refusal(ENGLISH, count)
    assert (refused is None) if said is None else (said in (refused or ""))


@pytest.fixture(scope="module")
def rows(ensemble: Ensemble, tmp_path_factory: pytest.TempPathFactory) -> tuple[Row, ...]:
    """The four drawings, a file with a nasty name, and one that is no image; ranked."""
    folder = tmp_path_factory.mktemp("uploads")
    files = [(name, (EXAMPLES_FOLDER / name).read_bytes()) for name in EXAMPLES]
    files += [("<b>=1+1 & 'x'.jpg", jpeg(1)), ("notes.jpg", b"not an image")]
    *_, last = run(ensemble, uploaded(folder, files), folder)
    return ranked(last.rows)


def test_rows_are_ranked_by_malignant_probability_and_failed_ones_come_last(
    rows: tuple[Row, ...],
) -> None:
    shares = [row.analysis.malignant_probability for row in rows if row.analysis]
    assert shares == sorted(shares, reverse=True)
    assert rows[-1].file == "notes.jpg"


def test_table_names_every_row_and_opens_those_with_an_answer(rows: tuple[Row, ...]) -> None:
    html = batch_result(ENGLISH, rows)
    table = html[html.index("<tbody>") : html.index("</tbody>")]
    assert re.findall(r'data-row="(\d)"', table) == ["0", "1", "2", "3", "4"]
    assert "6." in table
    assert "not a JPEG, PNG, WebP" in table
    assert "<b>=1" not in html
    assert "&lt;b&gt;=1+1 &amp; &#39;x&#39;.jpg" in table
    assert table.count("<img") == 5


def test_gallery_has_the_same_order_and_says_what_it_shows(rows: tuple[Row, ...]) -> None:
    _, gallery = batch_result(ENGLISH, rows).split('class="gallery"')
    assert re.findall(r'data-row="(\d)"', gallery) == ["0", "1", "2", "3", "4"]
    alts = re.findall(r'alt="([^"]+)"', gallery)
    assert len(alts) == 5
    assert all(alt.startswith(f"Photo {place}, ") for place, alt in enumerate(alts, start=1))


def test_running_table_is_short_and_has_no_pictures(rows: tuple[Row, ...]) -> None:
    html = batch_running(ENGLISH, Progress(rows * 10, 100, 60.0))
    assert "<img" not in html
    assert html.count("<tr>") == 1 + TOP


def test_nothing_is_said_of_no_photos(ensemble: Ensemble) -> None:
    assert batch_running(ENGLISH, Progress((), 100)) == ""
    assert batch_result(ENGLISH, ()) == angles_result(ENGLISH, ensemble, ()) == ""


def test_download_is_the_reports_csv_in_the_tables_order(rows: tuple[Row, ...]) -> None:
    link = batch_result(ENGLISH, rows).split("data:text/csv;charset=utf-8;base64,")[1]
    data = base64.b64decode(link.split('"')[0]).decode("utf-8-sig")
    read = list(csv.DictReader(io.StringIO(data)))
    assert list(read[0]) == list(CSV_COLUMNS)
    assert [row["file"].lstrip("'") for row in read] == [row.file for row in rows]
    first = rows[0].analysis
    assert first is not None
    assert float(read[0]["malignant_probability"]) == pytest.approx(
        first.malignant_probability, abs=1e-6
    )
    assert read[-1]["error"] == str(rows[-1].error)


def test_rows_without_limits_say_that_there_is_no_outcome(rows: tuple[Row, ...]) -> None:
    analysis = rows[0].analysis
    assert analysis is not None
    bare = replace(rows[0], analysis=replace(analysis, assessment=None))
    html = batch_result(ENGLISH, [bare])
    assert words.NO_OUTCOME in html
    assert words.NOT_CHECKED in html


def test_rows_that_are_gone_or_have_no_answer_do_not_open(rows: tuple[Row, ...]) -> None:
    assert batch.opened(rows, 0) is rows[0]
    assert all(batch.opened(rows, place) is None for place in (-1, 5, 6))
    assert batch.opened(None, 0) is None


def test_two_hundred_rows_are_a_small_page(rows: tuple[Row, ...]) -> None:
    assert len(batch_result(ENGLISH, (rows * 40)[:200])) < 2_500_000
    assert np.mean([len(row.thumbnail) for row in rows if row.analysis]) < 5000


@pytest.fixture(scope="module")
def answering(rows: tuple[Row, ...]) -> Answering:
    """One of the rows as if its networks were sure of one diagnosis, with an outcome."""

    def row(place: int, code: str, outcome: str) -> Row:
        analysis = rows[place].analysis
        assert analysis is not None
        assert analysis.assessment is not None
        probabilities = np.full(7, 0.02)
        probabilities[CODES.index(code)] = 0.88
        malignant = float(probabilities[[0, 1, 4]].sum())
        decision = replace(analysis.assessment.decision, outcome=outcome, agreement=1.0)
        assessment = replace(analysis.assessment, decision=decision)
        analysis = replace(
            analysis,
            probabilities=probabilities,
            malignant_probability=malignant,
            assessment=assessment,
        )
        return replace(rows[place], analysis=analysis)

    return row


def test_agreement_is_said_with_the_average_and_what_it_ranges_over(
    ensemble: Ensemble, answering: Answering
) -> None:
    photos = [answering(place, "mel", "suspicious") for place in range(3)]
    html = angles_result(ENGLISH, ensemble, photos)
    assert words.AGREEMENT in html
    assert words.SAME_FIRST in html
    assert words.SAME_OUTCOME in html
    assert "Average of 3 photos" in html
    assert "single photos of 8 views" in html
    joint = html[html.index("<caption>") : html.index('class="total"')]
    assert joint.count("<tr>") == 1 + 7
    assert "88.0\N{NO-BREAK SPACE}% to 88.0\N{NO-BREAK SPACE}%" in joint


def test_disagreement_is_said_with_who_says_what(ensemble: Ensemble, answering: Answering) -> None:
    photos = [
        answering(0, "mel", "suspicious"),
        answering(1, "nv", "not suspicious"),
        answering(2, "nv", "not suspicious"),
    ]
    html = angles_result(ENGLISH, ensemble, photos)
    assert words.DISAGREEMENT in html
    assert "disagree on the outcome: 2 × Not suspicious, 1 × Suspicious" in html
    nevus, melanoma = (DIAGNOSES[CODES.index(code)].name for code in ("nv", "mel"))
    assert f"disagree on the first diagnosis: 2 × {nevus}, 1 × {melanoma}" in html


def test_photo_that_is_not_dermatoscopic_is_named_and_left_out(
    ensemble: Ensemble, answering: Answering
) -> None:
    photos = [
        answering(0, "mel", "suspicious"),
        answering(1, "nv", "not dermatoscopic"),
        answering(2, "mel", "suspicious"),
    ]
    html = angles_result(ENGLISH, ensemble, photos)
    assert words.LEFT_OUT.format(files=photos[1].file) in html
    assert "Average of 2 photos" in html
    alone = angles_result(ENGLISH, ensemble, photos[:2])
    assert words.JOINT_OF_ONE in alone
    assert words.AGREEMENT not in alone


def test_lesion_of_refused_photos_alone_is_refused(ensemble: Ensemble, answering: Answering) -> None:
    photos = [answering(place, "nv", "not dermatoscopic") for place in (0, 1)]
    html = angles_result(ENGLISH, ensemble, photos)
    assert words.JOINT_OF_REFUSED in html
    assert 'class="panel several outcome not-dermatoscopic"' in html


def test_same_picture_under_two_names_counts_once(ensemble: Ensemble, rows: tuple[Row, ...]) -> None:
    copy = replace(rows[0], file="copy.jpg")
    html = angles_result(ENGLISH, ensemble, [rows[0], copy, rows[1]])
    assert f"copy.jpg is the same picture as {rows[0].file}" in unescape(html)
    assert "Average of 2 photos" in html
    assert "there are 1" in angles_result(ENGLISH, ensemble, [rows[0], copy])


def test_broken_photo_is_named_and_the_others_are_averaged(
    ensemble: Ensemble, rows: tuple[Row, ...]
) -> None:
    broken = Row("<i>.jpg", error=PhotoError("The file is empty."))
    html = angles_result(ENGLISH, ensemble, [rows[0], broken, rows[1]])
    assert "Could not be used: &lt;i&gt;.jpg. The file is empty." in html
    assert "Average of 2 photos" in html
    assert "An average takes 2 photos" in angles_result(ENGLISH, ensemble, [rows[0], broken])


def test_weights_without_limits_still_give_an_average(
    ensemble: Ensemble, rows: tuple[Row, ...]
) -> None:
    bare = [
        replace(row, analysis=replace(row.analysis, assessment=None)) for row in rows if row.analysis
    ]
    html = angles_result(ENGLISH, ensemble, bare)
    assert words.NO_OUTCOME in html
    assert "Average of 5 photos" in html
