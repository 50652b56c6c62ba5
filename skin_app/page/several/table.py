"""Progress, table and gallery of many photos, as fragments of HTML; file names are escaped."""

import base64
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from skin_app.outcome import Outcome
from skin_app.page.html import named, percent, said, status, table
from skin_app.page.one_photo.outcome import MARKS
from skin_app.page.sessions import FORGOTTEN_AFTER
from skin_app.page.several.batch import MOST, Progress, Row, ranked
from skin_app.report.csv_rows import csv_row, csv_text, error_row
from skin_app.words import several as words
from skin_app.words.language import ENGLISH, Say

TOP = 8  # rows of the table that is shown while more are coming


def held_status(say: Say, count: int) -> str:
    """What is chosen and how long it waits."""
    if not count:
        return status(say(words.IDLE))
    minutes = round(FORGOTTEN_AFTER / 60)
    return status(say(words.HELD_ONE if count == 1 else words.HELD, count=count, minutes=minutes))


def refusal(say: Say, count: int) -> str | None:
    """Why a run of `count` photos cannot begin, one sentence; None where it can."""
    if not count:
        return say(words.NOTHING_CHOSEN)
    return say(words.TOO_MANY, count=say.number(count), most=MOST) if count > MOST else None


def progress_status(say: Say, progress: Progress) -> str:
    """How far the run is, in words and as a bar."""
    done, total = len(progress.rows), progress.total
    counts = {"done": done - progress.failed if progress.end else done, "total": total}
    if progress.end == "fault":
        return status(say(words.FAULT, **counts), level="error")
    if progress.end == "stopped":
        return status(say(words.STOPPED, **counts), level="note")
    if progress.end and progress.failed:
        sentence = say(words.DONE_WITH_ERRORS, failed=progress.failed, **counts)
        return status(sentence, level="note")
    if progress.end:
        return status(say(words.DONE_ONE if total == 1 else words.DONE, total=total))
    if progress.seconds_left is None:
        return status(say(words.STARTING)) + _bar(say, 0, total)
    left = time_left(say, progress.seconds_left)
    return status(say(words.RUNNING, left=left, **counts)) + _bar(say, done, total)


def time_left(say: Say, seconds: float) -> str:
    """The time left in words: whole minutes from 90 seconds on, tens of seconds below."""
    if seconds < 10:
        return say(words.MOMENTS_LEFT)
    if seconds < 90:
        return say(words.SECONDS_LEFT, count=10 * round(seconds / 10))
    return say(words.MINUTES_LEFT, count=round(seconds / 60))


def _bar(say: Say, done: int, total: int) -> str:
    return (
        f'<progress class="several" max="{total}" value="{done}" '
        f'aria-label="{escape(say(words.PROGRESS))}"></progress>'
    )


def running(say: Say, progress: Progress) -> str:
    """The most suspicious rows so far; text only, because it is sent again after every few photos."""
    first = [row for row in ranked(progress.rows) if row.analysis][:TOP]
    if not first:
        return ""
    rows = [(escape(row.file), *_cells(say, row)[:3]) for row in first]
    columns = said(say, words.COLUMNS[:4])
    return (
        f'<section class="panel several"><h2>{say(words.MOST_SUSPECT_SO_FAR)}</h2>'
        f"{table(columns, rows, numbers=(3,), stacked=True)}</section>"
    )


def results(say: Say, rows: Sequence[Row]) -> str:
    """Counts, download, table and gallery of `rows`, in their order; empty without rows."""
    if not rows:
        return ""
    outcomes = Counter(outcome_name(say, row) for row in rows)
    counts = ", ".join(say(words.COUNTED, count=number, what=name) for name, number in outcomes.items())
    return (
        f'<section class="panel several"><h2>{say(words.RESULTS)}</h2><p>{escape(counts)}.</p>'
        f"<p>{download(say, rows)}</p>{results_table(say, rows, say(words.RESULTS))}"
        f'<p class="quiet">{say(words.TABLE_NOTE)}</p>'
        f"<h3>{say(words.GALLERY)}</h3>{gallery(say, rows)}</section>"
    )


def results_table(say: Say, rows: Sequence[Row], title: str) -> str:
    """A row a photo; its name is a button with `data-row`, its place in `rows` from 0."""
    body = [(_opener(say, place, row), *_cells(say, row)) for place, row in enumerate(rows)]
    ready = table(said(say, words.COLUMNS), body, numbers=(3,), stacked=True)
    return f'<div class="rows" tabindex="0" role="region" aria-label="{escape(title)}">{ready}</div>'


def _opener(say: Say, place: int, row: Row) -> str:
    name = f'<span class="file">{escape(row.file)}</span>'
    if row.analysis is None:
        return f'<span class="opener"><span class="place">{place + 1}.</span> {name}</span>'
    return (
        f'<span class="opener"><span class="place">{place + 1}.</span> '
        f'<img src="{jpeg_url(row.thumbnail)}" alt="" width="48" height="48">'
        f'<button type="button" class="link" data-row="{place}" '
        f'aria-label="{escape(say(words.OPENED, place=place + 1, file=row.file))}: '
        f'{escape(say(words.OPEN, file=row.file))}">{name}</button></span>'
    )


def _cells(say: Say, row: Row) -> tuple[str, str, str, str]:
    """Outcome, first diagnosis, malignant probability and what to check, as HTML."""
    if row.analysis is None:
        return f"{outcome_html(say, row)}<br>{escape(unusable(say, row))}", "", "", ""
    first = row.analysis.ranked[0]
    return (
        outcome_html(say, row),
        f"{named(say, first.diagnosis)} {percent(say, first.probability)}",
        percent(say, row.analysis.malignant_probability),
        escape(_to_check(say, row)),
    )


def _to_check(say: Say, row: Row) -> str:
    checks = row.analysis.to_check if row.analysis else None
    if checks is None:
        return say(words.NOT_CHECKED)
    if not checks:
        return say(words.NO_FINDING)
    names = dict.fromkeys(say(check.name) for check in checks)
    return say(words.COUNTED_CHECKS, count=len(names), names=", ".join(names))


def unusable(say: Say, row: Row) -> str:
    """Why a photo has no analysis, and what to do; "" where it has one."""
    return "" if row.error is None else say(row.error.sentence, **row.error.values)


def outcome_of(row: Row) -> Outcome | None:
    """None without an analysis, or for weights without limits."""
    return row.analysis.outcome if row.analysis else None


def outcome_name(say: Say, row: Row) -> str:
    """The outcome, or why there is none, in a few words."""
    outcome = outcome_of(row)
    if outcome is not None:
        return say(words.OUTCOMES[outcome])
    return say(words.UNREADABLE if row.analysis is None else words.NO_OUTCOME)


def outcome_html(say: Say, row: Row) -> str:
    """The same with its mark and its colour."""
    outcome = outcome_of(row)
    kind = outcome.replace(" ", "-") if outcome else "missing"
    mark = f'<span class="mark" aria-hidden="true">{MARKS[outcome]}</span> ' if outcome else ""
    return f'<span class="kind {kind}">{mark}{escape(outcome_name(say, row))}</span>'


def gallery(say: Say, rows: Sequence[Row]) -> str:
    """Thumbnails in the order of `rows`, each a button that opens its result; without failed files."""
    buttons = []
    for place, row in enumerate(rows):
        if row.analysis is None:
            continue
        share = row.analysis.malignant_probability
        alt = say(
            words.PICTURE,
            place=place + 1,
            file=row.file,
            outcome=outcome_name(say, row),
            share=say.percent(share),
        )
        buttons.append(
            f'<button type="button" data-row="{place}">'
            f'<img src="{jpeg_url(row.thumbnail)}" alt="{escape(alt)}" loading="lazy">'
            f'<span aria-hidden="true">{place + 1}. {percent(say, share)}<br>'
            f"{outcome_html(say, row)}</span></button>"
        )
    return (
        f'<div class="gallery" role="group" aria-label="{say(words.GALLERY)}">{"".join(buttons)}</div>'
    )


def opened_heading(say: Say, place: int, row: Row) -> str:
    """Place and name of the photo whose result follows; takes the focus when it is opened."""
    title = escape(say(words.OPENED, place=place + 1, file=row.file))
    return f'<h2 class="opened-name" tabindex="-1">{title}</h2>'


def jpeg_url(data: bytes) -> str:
    """A JPEG as a `data:` URL."""
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def download(say: Say, rows: Sequence[Row]) -> str:
    """A link that holds the whole table as a CSV file."""
    lines = [
        csv_row(Path(row.file), row.analysis)
        if row.analysis
        else error_row(Path(row.file), unusable(ENGLISH, row))  # as all of the table
        for row in rows
    ]
    # with the mark by which spreadsheets know UTF-8
    data = base64.b64encode(csv_text(lines).encode("utf-8-sig")).decode()
    return (
        f'<a class="button" download="{words.DOWNLOAD_NAME}" '
        f'href="data:text/csv;charset=utf-8;base64,{data}">{say(words.DOWNLOAD)}</a>'
    )
