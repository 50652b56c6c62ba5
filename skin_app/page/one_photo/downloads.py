"""The downloads of one photo's report: PDF, JSON and CSV, made in memory, never stored."""

import base64
from collections.abc import Mapping
from datetime import datetime
from html import escape
from pathlib import Path
from types import MappingProxyType

import numpy as np

from skin_app.diagnoses import CODES
from skin_app.language import Say
from skin_app.page.drawing import overlay
from skin_app.page.fragments import status
from skin_app.page.one_photo.handlers import Shown
from skin_app.report.files import csv_row, csv_text, record, record_json
from skin_app.report.pdf import one_page
from skin_app.report.record import NO_NOTES, ReaderNotes
from skin_app.weights.folder import WeightsFolder
from skin_app.words import downloads as words

OPACITY = 0.6
CSV_NAME = Path("photo")  # the photo's own name is not kept
NO_PICTURES: Mapping[str, np.ndarray] = MappingProxyType({})


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
        return status(say(words.GONE), kind="error")
    made_at = made_at or datetime.now().astimezone()
    analysis = shown.analysis
    entry = record(analysis, weights, made_at, notes)
    first = CODES.index(entry["diagnoses"][0]["code"])
    maps = analysis.maps
    drawn = None if maps is None else overlay(shown.photo, maps[first], opacity)
    name = f"lesion-report-{made_at:%Y-%m-%d}"
    links = (
        link(
            say(words.PDF),
            f"{name}.pdf",
            "application/pdf",
            one_page(say, entry, shown.photo.pixels, drawn, thumbnails),
        ),
        link(say(words.JSON), f"{name}.json", "application/json", record_json(entry).encode()),
        link(
            say(words.CSV),
            f"{name}.csv",
            "text/csv",
            csv_text([csv_row(CSV_NAME, analysis)]).encode("utf-8-sig"),
        ),
    )
    return (
        f'<section class="panel downloads" aria-label="{escape(say(words.HEADING))}">'
        f'<p>{" ".join(links)}</p><p class="quiet">{escape(say(words.NOTHING_STORED))}</p></section>'
    )


def link(label: str, name: str, kind: str, content: bytes) -> str:
    """A download link that holds its file; `kind`: media type."""
    data = base64.b64encode(content).decode()
    return (
        f'<a class="button" download="{escape(name)}" href="data:{kind};base64,{data}">'
        f"{escape(label)}</a>"
    )
