"""The report of one photo: a form for what the clinician states, and PDF, JSON and CSV to download.

The files are made in memory and are part of the page; nothing is stored."""

import base64
from collections.abc import Mapping
from datetime import datetime
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gradio as gr
import numpy as np

from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble
from skin_app.gallery.pictures import LesionPictures
from skin_app.language import Say
from skin_app.page.drawing import overlay
from skin_app.page.events import QUIET, UPLOADS, Fragment, spoken, visitor_of
from skin_app.page.html import status
from skin_app.page.labels import Labels
from skin_app.page.one_photo.handlers import Shown
from skin_app.page.sessions import Desk
from skin_app.report.files import csv_row, csv_text, record, record_json
from skin_app.report.pdf import one_page
from skin_app.report.record import NO_NOTES, ReaderNotes
from skin_app.views import VIEWS
from skin_app.weights.folder import WeightsFolder
from skin_app.words import page as words

REPORT_FIELDS = 6  # what `build_report` returns
LONGEST, LONGEST_NOTES = 80, 20_000  # characters
PRIVATE = gr.InputHTMLAttributes(autocomplete="off")  # browsers keep what was typed elsewhere
OPACITY = 0.6
CSV_NAME = Path("photo")  # the photo's own name is not kept
NO_PICTURES: Mapping[str, np.ndarray] = MappingProxyType({})


def build_report(
    shown: gr.State, ensemble: Ensemble, pictures: LesionPictures, labels: Labels, desk: Desk
) -> list[Any]:
    """An accordion with the form; returns what must be emptied when another photo comes."""
    with gr.Accordion(labels(words.REPORT_TITLE), open=False, elem_id="report"):
        Fragment(labels.html(lambda say: f'<p class="quiet">{say(words.REPORT_INTRO)}</p>'))
        with gr.Row():
            stated = [
                gr.Textbox(
                    label=labels(name), max_length=LONGEST, min_width=140, html_attributes=PRIVATE
                )
                for name in (
                    words.REPORT_AGE,
                    words.REPORT_SEX,
                    words.REPORT_SITE,
                    words.REPORT_DIAGNOSIS,
                )
            ]
        notes = gr.Textbox(
            label=labels(words.REPORT_NOTES), lines=3, max_length=LONGEST_NOTES, html_attributes=PRIVATE
        )
        make = gr.Button(labels(words.REPORT_MAKE), variant="primary")
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
        reader = ReaderNotes(age, sex, site, diagnosis, notes)
        made = downloads(say, shown, ensemble.weights, reader, thumbnails)
        newest = shown is None or desk.wants(visitor_of(request), shown.token)
        return made if newest else ""  # never one photo's report under another's result

    make.click(on_make, [shown, *stated, notes], files, trigger_mode="once", **UPLOADS, **QUIET)
    return [*stated, notes, files]


def downloads(
    say: Say,
    shown: Shown | None,
    weights: WeightsFolder,
    notes: ReaderNotes = NO_NOTES,
    thumbnails: Mapping[str, np.ndarray] = NO_PICTURES,
    made_at: datetime | None = None,
    opacity: float = OPACITY,
) -> str:
    """HTML of three download links, or of a sentence where the photo is no longer held.

    `thumbnails`: image id -> (height, width, 3) uint8 of similar lesions, for those that there are;
    `made_at`: time of the report with its zone, now by default; `opacity`: of the map, in [0, 1].
    """
    if shown is None:
        return status(say(words.NO_LONGER_HELD), level="error")
    made_at = made_at or datetime.now().astimezone()
    analysis = shown.analysis
    entry = record(analysis, weights, made_at, notes)
    first = CODES.index(entry["diagnoses"][0]["code"])
    maps = analysis.maps
    drawn = None if maps is None else overlay(shown.photo, maps[first], opacity)
    name = f"lesion-report-{made_at:%Y-%m-%d}"
    links = (
        link(
            say(words.REPORT_PDF),
            f"{name}.pdf",
            "application/pdf",
            one_page(say, entry, shown.photo.pixels, drawn, thumbnails),
        ),
        link(say(words.REPORT_JSON), f"{name}.json", "application/json", record_json(entry).encode()),
        link(
            say(words.REPORT_CSV),
            f"{name}.csv",
            "text/csv",
            csv_text([csv_row(CSV_NAME, analysis)]).encode("utf-8-sig"),
        ),
    )
    return (
        f'<section class="panel downloads" aria-label="{escape(say(words.REPORT_TITLE))}">'
        f'<p>{" ".join(links)}</p><p class="quiet">{escape(say(words.REPORT_NOT_STORED))}</p></section>'
    )


def link(label: str, name: str, kind: str, content: bytes) -> str:
    """A download link that holds its file; `kind`: media type."""
    data = base64.b64encode(content).decode()
    return (
        f'<a class="button" download="{escape(name)}" href="data:{kind};base64,{data}">'
        f"{escape(label)}</a>"
    )
