"""Handlers as plain functions, without a browser."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from skin_app.ensemble import Analysis, Ensemble
from skin_app.interface import words
from skin_app.interface.handlers import (
    EXAMPLES_FOLDER,
    HELD_PIXELS,
    Received,
    answer,
    held_copy,
    receive,
    receive_example,
)
from skin_app.language import ENGLISH
from skin_app.photo import Photo
from skin_app.synthetic import EXAMPLES

DRAWING = (EXAMPLES_FOLDER / "globules.jpg").read_bytes()


def uploaded(uploads: Path, data: bytes, name: str = "photo.jpg") -> Path:
    path = uploads / "0123abcd" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return path


def received_once(path: Path | None, uploads: Path) -> Received:
    (received,) = receive(ENGLISH, str(path) if path else None, uploads)
    return received


def test_upload_is_read_decoded_and_deleted(tmp_path: Path) -> None:
    received = received_once(uploaded(tmp_path, DRAWING), tmp_path)
    assert received.waiting is not None
    assert received.waiting.pixels.shape == (450, 600, 3)
    assert (received.preview or "").startswith("data:image/jpeg;base64,")
    assert list(tmp_path.iterdir()) == []


def test_upload_is_deleted_even_when_the_page_is_left_before_the_answer_arrived(
    tmp_path: Path,
) -> None:
    generator = receive(ENGLISH, str(uploaded(tmp_path, DRAWING)), tmp_path)
    next(generator)
    generator.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert list(tmp_path.iterdir()) == []


def test_text_named_jpg_gives_its_sentence_and_is_deleted(tmp_path: Path) -> None:
    received = received_once(uploaded(tmp_path, b"not an image"), tmp_path)
    assert received.preview is None
    assert received.waiting is None
    assert "This is not a JPEG, PNG or WebP image" in received.status
    assert list(tmp_path.iterdir()) == []


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
    assert receive_example(ENGLISH, index).waiting is not None
    assert (EXAMPLES_FOLDER / list(EXAMPLES)[index]).exists()


def test_quick_answer_comes_first_and_is_named_as_such(ensemble: Ensemble) -> None:
    quick, full = answer(ENGLISH, ensemble, receive_example(ENGLISH, 0).waiting)
    assert "Quick answer from 2 members × 1 view; refining" in quick.status
    assert "Answer from 2 members × 8 views." in full.status
    assert "CPU" in full.status or "GPU" in full.status
    assert ensemble.weights.identity in full.status
    assert full.shown is not None
    assert full.shown.analysis.views == 8


def test_without_a_photo_there_is_a_sentence(ensemble: Ensemble) -> None:
    (answered,) = answer(ENGLISH, ensemble, None)
    assert words.NOTHING_CHOSEN in answered.status
    assert answered.shown is None


def test_what_is_shown_is_shown_again_without_running_the_networks(ensemble: Ensemble) -> None:
    *_, full = answer(ENGLISH, ensemble, receive_example(ENGLISH, 0).waiting)
    (again,) = answer(ENGLISH, ensemble, None, full.shown)
    assert again.shown is full.shown


def test_fault_clears_the_result_and_is_not_swallowed(
    ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Photo) -> Iterator[Analysis]:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(ensemble, "refine", broken)
    answers = answer(ENGLISH, ensemble, receive_example(ENGLISH, 0).waiting)
    answered = next(answers)
    assert answered.shown is None
    assert words.FAULT in answered.status.replace("&#x27;", "'")
    with pytest.raises(RuntimeError, match="out of memory"):
        next(answers)


def test_a_large_photo_is_held_as_a_smaller_copy_for_corrections() -> None:
    small = Photo(np.zeros((450, 600, 3), np.uint8))
    assert held_copy(small) is small
    large = held_copy(Photo(np.zeros((3000, 4000, 3), np.uint8)))
    assert large.width * large.height <= HELD_PIXELS
    assert large.width / large.height == pytest.approx(4 / 3, abs=0.01)
