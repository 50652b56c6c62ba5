"""The steps of one photo as plain functions, without a browser."""

from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from skin_app.analysis import Analysis
from skin_app.corrections import CORRECTIONS
from skin_app.ensemble import Ensemble
from skin_app.overlay import for_display
from skin_app.page.one_photo_handlers import (
    EXAMPLES,
    EXAMPLES_FOLDER,
    HELD_PIXELS,
    AnswerUpdate,
    Received,
    Shown,
    answer,
    compare_corrected,
    held_copy,
    receive,
    receive_example,
)
from skin_app.page.uploads_and_sessions import Desk, Waiting
from skin_app.photo.read import Photo, read_photo
from skin_app.words import page as words
from skin_app.words.language import ENGLISH

DRAWING = (EXAMPLES_FOLDER / "globules.jpg").read_bytes()
PHOTO = read_photo(EXAMPLES_FOLDER / "irregular-patchy.jpg")


def received(uploads: Path, data: bytes) -> Received:
    path = uploads / "0123abcd" / "photo.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return receive(ENGLISH, str(path), uploads)


def test_upload_is_read_and_decoded(tmp_path: Path) -> None:
    got = received(tmp_path, DRAWING)
    assert got.waiting is not None
    assert got.waiting.data == DRAWING
    assert got.display is not None
    assert np.array_equal(got.display.pixels, for_display(read_photo(DRAWING)).pixels)
    assert words.ANALYSING in got.status


def test_what_cannot_be_analysed_gives_its_sentence(tmp_path: Path) -> None:
    text = received(tmp_path, b"not an image")
    assert (text.waiting, text.display) == (None, None)
    assert "This is not a JPEG, PNG, WebP" in text.status
    assert "no longer held" in receive(ENGLISH, str(tmp_path / "gone.jpg"), tmp_path).status


def test_path_outside_of_the_uploads_is_refused_and_left_alone(tmp_path: Path) -> None:
    foreign, uploads = tmp_path / "foreign.jpg", tmp_path / "uploads"
    foreign.write_bytes(DRAWING)
    uploads.mkdir()
    with pytest.raises(ValueError, match="does not lead to an uploaded file"):
        receive(ENGLISH, str(uploads / ".." / "foreign.jpg"), uploads)
    assert foreign.exists()


@pytest.mark.parametrize("index", range(len(EXAMPLES)))
def test_examples_stay_where_they_are(index: int) -> None:
    got = receive_example(ENGLISH, index)
    assert got.waiting is not None
    assert got.display is not None
    assert (EXAMPLES_FOLDER / list(EXAMPLES)[index]).exists()


def answers(ensemble: Ensemble, desk: Desk) -> list[AnswerUpdate]:
    return list(answer(ENGLISH, ensemble, desk, "visitor"))


@pytest.fixture
def desk() -> Desk:
    """A visitor's photo waits on it."""
    desk = Desk()
    desk.put("visitor", receive_example(ENGLISH, 0).waiting)
    return desk


def test_quick_answer_comes_first_and_each_photo_is_analysed_once(
    ensemble: Ensemble, desk: Desk
) -> None:
    quick, full = answers(ensemble, desk)
    assert "Quick answer, refining …" in quick.status
    assert "2 networks × 1 view." in quick.status
    assert quick.shown is not None
    assert quick.shown.analysis.maps is None
    assert "Full answer" in full.status
    assert "2 networks × 8 views." in full.status
    assert "CPU" in full.status or "GPU" in full.status
    assert ensemble.weights.identity in full.status
    assert full.shown is not None
    assert full.shown.analysis.views == 8
    assert full.shown.token == quick.shown.token
    assert answers(ensemble, desk) == []


@pytest.mark.parametrize("newer", [Waiting(DRAWING), None])
def test_an_older_answer_is_not_given_once_another_photo_is_chosen_or_none(
    ensemble: Ensemble, desk: Desk, newer: Waiting | None
) -> None:
    desk.put("other", Waiting(DRAWING))
    older = answer(ENGLISH, ensemble, desk, "visitor")
    next(older)
    desk.put("visitor", newer)
    assert list(older) == []
    assert desk.knows("visitor") == (newer is not None)
    assert desk.take("visitor") is newer
    assert len(list(answer(ENGLISH, ensemble, desk, "other"))) == 2


def test_fault_clears_the_result_and_is_not_swallowed(
    ensemble: Ensemble, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Photo) -> Iterator[Analysis]:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(ensemble, "refine", broken)
    said = answer(ENGLISH, ensemble, desk, "visitor")
    answered = next(said)
    assert answered.shown is None
    assert words.FAULT in unescape(answered.status)
    with pytest.raises(RuntimeError, match="out of memory"):
        next(said)


def test_a_fault_with_an_older_photo_does_not_clear_a_newer_one(
    ensemble: Ensemble, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Photo) -> Iterator[Analysis]:
        desk.put("visitor", Waiting(DRAWING))
        raise RuntimeError("out of memory")

    monkeypatch.setattr(ensemble, "refine", broken)
    with pytest.raises(RuntimeError, match="out of memory"):
        next(answer(ENGLISH, ensemble, desk, "visitor"))


def test_a_large_photo_is_held_as_a_smaller_copy_for_corrections() -> None:
    small = Photo(np.zeros((450, 600, 3), np.uint8))
    assert held_copy(small) is small
    large = held_copy(Photo(np.zeros((3000, 4000, 3), np.uint8), damaged=True))
    assert large.width * large.height <= HELD_PIXELS
    assert large.width / large.height == pytest.approx(4 / 3, abs=0.01)
    assert large.damaged


@pytest.fixture(scope="module")
def shown(ensemble: Ensemble) -> Shown:
    return Shown(for_display(PHOTO), ensemble(PHOTO), PHOTO)


def test_a_corrected_copy_stands_beside_the_photo_each_with_its_answer(
    ensemble: Ensemble, shown: Shown
) -> None:
    html = unescape(compare_corrected(ENGLISH, ensemble, shown, "gamma"))
    assert html.count("<img") == 2
    for photo in (PHOTO, CORRECTIONS["gamma"](PHOTO)):
        analysis = ensemble(photo)
        shares = [entry.probability for entry in analysis.ranked[:3]]
        for share in (*shares, analysis.malignant_probability):
            assert ENGLISH.percent(share, digits=1) in html
    assert words.CORRECTIONS["gamma"] in html
    assert "smaller copy" not in html
    assert "smaller copy" in compare_corrected(ENGLISH, ensemble, replace(shown, is_copy=True), "gamma")


def test_what_a_correction_itself_caused_is_said(
    ensemble: Ensemble, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = words.CAUSED.partition("{")[0]
    assert said not in compare_corrected(ENGLISH, ensemble, shown, "gamma")
    monkeypatch.setitem(CORRECTIONS, "gamma", lambda photo: Photo(255 - photo.pixels, damaged=True))
    assert said in compare_corrected(ENGLISH, ensemble, shown, "gamma")


def test_the_crop_is_drawn_on_the_photo_as_it_came(ensemble: Ensemble, shown: Shown) -> None:
    y, x = np.indices(PHOTO.pixels.shape[:2])
    outside = (y - PHOTO.height / 2) ** 2 + (x - PHOTO.width / 2) ** 2 > (0.45 * PHOTO.height) ** 2
    circle = Photo(np.where(outside[..., None], 0, PHOTO.pixels).astype(np.uint8))
    html = compare_corrected(ENGLISH, ensemble, replace(shown, held=circle), "field of view")
    assert html.count('class="frame"') == 1
    assert words.CROP_DRAWN in html


def test_a_correction_that_changes_nothing_or_has_no_photo_says_so(
    ensemble: Ensemble, shown: Shown
) -> None:
    without_surround = replace(shown, held=Photo(PHOTO.pixels[100:350, 150:450]))
    html = compare_corrected(ENGLISH, ensemble, without_surround, "field of view")
    assert words.UNCHANGED in html
    assert "<img" not in html
    assert words.NO_LONGER_HELD in compare_corrected(ENGLISH, ensemble, None, "gamma")
    assert compare_corrected(ENGLISH, ensemble, shown, None) == ""
