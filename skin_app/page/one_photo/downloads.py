"""The downloads of one photo's report: PDF, JSON and CSV, made in memory, never stored."""

import base64
from collections.abc import Mapping
from datetime import datetime
from html import escape
from pathlib import Path

import numpy as np

from skin_app.analysis import NOTHING
from skin_app.language import Say
from skin_app.page.fragments import status
from skin_app.page.one_photo.handlers import Shown
from skin_app.report.files import csv_row, csv_text
from skin_app.report.record import NO_NOTES, Notes
from skin_app.words import downloads as words

CSV_NAME = Path("photo")  # the photo's own name is not kept


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
        return status(say(words.GONE), kind="error")
    made_at = made_at or datetime.now().astimezone()
    analysis = shown.analysis
    pdf = analysis.to_pdf(say, notes, made_at, thumbnails)
    json = analysis.to_json(notes, made_at).encode()
    csv = csv_text([csv_row(CSV_NAME, analysis)]).encode("utf-8-sig")
    name = f"lesion-report-{made_at:%Y-%m-%d}"
    links = (
        link(say(words.PDF), f"{name}.pdf", "application/pdf", pdf),
        link(say(words.JSON), f"{name}.json", "application/json", json),
        link(say(words.CSV), f"{name}.csv", "text/csv", csv),
    )
    return (
        f'<section class="panel downloads" aria-label="{escape(say(words.HEADING))}">'
        f'<p>{" ".join(links)}</p><p class="quiet">{escape(say(words.NOTHING_STORED))}</p></section>'
    )


def link(label: str, name: str, media_type: str, content: bytes) -> str:
    """A download link that holds its file."""
    data = base64.b64encode(content).decode()
    return (
        f'<a class="button" download="{escape(name)}" href="data:{media_type};base64,{data}">'
        f"{escape(label)}</a>"
    )
