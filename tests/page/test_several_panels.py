"""Many photos, or several of one lesion, as HTML: the table, and the joint answer."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from skin_app.context import Patient
from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble
from skin_app.page import batch
from skin_app.page.batch import BatchProgress, PhotoRow, most_malignant_first, run
from skin_app.page.one_photo_handlers import EXAMPLES, EXAMPLES_FOLDER
from skin_app.page.several_panels import (
    TOP,
    angles_refusal,
    angles_result,
    batch_refusal,
    batch_result,
    held_status,
    results_so_far,
)
from skin_app.photo.read import PhotoError
from skin_app.report.csv_rows import CSV_COLUMNS
from skin_app.words import patient as patient_words
from skin_app.words import several as words
from skin_app.words.language import ENGLISH, Say
from skin_app.words.outcome import OUTCOME_MEANING, OUTCOMES, REASONS
from tests.page.test_batch import jpeg, uploaded


@pytest.mark.parametrize(
    ("refusal", "count", "said"),
    [
        (batch_refusal, 0, words.NOTHING_CHOSEN),
        (batch_refusal, 200, None),
        (batch_refusal, 201, "201 photos; the limit is 200"),
        (angles_refusal, 0, words.NOTHING_CHOSEN),
        (angles_refusal, 1, "at least 2 photos"),
        (angles_refusal, 2, None),
        (angles_refusal, 8, None),
        (angles_refusal, 9, "9 photos; one lesion takes 2 to 8"),
    ],
)
def test_too_many_or_too_few_photos_are_refused_in_one_sentence(
    refusal: Callable[[Say, int], str | None], count: int, said: str | None
) -> None:
    refused = refusal(ENGLISH, count)
    assert (refused is None) if said is None else (said in (refused or ""))


@pytest.fixture(scope="module")
def rows(ensemble: Ensemble, tmp_path_factory: pytest.TempPathFactory) -> tuple[PhotoRow, ...]:
    """The four drawings, a file with a nasty name, and one that is no image; ranked."""
    folder = tmp_path_factory.mktemp("uploads")
    files = [(name, (EXAMPLES_FOLDER / name).read_bytes()) for name in EXAMPLES]
    files += [("<b>=1+1 & 'x'.jpg", jpeg(1)), ("notes.jpg", b"not an image")]
    *_, last = run(ensemble, uploaded(folder, files), folder)
    return most_malignant_first(last.rows)


def test_the_table_shows_every_photo_by_malignant_probability(rows: tuple[PhotoRow, ...]) -> None:
    shares = [row.analysis.malignant_probability for row in rows if row.analysis]
    assert shares == sorted(shares, reverse=True)
    assert rows[-1].file == "notes.jpg"
    html = batch_result(ENGLISH, rows)
    # those with an answer open it
    assert re.findall(r'data-row="(\d)"', html) == ["0", "1", "2", "3", "4"]
    assert html.count("<img") == 5
    assert "not a JPEG, PNG, WebP" in html
    assert "<b>=1" not in html
    assert "&lt;b&gt;=1+1 &amp; &#39;x&#39;.jpg" in html


def test_outcomes_are_counted_most_suspicious_first(rows: tuple[PhotoRow, ...]) -> None:
    answered = [row for row in rows if row.analysis]
    outcomes = ("nv not suspicious", "mel suspicious", "nv not suspicious", "nv uncertain")
    some = [answering(row, *own.split(" ", 1)) for row, own in zip(answered, outcomes, strict=False)]
    html = batch_result(ENGLISH, [*some, rows[-1]])
    chips = re.findall(r'<button class="chip".*?</button>', html, flags=re.DOTALL)
    said = [re.sub(r"<[^>]*>", "", chip).strip("▲●? ") for chip in chips]
    assert said == ["Suspicious (1)", "Uncertain (1)", "Not suspicious (2)", "Could not be used (1)"]


def test_photos_that_the_cpu_computed_because_the_gpu_was_full_are_counted(
    rows: tuple[PhotoRow, ...],
) -> None:
    said = "The memory of the GPU was full for 2 photos: the CPU computed their answers."
    assert "memory of the GPU" not in batch_result(ENGLISH, rows)
    full = [
        replace(row, analysis=row.analysis and replace(row.analysis, gpu_was_full=True))
        for row in rows[-3:]  # the last has no answer
    ]
    assert said in batch_result(ENGLISH, [*rows[:-3], *full])


def test_sorting_knows_whole_numbers_and_what_comes_last(rows: tuple[PhotoRow, ...]) -> None:
    html = batch_result(ENGLISH, rows)
    malignant = [row.analysis.malignant_probability for row in rows if row.analysis]
    keys = [int(key) for key in re.findall(r'class="number" data-sort="(\d+)"', html)]
    assert keys == [int(1e6 * share) for share in malignant]
    assert set(batch.SEVERITY) == set(words.OUTCOMES)
    assert 'colspan="3"' in html  # the reason of one that could not be used, without a key


def test_a_running_table_has_as_many_rows_as_will_be_in_sight(rows: tuple[PhotoRow, ...]) -> None:
    for done, total in ((0, 100), (5, 100), (50, 100), (2, 5)):
        html = results_so_far(ENGLISH, BatchProgress((rows * 10)[:done], total, 60.0))
        assert html.count("<tr") == 1 + min(total, TOP)
        assert html.count('class="coming"') == min(total, TOP) - min(done, TOP)
        assert "data-row" not in html
        assert "download" not in html


def test_nothing_is_said_of_no_photos(ensemble: Ensemble) -> None:
    assert batch_result(ENGLISH, ()) == angles_result(ENGLISH, ensemble, ()) == ""
    assert held_status(ENGLISH, 0) == ""


def test_lines_for_export_are_those_of_the_reports_csv(rows: tuple[PhotoRow, ...]) -> None:
    html = batch_result(ENGLISH, rows)
    lines = [unescape(line) for line in re.findall(r'data-csv="([^"]*)"', html)]
    read = list(csv.DictReader(io.StringIO("\r\n".join(lines))))
    assert list(read[0]) == list(CSV_COLUMNS)
    assert [row["file"].lstrip("'") for row in read] == [row.file for row in rows]
    malignant = rows[0].analysis and rows[0].analysis.malignant_probability
    assert float(read[0]["malignant_probability"]) == pytest.approx(malignant, abs=1e-6)
    assert read[-1]["error"] == str(rows[-1].error)


def test_rows_that_are_gone_or_have_no_answer_do_not_open(rows: tuple[PhotoRow, ...]) -> None:
    assert batch.row_at(rows, 0) is rows[0]
    assert all(batch.row_at(rows, place) is None for place in (-1, 5, 6))
    assert batch.row_at(None, 0) is None


def test_two_hundred_rows_are_a_small_page(rows: tuple[PhotoRow, ...]) -> None:
    assert len(batch_result(ENGLISH, (rows * 40)[:200])) < 2_500_000
    assert np.mean([len(row.thumbnail) for row in rows if row.analysis]) < 5000


def answering(row: PhotoRow, code: str, outcome: str) -> PhotoRow:
    """A row as if its networks were sure of one diagnosis, with an outcome (as `Decision.shown`)."""
    analysis = row.analysis
    assert analysis is not None
    assert analysis.assessment is not None
    probabilities = np.full(7, 0.02)
    probabilities[CODES.index(code)] = 0.88
    malignant = float(probabilities[[0, 1, 4]].sum())
    outcome, _, other = outcome.partition(", ")
    decision = replace(
        analysis.assessment.decision,
        outcome=outcome,
        agreement=1.0,
        without_refusal=other or outcome.replace("not dermatoscopic", "not suspicious"),
    )
    assessment = replace(analysis.assessment, decision=decision)
    changed = {"probabilities": probabilities, "malignant_probability": malignant}
    return replace(row, analysis=replace(analysis, assessment=assessment, **changed))


@pytest.mark.parametrize(
    ("answers", "said", "unsaid"),
    [
        (
            ["mel suspicious"] * 3,
            [
                *(words.AGREEMENT, words.SAME_FIRST, words.SAME_OUTCOME, "Average of 3 photos"),
                *("single photos, with 8 views each", f"single photos {ENGLISH.percent(0.92)}</p>"),
            ],
            [],
        ),
        (
            ["mel suspicious", "nv not suspicious", "nv not suspicious"],
            [
                words.DISAGREEMENT,
                "disagree on the outcome: 2\u00a0×\u00a0Not suspicious, 1\u00a0×\u00a0Suspicious",
                "disagree on the first diagnosis: 2\u00a0×\u00a0Melanocytic naevus, "
                "1\u00a0×\u00a0Melanoma",
            ],
            [],
        ),
        (
            ["mel suspicious", "nv not dermatoscopic", "mel suspicious"],
            [words.LEFT_OUT.format(files="1.jpg"), "Average of 2 photos"],
            [],
        ),
        (
            ["nv not suspicious", "mel not dermatoscopic, suspicious"],
            [words.OUTCOMES["not dermatoscopic, suspicious"], REASONS["one_photo_suspicious"]],
            [OUTCOMES["not suspicious"]],
        ),
        (
            ["nv not suspicious", "nv uncertain", "nv not dermatoscopic, uncertain"],
            [
                *(OUTCOMES["not suspicious"], OUTCOME_MEANING["not suspicious"]),
                words.ONE_NOT_CLEARED.many.format(count=2),
            ],
            [],
        ),
        (
            ["nv not suspicious"] * 2,
            [OUTCOMES["not suspicious"], OUTCOME_MEANING["not suspicious"]],
            ["than this average"],
        ),
        (
            ["nv not dermatoscopic", "mel not dermatoscopic, suspicious"],
            [REASONS["not_dermatoscopic_suspicious"], words.JOINT_OF_REFUSED],
            [],
        ),
        (["mel suspicious", "nv not dermatoscopic"], [words.JOINT_OF_ONE], [words.AGREEMENT]),
        (
            ["nv not dermatoscopic"] * 2,
            [words.JOINT_OF_REFUSED, 'class="panel several outcome not-dermatoscopic"'],
            [words.AGREEMENT],
        ),
    ],
)
def test_the_joint_answer_says_how_far_the_photos_agree(
    ensemble: Ensemble,
    rows: tuple[PhotoRow, ...],
    answers: list[str],
    said: list[str],
    unsaid: list[str],
) -> None:
    photos = [
        answering(replace(rows[place], file=f"{place}.jpg"), *answer.split(" ", 1))
        for place, answer in enumerate(answers)
    ]
    html = angles_result(ENGLISH, ensemble, photos)
    assert [sentence for sentence in said if sentence not in html] == []
    assert [sentence for sentence in unsaid if sentence in html] == []
    joint = html[html.index('class="facts"') : html.index('class="total"')]
    assert joint.count("<tr>") == 1 + 7


def test_the_joint_answer_with_age_stands_beside_that_of_the_photos(
    ensemble: Ensemble, rows: tuple[PhotoRow, ...]
) -> None:
    photos = [answering(replace(rows[i], file=f"{i}.jpg"), "nv", "uncertain") for i in range(3)]
    html = angles_result(ENGLISH, ensemble, batch.of_patient(photos, Patient(85)))
    assert patient_words.WITH_AGE in html
    assert patient_words.ONLY_RAISES in html
    assert html[html.index('class="facts"') : html.index("</thead>")].count("<th ") == 4
    assert f"{ENGLISH.percent(0.88)} to {ENGLISH.percent(0.88)}" not in html  # one number, not a range
    assert patient_words.ONLY_RAISES not in angles_result(ENGLISH, ensemble, photos)


def test_broken_photos_and_a_picture_under_two_names_do_not_count(
    ensemble: Ensemble, rows: tuple[PhotoRow, ...]
) -> None:
    broken = PhotoRow("<i>.jpg", error=PhotoError("The file is empty."))
    for other, said in (
        (broken, "The file is empty."),
        (replace(rows[1], file="copy.jpg"), f"copy.jpg is the same picture as {rows[1].file}"),
    ):
        html = angles_result(ENGLISH, ensemble, [rows[1], other, rows[2]])
        assert said in html
        assert "Average of 2 photos" in html
        alone = angles_result(ENGLISH, ensemble, [rows[1], other])
        assert "An average needs 2 usable photos, and there is 1" in alone


def test_weights_without_limits_still_give_answers_without_an_outcome(
    ensemble: Ensemble, rows: tuple[PhotoRow, ...]
) -> None:
    bare = [
        replace(row, analysis=replace(row.analysis, assessment=None)) for row in rows if row.analysis
    ]
    html = batch_result(ENGLISH, bare)
    assert words.NO_OUTCOME in html
    assert words.NOT_CHECKED in html
    html = angles_result(ENGLISH, ensemble, bare)
    assert words.NO_OUTCOME in html
    assert "Average of 5 photos" in html
