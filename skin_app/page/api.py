"""The machine API: `analyse` one photo, `score` several. Same numbers as the page and the CLI.

What is wrong with a call is one sentence, in the language that the request asks for: docs/api.md.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from skin_app.page.finished import UnderWay, watched
from skin_app.page.queues import BATCHES, NETWORKS, TURNS
from skin_app.page.uploads_and_sessions import delete, read
from skin_app.page.visitor_language import spoken
from skin_app.photo.read import Photo, PhotoError, read_photo
from skin_app.report.csv_rows import csv_row, error_row, with_numbers
from skin_app.report.json_record import Record, record
from skin_app.stated_patients import stated_patient
from skin_app.views import VIEWS
from skin_app.words import api as words
from skin_app.words.language import ENGLISH, Say, SpokenError, writable

MOST_PHOTOS = 200
MOST_BYTES = 300_000_000


class CallError(SpokenError, ValueError):
    """The call as a whole is wrong; the message is one sentence that says what to do."""


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


def add_endpoints(ensemble: Ensemble, uploads: Path) -> None:
    """Add `/analyse` and `/score` to the blocks that are being built.

    `uploads`: the private folder of gradio's uploads; any other path that a caller names is refused.
    """

    def analyse(
        request: gr.Request,
        photo: FileData,
        views: Literal[1, 8] = VIEWS,
        age: float | str | None = None,
        sex: str | None = None,
        maps: bool | None = None,
    ) -> Record:
        """Analyse one dermatoscopic photo (JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP) from 8 views, or 1.

        With the patient's age in years, and sex, also with both. With maps from 8 views, or where asked
        for. Research demo, not a medical device.
        """
        with _told(spoken(request)), watched("analyse") as under_way:
            return analysed(ensemble, uploads, photo, views, stated_patient(age, sex), maps, under_way)

    def score(
        request: gr.Request,
        photos: list[FileData],
        ages: list[float | str | None] | None = None,
        sexes: list[str | None] | None = None,
    ) -> list[Row]:
        """Score dermatoscopic photos: a row each, in their order, with its error where one failed.

        With an age in years and a sex for each photo, also with both. Research demo, not a medical
        device.
        """
        say = spoken(request)
        with _told(say), watched("score") as under_way:
            rows = scored(ensemble, uploads, photos, ages, sexes, say)
            under_way.views = VIEWS
            for row in rows:
                under_way.answered(row["outcome"], row["error"])
            return rows

    api(analyse, api_name="analyse", **NETWORKS)
    api(score, api_name="score", **BATCHES)


def analysed(
    ensemble: Ensemble,
    uploads: Path,
    photo: object,
    views: object,
    patient: Patient = NOT_STATED_PATIENT,
    maps: object = None,
    under_way: UnderWay | None = None,
) -> Record:
    """One photo's record. Its file is deleted before the analysis, and on errors.

    `photo`, `views`, `maps`: whatever a client sent; `under_way`: the request, for its outcome and
    durations. Raises `CallError` or `PhotoError`.
    """
    under_way = under_way or UnderWay("analyse")
    ((_, content),) = _taken([photo], uploads)
    if type(views) is not int or views not in (1, VIEWS):
        raise CallError(words.WRONG_VIEWS, most=VIEWS)
    if maps is not None and not isinstance(maps, bool):
        raise CallError(words.WRONG_MAPS)
    with under_way.stage("decode"):
        decoded = _decoded(content)
    with under_way.stage("networks"):
        analysis = ensemble(decoded, views, maps)
    under_way.views = analysis.views
    under_way.answered(analysis.outcome)
    return record(analysis.with_patient(patient), datetime.now(timezone.utc))


def scored(
    ensemble: Ensemble,
    uploads: Path,
    photos: object,
    ages: object = None,
    sexes: object = None,
    say: Say = ENGLISH,
) -> list[Row]:
    """A row a photo, its error in it where there is one. All files are deleted before the analysis.

    `photos`, `ages`, `sexes`: whatever a client sent. Raises `CallError` where the call as a whole is
    wrong; its files are deleted then too.
    """
    if not isinstance(photos, list):
        raise CallError(words.NO_FILE)
    taken = _taken(photos, uploads)
    patients = map(stated_patient, _for_each(ages, taken), _for_each(sexes, taken))
    few_at_a_time = ensemble.analyse_files(
        taken,
        lambda taken: _decoded(taken[1]),
        with_maps=False,
        turn=lambda: TURNS.turn(first=False),  # the photos of others come between
        at_a_time=1,
    )
    results = (one for few in few_at_a_time for one in few)
    return [
        _row(say, name, result, own) for ((name, _), result), own in zip(results, patients, strict=True)
    ]


def _for_each(values: object, photos: Sequence[object]) -> Sequence[object]:
    """What a client sent for each photo; None for each where it sent nothing."""
    if values is None:
        return [None] * len(photos)
    if not isinstance(values, list) or len(values) != len(photos):
        raise CallError(words.OTHER_LENGTH)
    return values


def _taken(sent: Sequence[object], uploads: Path) -> list[tuple[Path, bytes | PhotoError]]:
    """Names and contents of uploads, or why one cannot be read; afterwards all their files are gone."""
    files = [_file(item) for item in sent]
    held = [file.path for file in files if file is not None and _is_upload(file.path, uploads)]
    try:
        if not files:
            raise CallError(words.NO_PHOTOS)
        if len(files) > MOST_PHOTOS:
            raise CallError(words.TOO_MANY, count=len(files), limit=MOST_PHOTOS)
        taken, total = [], 0
        for file in files:
            if file is None:
                raise CallError(words.NO_FILE)
            content = _content(file.path, uploads) if file.path in held else PhotoError(words.NO_UPLOAD)
            total += len(content) if isinstance(content, bytes) else 0
            if total > MOST_BYTES:
                raise CallError(words.TOO_LARGE, limit=MOST_BYTES // 1_000_000)
            taken.append((Path(Path(writable(file.orig_name or file.path)).name), content))
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


def _row(say: Say, name: Path, result: Analysis | PhotoError, patient: Patient) -> Row:
    if isinstance(result, PhotoError):
        cells = error_row(name, result.said(say))
    else:
        cells = csv_row(name, result.with_patient(patient))
    return cast(Row, with_numbers(cells))


@contextmanager
def _told(say: Say) -> Iterator[None]:
    try:
        yield
    except (CallError, PhotoError) as error:
        raise gr.Error(error.said(say), print_exception=False) from None
