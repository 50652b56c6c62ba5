"""Many photos in one go, without a browser."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.io import encode_jpeg

from skin_app.analysis import Analysis
from skin_app.ensemble import Ensemble
from skin_app.page import batch
from skin_app.page.batch import Upload, progress_status, run, time_left, uploads_of
from skin_app.page.one_photo_handlers import EXAMPLES_FOLDER
from skin_app.page.uploads_and_sessions import Sweeper
from skin_app.photo.read import Photo
from skin_app.words.language import ENGLISH
from tests.tiny import picture

DRAWING = (EXAMPLES_FOLDER / "globules.jpg").read_bytes()


def jpeg(seed: int, width: int = 96, height: int = 72) -> bytes:
    pixels = torch.from_numpy(picture(seed, width, height)).permute(2, 0, 1).contiguous()
    encoded = encode_jpeg(pixels)
    assert isinstance(encoded, torch.Tensor)
    return encoded.numpy().tobytes()


def uploaded(folder: Path, files: Sequence[tuple[str, bytes]]) -> tuple[Upload, ...]:
    """Files as gradio keeps them, each in a folder of its own, and as its file field names them."""
    chosen = []
    for place, (name, data) in enumerate(files):
        path = folder / f"{place:08x}" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        chosen.append({"path": str(path), "orig_name": name})
    return uploads_of(chosen)


def pictures(folder: Path, count: int) -> tuple[Upload, ...]:
    return uploaded(folder, [(f"{seed}.jpg", jpeg(seed)) for seed in range(count)])


def test_a_few_at_a_time_are_analysed_told_and_deleted(ensemble: Ensemble, tmp_path: Path) -> None:
    times = iter([0.0, 8.0, 20.0])
    told, left = [], []
    for progress in run(ensemble, pictures(tmp_path, 10), tmp_path, clock=lambda: next(times)):
        told.append(progress)
        left.append(len(list(tmp_path.rglob("*.jpg"))))
    assert [len(progress.rows) for progress in told] == [0, 4, 8, 10]
    assert left == [10, 6, 2, 0]
    assert [progress.end for progress in told] == ["", "", "", "done"]
    assert [progress.seconds_left for progress in told] == [None, 8 / 4 * 6, 20 / 8 * 2, 0]
    assert "4 of 10 photos are done; about 10 seconds left" in progress_status(ENGLISH, told[1])
    assert list(tmp_path.iterdir()) == []
    alone = ensemble(Photo(picture(3)))
    of_jpeg = told[-1].rows[3].analysis
    assert of_jpeg is not None
    assert of_jpeg.probabilities == pytest.approx(alone.probabilities, abs=0.05)


def test_what_is_kept_of_a_photo_is_small(ensemble: Ensemble, tmp_path: Path) -> None:
    chosen = uploaded(tmp_path, [("large.jpg", jpeg(1, 3000, 2000)), ("long.jpg", jpeg(1, 4000, 80))])
    *_, last = run(ensemble, chosen, tmp_path)
    large, long = last.rows
    assert len(large.photo) < 150_000
    assert len(large.thumbnail) < 10_000
    assert batch.as_shown(large).photo.pixels.shape == (400, 600, 3)
    assert batch.as_shown(long).photo.pixels.shape == (12, 600, 3)
    assert batch.as_shown(large).token != batch.as_shown(large).token


def test_broken_and_lost_files_become_rows_and_stop_nothing(ensemble: Ensemble, tmp_path: Path) -> None:
    contents = [b"not an image", jpeg(1), DRAWING[:5000], b"", jpeg(2), jpeg(3)]
    chosen = uploaded(tmp_path, [(f"{place}.jpg", data) for place, data in enumerate(contents)])
    Path(chosen[4].path).unlink()
    *_, last = run(ensemble, chosen, tmp_path)
    said = ["not a JPEG, PNG, WebP", "", "damaged or cut off", "empty", "no longer held", ""]
    for row, sentence in zip(last.rows, said, strict=True):
        assert (row.analysis is None) == bool(sentence)
        assert sentence in str(row.error)
    assert last.failed == 4
    assert "2 of 6 photos are done; 4 could not be used" in progress_status(ENGLISH, last)


def test_leaving_deletes_what_was_not_read(ensemble: Ensemble, tmp_path: Path) -> None:
    progress = run(ensemble, pictures(tmp_path, 9), tmp_path)
    next(progress)
    next(progress)
    progress.close()
    assert list(tmp_path.iterdir()) == []


def test_stopping_keeps_what_is_done_and_deletes_the_rest(ensemble: Ensemble, tmp_path: Path) -> None:
    asked = iter([False, False, True, True])  # before the first photo, and after each
    *_, last = run(ensemble, pictures(tmp_path, 9), tmp_path, lambda: next(asked, True))
    assert last.end == "stopped"
    assert len(last.rows) == 2
    assert "2 of 9 photos" in progress_status(ENGLISH, last)
    assert list(tmp_path.iterdir()) == []


def test_fault_gives_what_is_done_and_is_not_swallowed(
    ensemble: Ensemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyse_all = ensemble.analyse_all
    calls = []

    def broken_later(photos: Sequence[Photo], **named: Any) -> list[Analysis]:
        calls.append(photos)
        if len(calls) == 6:
            raise RuntimeError("out of memory")
        return analyse_all(photos, **named)

    monkeypatch.setattr(ensemble, "analyse_all", broken_later)
    progress = run(ensemble, pictures(tmp_path, 9), tmp_path)
    told = [next(progress) for _ in range(3)]
    assert told[-1].end == "fault"
    assert len(told[-1].rows) == 5
    assert 'role="alert"' in progress_status(ENGLISH, told[-1])
    with pytest.raises(RuntimeError, match="out of memory"):
        next(progress)
    with batch.TURNS.turn():  # was given back
        assert list(tmp_path.iterdir()) == []


def test_path_outside_of_the_uploads_is_refused_before_anything_is_read(
    ensemble: Ensemble, tmp_path: Path
) -> None:
    (foreign,) = uploaded(tmp_path, [("foreign.jpg", DRAWING)])
    (tmp_path / "uploads").mkdir()
    with pytest.raises(ValueError, match="does not lead to an uploaded file"):
        next(run(ensemble, (foreign,), tmp_path / "uploads"))
    assert Path(foreign.path).exists()


def test_uploads_that_wait_are_not_swept(ensemble: Ensemble, tmp_path: Path) -> None:
    """They can wait for hours of other photos; the sweep takes what nobody keeps."""
    chosen, now = pictures(tmp_path, 9), [0.0]
    sweeper = Sweeper(tmp_path, lambda: now[0])
    sweeper.sweep(older_than=60)
    progress = run(ensemble, chosen, tmp_path)
    next(progress)
    for _ in range(2):
        now[0] += 50
        next(progress)
        assert sweeper.sweep(older_than=60) == 0


def test_equal_names_are_told_apart(tmp_path: Path) -> None:
    one, two = uploaded(tmp_path, [("IMG_1.jpg", jpeg(1)), ("IMG_1.jpg", jpeg(2))])
    assert (one.file, two.file) == ("IMG_1.jpg", "IMG_1.jpg (2)")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (3, "a few seconds left"),
        (44, "about 40 seconds left"),
        (89, "about 90 seconds left"),
        (91, "about 2 minutes left"),
        (700, "about 12 minutes left"),
    ],
)
def test_time_left_is_said_without_false_precision(seconds: float, expected: str) -> None:
    assert time_left(ENGLISH, seconds) == expected
