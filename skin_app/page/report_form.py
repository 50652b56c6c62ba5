"""The report of one photo: a form for what the clinician states, and PDF, JSON and CSV to download.

The files are made in memory and are part of the page; nothing is stored."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from skin_app.analysis import NO_NOTES, NOTHING, Notes
from skin_app.gallery.similar_lesions import LesionPictures
from skin_app.page.one_photo_handlers import Shown
from skin_app.page.patient_fields import PRIVATE, PatientFields
from skin_app.page.queues import QUIET, UPLOADS
from skin_app.page.templates import as_url, fill, status
from skin_app.page.theme import Fragment
from skin_app.page.uploads_and_sessions import Desk, visitor_of
from skin_app.page.visitor_language import FixedTexts, spoken
from skin_app.report.csv_rows import csv_row, csv_text
from skin_app.stated_patients import stated_patient
from skin_app.views import VIEWS
from skin_app.words import page as words
from skin_app.words.language import Say

REPORT_FIELDS = 4  # what `build_report` returns
LONGEST = 20_000  # characters; the PDF marks where it cuts a field
CSV_NAME = Path("photo")  # the photo's own name is not kept


def build_report(
    shown: gr.State, patient: PatientFields, pictures: LesionPictures, labels: FixedTexts, desk: Desk
) -> list[Any]:
    """An accordion with the form; returns what must be emptied when another photo comes, files last."""
    with gr.Accordion(labels(words.REPORT_TITLE), open=False, elem_id="report"):
        with gr.Row(equal_height=True):
            with gr.Column(min_width=200):
                stated = [
                    gr.Textbox(label=labels(name), max_length=LONGEST, html_attributes=PRIVATE)
                    for name in (words.REPORT_SITE, words.REPORT_DIAGNOSIS)
                ]
            with gr.Column(min_width=200):
                notes = gr.Textbox(
                    label=labels(words.REPORT_NOTES),
                    lines=4,
                    max_length=LONGEST,
                    html_attributes=PRIVATE,
                )
        with gr.Row(elem_id="make-report"):
            make = gr.Button(labels(words.REPORT_MAKE), size="md", scale=0, min_width=264)
            Fragment(labels.html(lambda say: f'<p class="quiet">{say(words.REPORT_INTRO)}</p>'))
        files = Fragment(elem_id="downloads")

    def on_make(
        shown: Shown | None,
        age: str,
        sex: str,
        site: str,
        diagnosis: str,
        notes: str,
        request: gr.Request,
    ) -> str:
        say = spoken(request)
        if shown is not None and shown.analysis.views < VIEWS:
            return status(say(words.REPORT_TOO_EARLY), level="error")
        thumbnails = {}
        for lesion in shown.analysis.similar if shown is not None else ():
            thumbnail = pictures.thumbnail(lesion.image_id)
            if thumbnail is not None:
                thumbnails[lesion.image_id] = thumbnail
        made = downloads(
            say, shown and shown.of(stated_patient(age, sex)), Notes(site, diagnosis, notes), thumbnails
        )
        newest = shown is None or desk.wants(visitor_of(request), shown.token)
        return made if newest else ""  # never one photo's report under another's result

    given = [shown, *patient.inputs, *stated, notes]
    make.click(on_make, given, files, trigger_mode="once", **UPLOADS, **QUIET)
    return [*stated, notes, files]


def downloads(
    say: Say,
    shown: Shown | None,
    notes: Notes = NO_NOTES,
    thumbnails: Mapping[str, np.ndarray] = NOTHING,
    made_at: datetime | None = None,
) -> str:
    """HTML of three download links, or of a sentence where the photo is no longer held.

    `thumbnails`, `made_at`: as for `Analysis.to_pdf`.
    """
    if shown is None:
        return status(say(words.NO_LONGER_HELD), level="error")
    made_at = made_at or datetime.now().astimezone()
    analysis = shown.analysis
    pdf = analysis.to_pdf(say, notes, made_at, thumbnails)
    json = analysis.to_json(notes, made_at).encode()
    csv = csv_text([csv_row(CSV_NAME, analysis)]).encode("utf-8-sig")
    files = (
        (words.REPORT_PDF, "pdf", as_url(pdf, "application/pdf")),
        (words.REPORT_JSON, "json", as_url(json, "application/json")),
        (words.REPORT_CSV, "csv", as_url(csv, "text/csv")),
    )
    return fill("downloads.html", say, name=f"lesion-report-{made_at:%Y-%m-%d-%H%M%S}", files=files)
