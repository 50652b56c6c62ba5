"""Handlers as plain functions, without a browser."""

from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from skin_app.analysis import Analysis
from skin_app.corrections import CORRECTIONS
from skin_app.display import for_display
from skin_app.ensemble import Ensemble
from skin_app.language import ENGLISH
from skin_app.page.one_photo_handlers import (
    EXAMPLES,
    EXAMPLES_FOLDER,
    HELD_PIXELS,
    Answered,
    Received,
    Shown,
    again,
    answer,
    compare,
    held_copy,
    receive,
    receive_example,
)
from skin_app.page.uploads_and_sessions import VISITORS, Desk
from skin_app.photo.read import Photo, read_photo
from skin_app.words import page as words

DRAWING = (EXAMPLES_FOLDER / "globules.jpg").read_bytes()
PHOTO = read_photo(EXAMPLES_FOLDER / "irregular-patchy.jpg")


def uploaded(uploads: Path, data: bytes, name: str = "photo.jpg") -> Path:
    path = uploads / "0123abcd" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return path


def received_once(path: Path | None, uploads: Path) -> Received:
    return receive(ENGLISH, str(path) if path else None, uploads)


def test_upload_is_read_and_decoded(tmp_path: Path) -> None:
    received = received_once(uploaded(tmp_path, DRAWING), tmp_path)
    assert received.data == DRAWING
    assert (received.preview or "").startswith("data:image/jpeg;base64,")


def test_files_are_given_back_for_deletion_once() -> None:
    desk = Desk()
    desk.hold("visitor", "one")
    desk.hold("visitor", "two")
    desk.put("visitor", None)
    assert desk.release("other") == []
    assert desk.release("visitor") == ["one", "two"]
    assert desk.release("visitor") == []


def test_text_named_jpg_gives_its_sentence(tmp_path: Path) -> None:
    received = received_once(uploaded(tmp_path, b"not an image"), tmp_path)
    assert received.preview is None
    assert received.data is None
    assert "This is not a JPEG, PNG, WebP" in received.status


def test_file_that_is_gone_is_explained(tmp_path: Path) -> None:
    received = received_once(tmp_path / "gone.jpg", tmp_path)
    assert "no longer held" in received.status


def test_path_outside_of_the_uploads_is_refused_and_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.jpg"
    foreign.write_bytes(DRAWING)
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    with pytest.raises(ValueError, match="does not lead to an uploaded file"):
        received_once(uploads / ".." / "foreign.jpg", uploads)
    assert foreign.exists()


def test_emptied_field_says_so(tmp_path: Path) -> None:
    assert words.IDLE in received_once(None, tmp_path).status


@pytest.mark.parametrize("index", range(len(EXAMPLES)))
def test_examples_stay_where_they_are(index: int) -> None:
    assert receive_example(ENGLISH, index).data is not None
    assert (EXAMPLES_FOLDER / list(EXAMPLES)[index]).exists()


def answers(ensemble: Ensemble, desk: Desk) -> list[Answered]:
    return list(answer(ENGLISH, ensemble, desk, "visitor"))


def desk_with(index: int) -> Desk:
    desk = Desk()
    desk.put("visitor", receive_example(ENGLISH, index).data)
    return desk


def test_quick_answer_comes_first_and_is_named_as_such(ensemble: Ensemble) -> None:
    quick, full = answers(ensemble, desk_with(0))
    assert "Quick answer from 2 members × 1 view; refining" in quick.status
    assert quick.shown is not None
    assert quick.shown.analysis.maps is None
    assert "Answer from 2 members × 8 views." in full.status
    assert "CPU" in full.status or "GPU" in full.status
    assert ensemble.weights.identity in full.status
    assert full.shown is not None
    assert full.shown.analysis.views == 8
    assert full.shown.token == quick.shown.token


def test_a_photo_is_analysed_once(ensemble: Ensemble) -> None:
    desk = desk_with(0)
    assert len(answers(ensemble, desk)) == 2
    assert answers(ensemble, desk) == []


def test_an_older_answer_is_not_given_once_a_newer_photo_is_chosen(ensemble: Ensemble) -> None:
    desk = desk_with(0)
    older = answer(ENGLISH, ensemble, desk, "visitor")
    next(older)
    desk.put("visitor", receive_example(ENGLISH, 1).data)
    assert list(older) == []
    *_, newer = answers(ensemble, desk)
    assert newer.shown is not None
    assert desk.wants("visitor", newer.shown.token)


def test_an_emptied_field_stops_the_answer_and_others_go_on(ensemble: Ensemble) -> None:
    desk = desk_with(0)
    desk.put("other", receive_example(ENGLISH, 2).data)
    own = answer(ENGLISH, ensemble, desk, "visitor")
    next(own)
    desk.put("visitor", None)
    assert list(own) == []
    assert not desk.knows("visitor")
    assert len(list(answer(ENGLISH, ensemble, desk, "other"))) == 2


def test_a_photo_that_took_longer_to_read_does_not_replace_what_was_chosen_after_it() -> None:
    desk = Desk()
    large, removed = desk.turn(), desk.turn()
    assert desk.put("visitor", None, removed)
    assert desk.put("other", b"photo", large)
    assert not desk.put("visitor", b"large", large)
    assert not desk.knows("visitor")
    assert desk.put("visitor", b"next", desk.turn())
    assert desk.waits("visitor")


def test_the_desk_holds_a_bounded_number_of_visitors() -> None:
    desk = Desk()
    for number in range(VISITORS + 3):
        desk.put(str(number), b"photo")
    assert not desk.knows("0")
    assert desk.take("2") is None
    assert desk.take("3") is not None
    desk.forget("3")
    assert not desk.knows("3")


def test_asking_again_shows_the_result_or_says_what_to_do(ensemble: Ensemble) -> None:
    nothing = again(ENGLISH, Desk(), "visitor", None)
    assert nothing is not None
    assert words.NOTHING_CHOSEN in nothing.status
    desk = desk_with(0)
    assert again(ENGLISH, desk, "visitor", None) is None  # it waits for its turn
    *_, full = answers(ensemble, desk)
    repeated = again(ENGLISH, desk, "visitor", full.shown)
    assert repeated is not None
    assert repeated.shown is full.shown
    expired = again(ENGLISH, desk, "visitor", None)
    assert expired is not None
    assert words.NO_LONGER_HELD in expired.status


def test_fault_clears_the_result_and_is_not_swallowed(
    ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Photo) -> Iterator[Analysis]:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(ensemble, "refine", broken)
    said = answer(ENGLISH, ensemble, desk_with(0), "visitor")
    answered = next(said)
    assert answered.shown is None
    assert words.FAULT in unescape(answered.status)
    with pytest.raises(RuntimeError, match="out of memory"):
        next(said)


def test_a_large_photo_is_held_as_a_smaller_copy_for_corrections() -> None:
    small = Photo(np.zeros((450, 600, 3), np.uint8))
    assert held_copy(small) is small
    large = held_copy(Photo(np.zeros((3000, 4000, 3), np.uint8)))
    assert large.width * large.height <= HELD_PIXELS
    assert large.width / large.height == pytest.approx(4 / 3, abs=0.01)
    assert held_copy(replace(large, pixels=np.zeros((3000, 4000, 3), np.uint8), damaged=True)).damaged


def shown_of(ensemble: Ensemble, photo: Photo, is_copy: bool = False) -> Shown:
    return Shown(for_display(photo), ensemble(photo), photo, is_copy, "token")


def in_a_black_circle(photo: Photo) -> Photo:
    y, x = np.indices(photo.pixels.shape[:2])
    outside = (y - photo.height / 2) ** 2 + (x - photo.width / 2) ** 2 > (0.45 * photo.height) ** 2
    return Photo(np.where(outside[..., None], 0, photo.pixels).astype(np.uint8))


@pytest.mark.parametrize("name", ["gamma", "colour constancy"])
def test_both_answers_stand_side_by_side(ensemble: Ensemble, name: str) -> None:
    html = compare(ENGLISH, ensemble, shown_of(ensemble, PHOTO), name)
    assert html.count("<img") == 2
    html = html.replace("&lt;", "<").replace("&gt;", ">")
    for photo in (PHOTO, CORRECTIONS[name](PHOTO)):
        analysis = ensemble(photo)
        for entry in analysis.ranked[:3]:
            assert ENGLISH.percent(entry.probability) in html
        assert ENGLISH.percent(analysis.malignant_probability) in html
    assert words.CORRECTIONS[name] in html


def test_the_crop_is_drawn_on_the_photo_as_it_came(ensemble: Ensemble) -> None:
    photo = in_a_black_circle(PHOTO)
    html = compare(ENGLISH, ensemble, shown_of(ensemble, photo), "field of view")
    assert html.count('class="frame"') == 1
    assert words.CROP_DRAWN in html


def test_a_correction_that_changes_nothing_says_so(ensemble: Ensemble) -> None:
    without_surround = Photo(PHOTO.pixels[100:350, 150:450])
    html = compare(ENGLISH, ensemble, shown_of(ensemble, without_surround), "field of view")
    assert words.UNCHANGED in html
    assert "<img" not in html


def test_that_a_smaller_copy_was_corrected_is_said(ensemble: Ensemble) -> None:
    assert "smaller copy" in compare(ENGLISH, ensemble, shown_of(ensemble, PHOTO, True), "gamma")
    assert "smaller copy" not in compare(ENGLISH, ensemble, shown_of(ensemble, PHOTO), "gamma")


def test_nothing_chosen_is_nothing_and_a_forgotten_photo_is_explained(ensemble: Ensemble) -> None:
    assert compare(ENGLISH, ensemble, None, None) == ""
    assert words.NO_LONGER_HELD in compare(ENGLISH, ensemble, None, "gamma")
