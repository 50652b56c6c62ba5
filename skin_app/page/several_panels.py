"""Several photos as HTML: progress, table, gallery, and the joint answer to photos of one lesion."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from skin_app.ensemble import Ensemble
from skin_app.joint_analysis import LEAST, join
from skin_app.joint_analysis import MOST as MOST_ANGLES
from skin_app.page.batch import MOST, BatchProgress, PhotoRow, most_malignant_first
from skin_app.page.templates import as_url, fill, status
from skin_app.page.uploads_and_sessions import FORGOTTEN_AFTER
from skin_app.report.csv_rows import csv_row, csv_text, error_row
from skin_app.words import several as words
from skin_app.words.language import ENGLISH, Say

TOP = 8  # rows of the table that is shown while more are coming


def held_status(say: Say, count: int) -> str:
    """What is chosen and how long it waits."""
    if not count:
        return status(say(words.IDLE))
    minutes = round(FORGOTTEN_AFTER / 60)
    return status(say.plural(words.HELD, count, minutes=minutes))


def batch_refusal(say: Say, count: int) -> str | None:
    """Why a run of `count` photos cannot begin, one sentence; None where it can."""
    if not count:
        return say(words.NOTHING_CHOSEN)
    return say(words.TOO_MANY, count=say.number(count), most=MOST) if count > MOST else None


def angles_refusal(say: Say, count: int) -> str | None:
    """The same for `count` photos of one lesion."""
    if not count:
        return say(words.NOTHING_CHOSEN)
    if count < LEAST:
        return say(words.ANGLES_TOO_FEW, least=LEAST)
    if count > MOST_ANGLES:
        return say(words.ANGLES_TOO_MANY, count=count, least=LEAST, most=MOST_ANGLES)
    return None


def batch_running(say: Say, progress: BatchProgress) -> str:
    """The most suspicious rows so far; "" before there are any."""
    first = [row for row in most_malignant_first(progress.rows) if row.analysis][:TOP]
    return fill("batch_running.html", say, rows=first) if first else ""


def batch_result(say: Say, rows: Sequence[PhotoRow]) -> str:
    """Counts, download, table and gallery of `rows`, in their order; "" without rows."""
    if not rows:
        return ""
    counts = _counted(say, Counter(row.outcome_name for row in rows).items())
    return fill("batch.html", say, rows=rows, counts=counts, csv_url=_csv_url(rows))


def angles_result(say: Say, ensemble: Ensemble, rows: Sequence[PhotoRow]) -> str:
    """The joint answer, how far the photos disagree, and each photo on its own; "" without rows."""
    if not rows:
        return ""
    repeated = _repetitions(rows)
    notes = [
        say(words.UNUSABLE, file=row.file, reason=say(row.error.sentence, **row.error.values))
        for row in rows
        if row.error
    ] + [say(words.SAME_PICTURE, file=file, other=other) for file, other in repeated.items()]
    answered = [row for row in rows if row.analysis and row.file not in repeated]
    if len(answered) < LEAST:
        told = {"joint": None, "left": len(answered), "LEAST": LEAST}
        return fill("angles.html", say, rows=rows, notes=notes, csv_url=_csv_url(rows), **told)
    limits = ensemble.trust and ensemble.trust.decisions
    analyses = [row.analysis for row in answered if row.analysis]
    model = ensemble.trust and ensemble.trust.context
    joint = join(analyses, ensemble.calibration.frequencies, limits, model)
    used = [analyses[place] for place in joint.used]
    decisions = [own.assessment.decision for own in used if own.assessment]
    outcomes = Counter(words.OUTCOMES[decision.shown] for decision in decisions)
    diagnoses = Counter(own.ranked[0].diagnosis.name for own in used)
    return fill(
        "angles.html",
        say,
        rows=rows,
        notes=notes,
        csv_url=_csv_url(rows),
        joint=joint,
        all_refused=set(joint.refused) == set(joint.used),
        left_out=[answered[place].file for place in joint.refused if place not in joint.used],
        outcomes=_counted(say, outcomes.most_common()),
        first_diagnoses=_counted(say, diagnoses.most_common()),
        malignant=[own.malignant_probability for own in used],
    )


def _repetitions(rows: Sequence[PhotoRow]) -> dict[str, str]:
    """Names of photos whose picture is that of an earlier one, and that one's name."""
    first: dict[bytes, str] = {}
    again = {}
    for row in rows:
        if row.analysis and first.setdefault(row.photo, row.file) != row.file:
            again[row.file] = first[row.photo]
    return again


def _counted(say: Say, counts: Iterable[tuple[str, int]]) -> str:
    """How often each sentence occurs, as "2 × Suspicious, 1 × Uncertain"."""
    return ", ".join(say(words.COUNTED, count=count, what=say(what)) for what, count in counts)


def _csv_url(rows: Sequence[PhotoRow]) -> str:
    """The whole table as a CSV file in English, as a `data:` URL."""
    lines = [
        csv_row(Path(row.file), row.analysis)
        if row.analysis
        else error_row(
            Path(row.file), ENGLISH(row.error.sentence, **row.error.values) if row.error else ""
        )
        for row in rows
    ]
    # with the mark by which spreadsheets know UTF-8
    return as_url(csv_text(lines).encode("utf-8-sig"), "text/csv;charset=utf-8")
