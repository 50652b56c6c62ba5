"""The form of the report: what the clinician states, all optional, and the downloads."""

from typing import Any

import gradio as gr

from skin_app.gallery.pictures import LesionPictures
from skin_app.page.desk import Desk
from skin_app.page.fragments import status
from skin_app.page.labels import Labels
from skin_app.page.one_photo.downloads import downloads
from skin_app.page.one_photo.handlers import Shown
from skin_app.page.wiring import QUIET, UPLOADS, Fragment, spoken, visitor_of
from skin_app.report.record import Notes
from skin_app.views import VIEWS
from skin_app.words import page as words

REPORT_FIELDS = 6  # what `build_report` returns
LONGEST, LONGEST_NOTES = 80, 20_000  # characters
PRIVATE = gr.InputHTMLAttributes(autocomplete="off")  # browsers keep what was typed elsewhere


def build_report(shown: gr.State, pictures: LesionPictures, labels: Labels, desk: Desk) -> list[Any]:
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
            return status(say(words.REPORT_TOO_EARLY), kind="error")
        thumbnails = {}
        for lesion in shown.analysis.similar if shown is not None else ():
            thumbnail = pictures.thumbnail(lesion.image_id)
            if thumbnail is not None:
                thumbnails[lesion.image_id] = thumbnail
        stated = Notes(age, sex, site, diagnosis, notes)
        made = downloads(say, shown, stated, thumbnails)
        newest = shown is None or desk.wants(visitor_of(request), shown.token)
        return made if newest else ""  # never one photo's report under another's result

    make.click(on_make, [shown, *stated, notes], files, trigger_mode="once", **UPLOADS, **QUIET)
    return [*stated, notes, files]
