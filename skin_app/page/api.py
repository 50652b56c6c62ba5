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
from skin_app.context import NOT_STATED_PATIENT, Patient
from skin_app.ensemble import Ensemble
from skin_app.page.queues import BATCHES, NETWORKS, TURNS
from skin_app.page.uploads_and_sessions import delete, read
from skin_app.photo.read import Photo, PhotoError, read_photo
from skin_app.report.csv_rows import csv_row, error_row
from skin_app.report.json_record import Record, record
from skin_app.stated_patients import stated_patient
from skin_app.views import VIEWS

MOST_PHOTOS = 200
MOST_BYTES = 300_000_000
NO_FILE = "Pass each photo as an uploaded file: in the Python client, as handle_file(path)."
NO_UPLOAD = "The path does not lead to an uploaded file, or it was deleted: upload the photo again."
WRONG_VIEWS = f"The number of views is 1 or {VIEWS}."
NO_PHOTOS = "There is no photo to score: pass at least one."
TOO_MANY = "There are {count} photos: send at most {limit} in one call."
OTHER_LENGTH = "Pass ages and sexes as lists with one value a photo, null where it is not stated."
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
    age: float | None
    sex: str
    photo_outcome: str
    p_akiec_in_context: float | None
    p_bcc_in_context: float | None
    p_bkl_in_context: float | None
    p_df_in_context: float | None
    p_mel_in_context: float | None
    p_nv_in_context: float | None
    p_vasc_in_context: float | None
    top1_in_context: str
    malignant_probability_in_context: float | None
    error: str


NUMBERS = tuple(column for column, type_ in Row.__annotations__.items() if type_ is not str)


def add_endpoints(ensemble: Ensemble, uploads: Path) -> None:
    """Add `/analyse` and `/score` to the blocks that are being built.

    `uploads`: the private folder of gradio's uploads; any other path that a caller names is refused.
    """

    def analyse(
        photo: FileData,
        views: Literal[1, 8] = VIEWS,
        age: float | str | None = None,
        sex: str | None = None,
    ) -> Record:
        """Analyse one dermatoscopic photo (JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP) from 8 views, or 1.

        With the patient's age in years, and sex, also with both. Research demo, not a medical device.
        """
        return analysed(ensemble, uploads, photo, views, stated_patient(age, sex))

    def score(
        photos: list[FileData],
        ages: list[float | str | None] | None = None,
        sexes: list[str | None] | None = None,
    ) -> list[Row]:
        """Score dermatoscopic photos: a row each, in their order, with its error where one failed.

        With an age in years and a sex for each photo, also with both. Research demo, not a medical
        device.
        """
        return scored(ensemble, uploads, photos, ages, sexes)

    api(analyse, api_name="analyse", **NETWORKS)
    api(score, api_name="score", **BATCHES)


def analysed(
    ensemble: Ensemble,
    uploads: Path,
    photo: object,
    views: object,
    patient: Patient = NOT_STATED_PATIENT,
) -> Record:
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
    return record(ensemble(photo, views).with_patient(patient), datetime.now(timezone.utc))


def scored(
    ensemble: Ensemble, uploads: Path, photos: object, ages: object = None, sexes: object = None
) -> list[Row]:
    """A row a photo, its error in it where there is one. All files are deleted before the analysis.

    `photos`, `ages`, `sexes`: whatever a client sent. Raises `gr.Error` with one sentence where
    the call as a whole is wrong; its files are deleted then too.
    """
    if not isinstance(photos, list):
        raise _refusal(NO_FILE)
    taken = _taken(photos, uploads)
    patients = map(stated_patient, _for_each(ages, taken), _for_each(sexes, taken))
    few_at_a_time = ensemble.analyse_files(
        taken,
        lambda taken: _decoded(taken[1]),
        with_maps=False,
        turn=lambda: TURNS,  # the photos of others come between
    )
    results = (one for few in few_at_a_time for one in few)
    return [_row(name, result, own) for ((name, _), result), own in zip(results, patients, strict=True)]


def _for_each(values: object, photos: Sequence[object]) -> Sequence[object]:
    """What a client sent for each photo; None for each where it sent nothing."""
    if values is None:
        return [None] * len(photos)
    if not isinstance(values, list) or len(values) != len(photos):
        raise _refusal(OTHER_LENGTH)
    return values


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


def _row(name: Path, result: Analysis | PhotoError, patient: Patient) -> Row:
    if isinstance(result, PhotoError):
        cells = error_row(name, str(result))
    else:
        cells = csv_row(name, result.with_patient(patient))
    numbers = {column: float(cells[column]) if cells[column] else None for column in NUMBERS}
    return cast(Row, cells | numbers)


def _refusal(sentence: str) -> gr.Error:
    return gr.Error(sentence, print_exception=False)
