"""Many photos in one go, without a browser."""

import base64
import csv
import io
import os
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.io import encode_jpeg

from skin_app.analysis import Analysis
from skin_app.ensemble import AT_A_TIME, Ensemble
from skin_app.page.one_photo.handlers import EXAMPLES, EXAMPLES_FOLDER
from skin_app.page.sessions import sweep
from skin_app.page.several import batch
from skin_app.page.several import table as batch_table
from skin_app.page.several.batch import Progress, Row, Upload, ranked, run, uploads_of
from skin_app.photo.read import Photo
from skin_app.report.csv_rows import CSV_COLUMNS
from skin_app.words import several as words
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
    chosen = pictures(tmp_path, 2 * AT_A_TIME + 1)
    left = []
    told = []
    for progress in run(ensemble, chosen, tmp_path):
        told.append(progress)
        left.append(len(list(tmp_path.rglob("*.jpg"))))
    assert [len(progress.rows) for progress in told] == [0, 4, 8, 9]
    assert left == [9, 5, 1, 0]
    assert [progress.end for progress in told] == ["", "", "", "done"]
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
    assert batch.shown(large).photo.pixels.shape == (400, 600, 3)
    assert batch.shown(long).photo.pixels.shape == (12, 600, 3)
    assert batch.shown(large).token != batch.shown(large).token


def test_broken_files_become_rows_and_stop_nothing(ensemble: Ensemble, tmp_path: Path) -> None:
    chosen = uploaded(
        tmp_path,
        [
            ("notes.jpg", b"not an image"),
            ("a.jpg", jpeg(1)),
            ("cut.jpg", DRAWING[:5000]),
            ("b.jpg", jpeg(2)),
        ],
    )
    *_, last = run(ensemble, chosen, tmp_path)
    assert [row.analysis is None for row in last.rows] == [True, False, True, False]
    assert "not a JPEG, PNG, WebP" in str(last.rows[0].error)
    assert "damaged or cut off" in str(last.rows[2].error)
    assert last.failed == 2
    assert "2 of 4 photos are done; 2 could not be used" in batch_table.progress_status(ENGLISH, last)


def test_only_broken_files_run_no_network(ensemble: Ensemble, tmp_path: Path) -> None:
    *_, last = run(ensemble, uploaded(tmp_path, [("a.jpg", b"")]), tmp_path)
    assert "empty" in str(last.rows[0].error)


def test_upload_that_was_swept_is_explained_in_its_row(ensemble: Ensemble, tmp_path: Path) -> None:
    chosen = pictures(tmp_path, 2)
    Path(chosen[0].path).unlink()
    *_, last = run(ensemble, chosen, tmp_path)
    assert "no longer held" in str(last.rows[0].error)
    assert last.rows[1].analysis is not None


def test_leaving_deletes_what_was_not_read(ensemble: Ensemble, tmp_path: Path) -> None:
    progress = run(ensemble, pictures(tmp_path, 9), tmp_path)
    next(progress)
    next(progress)
    progress.close()
    assert list(tmp_path.iterdir()) == []


def test_stopping_keeps_what_is_done_and_deletes_the_rest(ensemble: Ensemble, tmp_path: Path) -> None:
    asked = iter([False, False, True, True])
    *_, last = run(ensemble, pictures(tmp_path, 9), tmp_path, lambda: next(asked, True))
    assert last.end == "stopped"
    assert len(last.rows) == AT_A_TIME
    assert "4 of 9 photos" in batch_table.progress_status(ENGLISH, last)
    assert list(tmp_path.iterdir()) == []


def test_fault_gives_what_is_done_and_is_not_swallowed(
    ensemble: Ensemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyse_all = ensemble.analyse_all
    calls = []

    def broken_later(photos: Sequence[Photo], **named: Any) -> list[Analysis]:
        calls.append(photos)
        if len(calls) == 2:
            raise RuntimeError("out of memory")
        return analyse_all(photos, **named)

    monkeypatch.setattr(ensemble, "analyse_all", broken_later)
    progress = run(ensemble, pictures(tmp_path, 9), tmp_path)
    told = [next(progress) for _ in range(3)]
    assert told[-1].end == "fault"
    assert len(told[-1].rows) == AT_A_TIME
    assert 'role="alert"' in batch_table.progress_status(ENGLISH, told[-1])
    with pytest.raises(RuntimeError, match="out of memory"):
        next(progress)
    assert list(tmp_path.iterdir()) == []
    assert not batch.TURNS.locked()


def test_path_outside_of_the_uploads_is_refused_before_anything_is_read(
    ensemble: Ensemble, tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign.jpg"
    foreign.write_bytes(DRAWING)
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    with pytest.raises(ValueError, match="does not lead to an uploaded file"):
        next(run(ensemble, (Upload(str(foreign), "foreign.jpg"),), uploads))
    assert foreign.exists()


def test_uploads_that_wait_are_not_swept(ensemble: Ensemble, tmp_path: Path) -> None:
    """They can wait for hours of other photos; the sweep takes what is five minutes old."""
    chosen = pictures(tmp_path, 9)
    progress = run(ensemble, chosen, tmp_path)
    next(progress)
    for _ in range(2):
        for path in tmp_path.rglob("*.jpg"):
            long_ago = time.time() - 280
            os.utime(path, (long_ago, long_ago))
        next(progress)
        assert sweep(tmp_path, older_than=60) == 0


def test_files_of_a_long_upload_are_not_swept_before_the_last_has_arrived(tmp_path: Path) -> None:
    """gradio writes them into the folder itself and moves them when all are there."""
    arriving = tmp_path / "tmp1a2b"
    arriving.write_bytes(b"x")
    for minutes, swept in ((10, 0), (61, 1)):
        long_ago = time.time() - 60 * minutes
        os.utime(arriving, (long_ago, long_ago))
        assert sweep(tmp_path) == swept


def test_equal_names_are_told_apart(tmp_path: Path) -> None:
    one, two = uploaded(tmp_path, [("IMG_1.jpg", jpeg(1)), ("IMG_1.jpg", jpeg(2))])
    assert (one.file, two.file) == ("IMG_1.jpg", "IMG_1.jpg (2)")


def test_time_left_follows_from_the_rate_so_far(ensemble: Ensemble, tmp_path: Path) -> None:
    times = iter([0.0, 8.0, 20.0])
    told = list(run(ensemble, pictures(tmp_path, 10), tmp_path, clock=lambda: next(times)))
    assert [progress.seconds_left for progress in told] == [None, 8 / 4 * 6, 20 / 8 * 2, 0]
    assert "4 of 10 photos are done; about 10 seconds left" in batch_table.progress_status(
        ENGLISH, told[1]
    )


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
    assert batch_table.time_left(ENGLISH, seconds) == expected


def test_too_many_photos_are_refused_in_one_sentence() -> None:
    assert batch_table.refusal(ENGLISH, 200) is None
    assert "201 photos, more than the 200" in (batch_table.refusal(ENGLISH, 201) or "")
    assert batch_table.refusal(ENGLISH, 0) == words.NOTHING_CHOSEN


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
    html = batch_table.results(ENGLISH, rows)
    table = html[html.index("<tbody>") : html.index("</tbody>")]
    assert re.findall(r'data-row="(\d)"', table) == ["0", "1", "2", "3", "4"]
    assert "6." in table
    assert "not a JPEG, PNG, WebP" in table
    assert "<b>=1" not in html
    assert "&lt;b&gt;=1+1 &amp; &#x27;x&#x27;.jpg" in table
    assert table.count("<img") == 5


def test_gallery_has_the_same_order_and_says_what_it_shows(rows: tuple[Row, ...]) -> None:
    gallery = batch_table.gallery(ENGLISH, rows)
    assert re.findall(r'data-row="(\d)"', gallery) == ["0", "1", "2", "3", "4"]
    alts = re.findall(r'alt="([^"]+)"', gallery)
    assert len(alts) == 5
    assert all(alt.startswith(f"Photo {place}, ") for place, alt in enumerate(alts, start=1))


def test_running_table_is_short_and_has_no_pictures(rows: tuple[Row, ...]) -> None:
    html = batch_table.running(ENGLISH, Progress(rows * 10, 100, 60.0))
    assert "<img" not in html
    assert html.count("<tr>") == 1 + batch_table.TOP
    assert batch_table.running(ENGLISH, Progress((), 100)) == ""


def test_download_is_the_reports_csv_in_the_tables_order(rows: tuple[Row, ...]) -> None:
    link = batch_table.download(ENGLISH, rows)
    data = base64.b64decode(link.split("base64,")[1].split('"')[0]).decode("utf-8-sig")
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
    html = batch_table.results(ENGLISH, [bare])
    assert words.NO_OUTCOME in html
    assert words.NOT_CHECKED in html


def test_rows_that_are_gone_or_have_no_answer_do_not_open(rows: tuple[Row, ...]) -> None:
    assert batch.opened(rows, 0) is rows[0]
    assert all(batch.opened(rows, place) is None for place in (-1, 5, 6))
    assert batch.opened(None, 0) is None


def test_two_hundred_rows_are_a_small_page(rows: tuple[Row, ...]) -> None:
    assert len(batch_table.results(ENGLISH, (rows * 40)[:200])) < 2_500_000
    assert np.mean([len(row.thumbnail) for row in rows if row.analysis]) < 5000
