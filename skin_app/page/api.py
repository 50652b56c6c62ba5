"""The machine API: `analyse` one photo, `score` several. Same numbers as the page and the CLI.

What is wrong with a call is one English sentence, whatever the language of the page: docs/api.md.
"""

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal, TypedDict, cast

import gradio as gr
from gradio import FileData
from gradio.events import api
from pydantic import TypeAdapter, ValidationError

from skin_app.analysis import Analysis
from skin_app.ensemble import Ensemble
from skin_app.page.queues import BATCHES, NETWORKS, TURNS
from skin_app.page.uploads_and_sessions import delete, read
from skin_app.photo.read import Photo, PhotoError, read_photo
from skin_app.report.csv_rows import csv_row, error_row
from skin_app.report.json_record import Record, record
from skin_app.views import VIEWS

MOST_PHOTOS = 200
MOST_BYTES = 300_000_000
NO_FILE = "Pass each photo as an uploaded file: in the Python client, as handle_file(path)."
NO_UPLOAD = "The path does not lead to an uploaded file, or it was deleted: upload the photo again."
WRONG_VIEWS = f"The number of views is 1 or {VIEWS}."
NO_PHOTOS = "There is no photo to score: pass at least one."
TOO_MANY = "There are {count} photos: send at most {limit} in one call."
TOO_LARGE = "The photos have more than {limit} MB together: send fewer in one call."


class Row(TypedDict):
    """A row of the CSV report: numbers rounded as there, null or "" where the CSV has nothing.

    `error`: why this photo has no numbers, "" where it has.
    """

    file: str
    p_akiec: float | None
    p_bcc: float | None
    p_bkl: float | None
    p_df: float | None
    p_mel: float | None
    p_nv: float | None
    p_vasc: float | None
    top1: str
    top1_probability: float | None
    malignant_probability: float | None
    outcome: str
    without_refusal: str
    prediction_set: str
    novelty: float | None
    quality: str
    to_check: str
    agreement: float | None
    error: str


NUMBERS = tuple(column for column, type_ in Row.__annotations__.items() if type_ is not str)


def add_endpoints(ensemble: Ensemble, uploads: Path) -> None:
    """Add `/analyse` and `/score` to the blocks that are being built.

    `uploads`: the private folder of gradio's uploads; any other path that a caller names is refused.
    """

    def analyse(photo: FileData, views: Literal[1, 8] = VIEWS) -> Record:
        """Analyse one dermatoscopic photo (JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP) from 8 views, or 1.

        Research demo, not a medical device.
        """
        return analysed(ensemble, uploads, photo, views)

    def score(photos: list[FileData]) -> list[Row]:
        """Score dermatoscopic photos: a row each, in their order, with its error where one failed.

        Research demo, not a medical device.
        """
        return scored(ensemble, uploads, photos)

    api(analyse, api_name="analyse", **NETWORKS)
    api(score, api_name="score", **BATCHES)


def analysed(ensemble: Ensemble, uploads: Path, photo: object, views: object) -> Record:
    """One photo's record. Its file is deleted before the analysis, and on errors.

    `photo`, `views`: whatever a client sent. Raises `gr.Error` with one sentence.
    """
    ((_, content),) = _taken([photo], uploads)
    if type(views) is not int or views not in (1, VIEWS):
        raise _refusal(WRONG_VIEWS)
    try:
        photo = _decoded(content)
    except PhotoError as error:
        raise _refusal(str(error)) from None
    return record(ensemble(photo, views), datetime.now(timezone.utc))


def scored(ensemble: Ensemble, uploads: Path, photos: object) -> list[Row]:
    """A row a photo, its error in it where there is one. All files are deleted before the analysis.

    `photos`: whatever a client sent. Raises `gr.Error` with one sentence where the call as a whole is
    wrong; its files are deleted then too.
    """
    if not isinstance(photos, list):
        raise _refusal(NO_FILE)
    few_at_a_time = ensemble.analyse_files(
        _taken(photos, uploads),
        lambda taken: _decoded(taken[1]),
        with_maps=False,
        turn=lambda: TURNS,  # the photos of others come between
    )
    return [_row(name, result) for few in few_at_a_time for (name, _), result in few]


def _taken(sent: Sequence[object], uploads: Path) -> list[tuple[Path, bytes | PhotoError]]:
    """Names and contents of uploads, or why one cannot be read; afterwards all their files are gone."""
    files = [_file(item) for item in sent]
    held = [file.path for file in files if file is not None and _is_upload(file.path, uploads)]
    try:
        if not files:
            raise _refusal(NO_PHOTOS)
        if len(files) > MOST_PHOTOS:
            raise _refusal(TOO_MANY.format(count=len(files), limit=MOST_PHOTOS))
        taken, total = [], 0
        for file in files:
            if file is None:
                raise _refusal(NO_FILE)
            content = _content(file.path, uploads) if file.path in held else PhotoError(NO_UPLOAD)
            total += len(content) if isinstance(content, bytes) else 0
            if total > MOST_BYTES:
                raise _refusal(TOO_LARGE.format(limit=MOST_BYTES // 1_000_000))
            taken.append((Path(Path(file.orig_name or file.path).name), content))
        return taken
    finally:
        for path in held:
            delete(path, uploads)


def _file(item: object) -> FileData | None:
    try:
        return TypeAdapter(FileData).validate_python(item)
    except ValidationError:
        return None


def _is_upload(path: str, uploads: Path) -> bool:
    try:
        upload = Path(path).resolve()
        return upload.is_relative_to(uploads.resolve()) and upload.is_file()
    except (ValueError, OSError):  # no path at all: a zero byte, or thousands of letters
        return False


def _content(path: str, uploads: Path) -> bytes | PhotoError:
    try:
        return read(path, uploads)
    except PhotoError as error:
        return error


def _decoded(content: bytes | PhotoError) -> Photo:
    if isinstance(content, PhotoError):
        raise content
    return read_photo(content)


def _row(name: Path, result: Analysis | PhotoError) -> Row:
    cells = error_row(name, str(result)) if isinstance(result, PhotoError) else csv_row(name, result)
    numbers = {column: float(cells[column]) if cells[column] else None for column in NUMBERS}
    return cast(Row, cells | numbers)


def _refusal(sentence: str) -> gr.Error:
    return gr.Error(sentence, print_exception=False)
