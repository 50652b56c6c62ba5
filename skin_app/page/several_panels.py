"""Several photos as HTML: their table, and the joint answer to photos of one lesion."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from skin_app.analysis import Analysis
from skin_app.ensemble import Ensemble
from skin_app.joint_analysis import LEAST, join
from skin_app.joint_analysis import MOST as MOST_ANGLES
from skin_app.outcome import Decision
from skin_app.page.batch import MOST, BatchProgress, PhotoRow, most_malignant_first
from skin_app.page.templates import fill, status
from skin_app.page.uploads_and_sessions import HELD_FOR
from skin_app.report.csv_rows import CSV_COLUMNS
from skin_app.words import several as words
from skin_app.words.language import Say

TOP = 8  # rows that are shown while more are coming, as many as are in sight at the end


def held_status(say: Say, count: int) -> str:
    """What is chosen and how long it waits; "" for nothing."""
    if not count:
        return ""
    return status(say.plural(words.HELD, count, minutes=round(HELD_FOR / 60)))


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


def results_so_far(say: Say, progress: BatchProgress, joint: bool = False) -> str:
    """The most malignant rows so far, and skeletons of those to come and of a `joint` answer."""
    rows = most_malignant_first(progress.rows)[:TOP]
    coming = min(progress.total, TOP) - len(rows)
    return _table(say, rows, counted=progress.rows, running=True, coming=coming, joint=joint)


def batch_result(say: Say, rows: Sequence[PhotoRow]) -> str:
    """The table of `rows`, in their order; "" without rows."""
    return _table(say, rows, counted=rows, running=False, coming=0, joint=False) if rows else ""


def _table(say: Say, rows: Sequence[PhotoRow], **values: Any) -> str:
    return fill("batch.html", say, rows=rows, CSV_COLUMNS=CSV_COLUMNS, **values)


def angles_result(say: Say, ensemble: Ensemble, rows: Sequence[PhotoRow]) -> str:
    """The joint answer, how far the photos disagree, and each photo on its own; "" without rows."""
    if not rows:
        return ""
    repeated = _repetitions(rows)
    notes = [say(words.SAME_PICTURE, file=file, other=other) for file, other in repeated.items()]
    answered = [row for row in rows if row.analysis and row.file not in repeated]
    if len(answered) < LEAST:
        too_few = say.plural(words.ANGLES_LEFT, len(answered), least=LEAST)
        told = {"notes": notes, "joint": None, "too_few": too_few}
        return fill("angles.html", say, rows=rows, CSV_COLUMNS=CSV_COLUMNS, **told)
    limits = ensemble.trust and ensemble.trust.decisions
    analyses = [row.analysis for row in answered if row.analysis]
    model = ensemble.trust and ensemble.trust.context
    joint = join(analyses, ensemble.calibration.frequencies, limits, model)
    used = [analyses[place] for place in joint.used]
    decisions = [own.assessment.decision for own in used if own.assessment]
    outcomes = Counter(words.OUTCOMES[decision.shown] for decision in decisions)
    diagnoses = Counter(own.ranked[0].diagnosis.short for own in used)
    return fill(
        "angles.html",
        say,
        rows=rows,
        CSV_COLUMNS=CSV_COLUMNS,
        notes=notes,
        joint=joint,
        all_refused=set(joint.refused) == set(joint.used),
        left_out=[answered[place].file for place in joint.refused if place not in joint.used],
        outcomes=_counted(say, outcomes.most_common()),
        first_diagnoses=_counted(say, diagnoses.most_common()),
        malignant=[own.malignant_probability for own in used],
        not_cleared=_not_cleared(joint.decision, analyses),
    )


def _not_cleared(joint: Decision | None, analyses: Sequence[Analysis]) -> int:
    """How many photos alone are more suspicious than a joint answer that is not suspicious."""
    if joint is None or joint.without_refusal != "not suspicious":
        return 0
    decisions = [own.assessment.decision for own in analyses if own.assessment]
    return sum(own.without_refusal != "not suspicious" for own in decisions)


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
