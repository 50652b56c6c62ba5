"""Several photos of one lesion: what is refused, and the joint answer as HTML."""

from collections import Counter
from collections.abc import Sequence
from html import escape

from skin_app.diagnoses import DIAGNOSES
from skin_app.ensemble import Ensemble
from skin_app.joint_analysis import LEAST, MOST, JointAnalysis, join
from skin_app.page.html import named, percent, said, status, table
from skin_app.page.one_photo.outcome import MARKS
from skin_app.page.several.batch import Row
from skin_app.page.several.table import download, outcome_name, outcome_of, results_table, unusable
from skin_app.words import several as words
from skin_app.words.language import Say
from skin_app.words.outcome import REASONS


def refusal(say: Say, count: int) -> str | None:
    """Why a lesion of `count` photos cannot be analysed, one sentence; None where it can."""
    if not count:
        return say(words.NOTHING_CHOSEN)
    if count < LEAST:
        return say(words.ANGLES_TOO_FEW, least=LEAST)
    return say(words.ANGLES_TOO_MANY, count=count, least=LEAST, most=MOST) if count > MOST else None


def result(say: Say, ensemble: Ensemble, rows: Sequence[Row]) -> str:
    """The joint answer, how far the photos disagree, and each photo on its own; empty without rows."""
    if not rows:
        return ""
    repeated = repetitions(rows)
    answered = [row for row in rows if row.analysis and row.file not in repeated]
    notes = [
        say(words.UNUSABLE, file=row.file, reason=unusable(say, row))
        for row in rows
        if row.analysis is None
    ] + [say(words.SAME_PICTURE, file=file, other=other) for file, other in repeated.items()]
    told = "".join(status(note, level="note") for note in notes)
    if len(answered) < LEAST:
        sentence = say(words.ANGLES_LEFT, least=LEAST, count=len(answered))
        return told + status(sentence, level="error") + _each(say, rows)
    limits = ensemble.trust and ensemble.trust.decisions
    analyses = [row.analysis for row in answered if row.analysis]
    joint = join(analyses, ensemble.calibration.frequencies, limits)
    return told + _outcome(say, joint, answered) + _ranking(say, joint, answered) + _each(say, rows)


def repetitions(rows: Sequence[Row]) -> dict[str, str]:
    """Names of photos whose picture is that of an earlier one, and that one's name."""
    first: dict[bytes, str] = {}
    again = {}
    for row in rows:
        if row.analysis and first.setdefault(row.photo, row.file) != row.file:
            again[row.file] = first[row.photo]
    return again


def _outcome(say: Say, joint: JointAnalysis, answered: Sequence[Row]) -> str:
    """The joint outcome and what it rests on; `answered`: the rows that `joint` was made of."""
    decision = joint.decision
    style = decision.outcome.replace(" ", "-") if decision else "missing"
    title = say(words.OUTCOMES[decision.outcome] if decision else words.NO_OUTCOME)
    mark = (
        f'<span class="mark" aria-hidden="true">{MARKS[decision.outcome]}</span> ' if decision else ""
    )
    sentences = [_rests_on(say, joint)]
    if decision:
        sentences.insert(0, say(REASONS[decision.reason]))
    left_out = [answered[place].file for place in joint.refused if place not in joint.used]
    if left_out:
        sentences.append(say(words.LEFT_OUT, files=", ".join(left_out)))
    limits = ""
    if decision:
        limits = f'<p class="quiet">{escape(say(words.JOINT_LIMITS, views=joint.views))}</p>'
    return (
        f'<section class="panel several outcome {style}" aria-label="{say(words.JOINT)}">'
        f"<h2>{mark}{escape(title)}</h2><p>{escape(' '.join(sentences))}</p>"
        f"{_agreement(say, joint, answered)}{limits}</section>"
    )


def _rests_on(say: Say, joint: JointAnalysis) -> str:
    if set(joint.refused) == set(joint.used):
        return say(words.JOINT_OF_REFUSED)
    if len(joint.used) == 1:
        return say(words.JOINT_OF_ONE)
    return say(words.JOINT_OF, count=len(joint.used))


def _agreement(say: Say, joint: JointAnalysis, answered: Sequence[Row]) -> str:
    """Whether the used photos agree; where they do not, which answer how many of them give."""
    rows = [answered[place] for place in joint.used]
    if len(rows) == 1 or set(joint.refused) == set(joint.used):
        return ""
    sentences = []
    if all(outcome_of(row) for row in rows):
        same, other = words.SAME_OUTCOME, words.OTHER_OUTCOME
        sentences.append(
            say(same)
            if joint.same_outcome
            else say(other, counts=_counted(say, [outcome_name(say, row) for row in rows]))
        )
    names = [say(row.analysis.ranked[0].diagnosis.name) for row in rows if row.analysis]
    sentences.append(
        say(words.SAME_FIRST)
        if joint.same_first
        else say(words.OTHER_FIRST, counts=_counted(say, names))
    )
    agree = joint.same_first and joint.same_outcome
    title = say(words.AGREEMENT if agree else words.DISAGREEMENT)
    return (
        f'<div class="agreement {"same" if agree else "other"}"><h3>{title}</h3>'
        f"<p>{escape(' '.join(sentences))}</p></div>"
    )


def _counted(say: Say, names: Sequence[str]) -> str:
    counts = Counter(names).most_common()
    return ", ".join(say(words.COUNTED, count=count, what=name) for name, count in counts)


def _ranking(say: Say, joint: JointAnalysis, answered: Sequence[Row]) -> str:
    """The seven diagnoses by the joint answer, with what the photos range over."""
    rows = []
    for entry in joint.ranked:
        own = DIAGNOSES.index(entry.diagnosis)
        span = _span(say, float(joint.least[own]), float(joint.greatest[own]))
        rows.append((named(say, entry.diagnosis), percent(say, entry.probability), span))
    malignant = [
        row.analysis.malignant_probability
        for place in joint.used
        if (row := answered[place]).analysis is not None
    ]
    total = say(
        words.JOINT_MALIGNANT,
        share=say.percent(joint.malignant_probability),
        least=say.percent(min(malignant)),
        greatest=say.percent(max(malignant)),
    )
    columns = said(say, words.JOINT_COLUMNS)
    return (
        f'<section class="panel several"><h2>{say(words.JOINT)}</h2>'
        f"{table(columns, rows, numbers=(1, 2), caption=say(words.JOINT_CAPTION), stacked=True)}"
        f'<p class="total">{escape(total)}</p></section>'
    )


def _span(say: Say, least: float, greatest: float) -> str:
    return escape(say(words.RANGE, least=say.percent(least), greatest=say.percent(greatest)))


def _each(say: Say, rows: Sequence[Row]) -> str:
    return (
        f'<section class="panel several"><h2>{say(words.EACH_PHOTO)}</h2>'
        f"{results_table(say, rows, say(words.EACH_PHOTO))}<p>{download(say, rows)}</p></section>"
    )
