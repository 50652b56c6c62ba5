"""Shows a photo beside a corrected copy, each with its answer; changes nothing else on the page."""

from html import escape

import numpy as np

from skin_app.analysis import Analysis
from skin_app.corrections import CORRECTIONS, view_square
from skin_app.display import data_url, shrunk
from skin_app.ensemble import Ensemble
from skin_app.page.html import named, percent, said, status, table
from skin_app.page.one_photo.handlers import HELD_PIXELS, Shown
from skin_app.photo.read import Photo
from skin_app.words import page as words
from skin_app.words.language import Say
from skin_app.words.outcome import OUTCOMES

LONG_SIDE = 480


def compare(say: Say, ensemble: Ensemble, shown: Shown | None, name: str | None) -> str:
    """Both pictures and both answers for the correction `name` of `CORRECTIONS`; HTML, "" for None."""
    if name is None:
        return ""
    if shown is None or shown.held is None:
        return status(say(words.NO_LONGER_HELD), level="error")
    original = shown.held
    corrected = CORRECTIONS[name](original)
    if np.array_equal(corrected.pixels, original.pixels):
        return status(say(words.UNCHANGED), level="note")
    before, after = ensemble([original, corrected])
    title = say(words.CORRECTED, name=say(words.CORRECTIONS[name]))
    notes, frame = [], None
    if name == "field of view":
        notes.append(say(words.CROP_DRAWN))
        frame = view_square(original)
    if shown.is_copy:
        notes.append(say(words.FROM_COPY, megapixels=say.number(HELD_PIXELS / 1e6, ".1f")))
    note = f'<p class="quiet">{" ".join(notes)}</p>' if notes else ""
    return (
        '<section class="panel corrected"><div class="pair">'
        f"{_picture(original, say(words.ORIGINAL), frame)}"
        f"{_picture(corrected, title)}</div>{note}{_answers(say, before, after)}</section>"
    )


def _picture(photo: Photo, title: str, frame: tuple[int, int, int] | None = None) -> str:
    """A photo with its title; `frame`: left, top and side in its pixels of a square drawn on it."""
    drawn = ""
    if frame is not None:
        left, top, side = frame
        drawn = (
            f'<span class="frame" style="left:{left / photo.width:.2%};top:{top / photo.height:.2%};'
            f'width:{side / photo.width:.2%};height:{side / photo.height:.2%}"></span>'
        )
    return (
        f'<figure><div class="stack"><img src="{data_url(shrunk(photo.pixels, LONG_SIDE))}" '
        f'alt="{escape(title)}">{drawn}</div><figcaption>{escape(title)}</figcaption></figure>'
    )


def _answers(say: Say, before: Analysis, after: Analysis) -> str:
    """Both answers, compared row by row."""
    columns = [_column(say, analysis) for analysis in (before, after)]
    titles = said(say, words.COMPARED_ROWS)
    rows = [(title, one, other) for title, one, other in zip(titles, *columns, strict=True)]
    return table(said(say, words.COMPARED), rows)


def _column(say: Say, analysis: Analysis) -> tuple[str, ...]:
    outcome = findings = say(words.NO_OUTCOME)
    if analysis.outcome is not None:
        outcome = say(OUTCOMES[analysis.outcome])
    if analysis.to_check is not None:
        names = ", ".join(say(check.name) for check in analysis.to_check)
        findings = escape(names) or say(words.NOTHING_TO_CHECK)
    first_three = [
        f"{named(say, entry.diagnosis)} {percent(say, entry.probability)}"
        for entry in analysis.ranked[:3]
    ]
    return (outcome, *first_three, percent(say, analysis.malignant_probability), findings)
