"""One lesion from several angles, without a browser."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble
from skin_app.page.html import BY_CODE
from skin_app.page.one_photo.handlers import EXAMPLES, EXAMPLES_FOLDER
from skin_app.page.several import angles
from skin_app.page.several.batch import Row, run
from skin_app.photo.read import PhotoError
from skin_app.words import several as words
from skin_app.words.language import ENGLISH
from tests.page.test_batch import uploaded

Answering = Callable[[int, str, str], Row]


@pytest.fixture(scope="module")
def rows(ensemble: Ensemble, tmp_path_factory: pytest.TempPathFactory) -> tuple[Row, ...]:
    folder = tmp_path_factory.mktemp("uploads")
    files = [(name, (EXAMPLES_FOLDER / name).read_bytes()) for name in EXAMPLES]
    *_, last = run(ensemble, uploaded(folder, files), folder)
    return last.rows


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


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "choose some first"), (1, "2 photos or more"), (9, "9 photos, and one lesion takes 2 to 8")],
)
def test_a_lesion_takes_two_to_eight_photos(count: int, said: str) -> None:
    assert said in (angles.refusal(ENGLISH, count) or "")
    assert angles.refusal(ENGLISH, 2) is None
    assert angles.refusal(ENGLISH, 8) is None


def test_agreement_is_said_with_the_average_and_what_it_ranges_over(
    ensemble: Ensemble, answering: Answering
) -> None:
    photos = [answering(place, "mel", "suspicious") for place in range(3)]
    html = angles.result(ENGLISH, ensemble, photos)
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
    html = angles.result(ENGLISH, ensemble, photos)
    assert words.DISAGREEMENT in html
    assert "disagree on the outcome: 2 × Not suspicious, 1 × Suspicious" in html
    nevus, melanoma = (BY_CODE[code].name for code in ("nv", "mel"))
    assert f"disagree on the first diagnosis: 2 × {nevus}, 1 × {melanoma}" in html


def test_photo_that_is_not_dermatoscopic_is_named_and_left_out(
    ensemble: Ensemble, answering: Answering
) -> None:
    photos = [
        answering(0, "mel", "suspicious"),
        answering(1, "nv", "not dermatoscopic"),
        answering(2, "mel", "suspicious"),
    ]
    html = angles.result(ENGLISH, ensemble, photos)
    assert words.LEFT_OUT.format(files=photos[1].file) in html
    assert "Average of 2 photos" in html
    alone = angles.result(ENGLISH, ensemble, photos[:2])
    assert words.JOINT_OF_ONE in alone
    assert words.AGREEMENT not in alone


def test_lesion_of_refused_photos_alone_is_refused(ensemble: Ensemble, answering: Answering) -> None:
    photos = [answering(place, "nv", "not dermatoscopic") for place in (0, 1)]
    html = angles.result(ENGLISH, ensemble, photos)
    assert words.JOINT_OF_REFUSED in html
    assert 'class="panel several outcome not-dermatoscopic"' in html


def test_same_picture_under_two_names_counts_once(ensemble: Ensemble, rows: tuple[Row, ...]) -> None:
    copy = replace(rows[0], file="copy.jpg")
    html = angles.result(ENGLISH, ensemble, [rows[0], copy, rows[1]])
    assert f"copy.jpg is the same picture as {rows[0].file}" in html
    assert "Average of 2 photos" in html
    assert "there are 1" in angles.result(ENGLISH, ensemble, [rows[0], copy])


def test_broken_photo_is_named_and_the_others_are_averaged(
    ensemble: Ensemble, rows: tuple[Row, ...]
) -> None:
    broken = Row("<i>.jpg", error=PhotoError("The file is empty."))
    html = angles.result(ENGLISH, ensemble, [rows[0], broken, rows[1]])
    assert "Could not be used: &lt;i&gt;.jpg. The file is empty." in html
    assert "Average of 2 photos" in html
    assert "An average takes 2 photos" in angles.result(ENGLISH, ensemble, [rows[0], broken])


def test_weights_without_limits_still_give_an_average(
    ensemble: Ensemble, rows: tuple[Row, ...]
) -> None:
    bare = [
        replace(row, analysis=replace(row.analysis, assessment=None)) for row in rows if row.analysis
    ]
    html = angles.result(ENGLISH, ensemble, bare)
    assert words.NO_OUTCOME in html
    assert "Average of 4 photos" in html


def test_nothing_is_said_of_no_photos(ensemble: Ensemble) -> None:
    assert angles.result(ENGLISH, ensemble, ()) == ""
