"""An `Analysis` as fragments of HTML: text from outside is escaped, numbers are labelled."""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from skin_app.analysis import Analysis
from skin_app.diagnoses import DIAGNOSES, MALIGNANT, Diagnosis
from skin_app.language import Say
from skin_app.words import page as words

BY_CODE = {diagnosis.code: diagnosis for diagnosis in DIAGNOSES}


def percent(say: Say, share: float) -> str:
    """A share in [0, 1] for people: 71.3 %, < 0.1 %, > 99.9 %; as HTML."""
    return escape(say.percent(share))


def named(say: Say, diagnosis: Diagnosis) -> str:
    """Full name, code, and whether it is malignant, in words."""
    mark = f' <span class="malignant">{say(words.MALIGNANT)}</span>' if diagnosis.malignant else ""
    return f'{escape(say(diagnosis.name))} <span class="code">{diagnosis.code}</span>{mark}'


def said(say: Say, sentences: Sequence[str]) -> tuple[str, ...]:
    """Several constants, such as a table's columns, in the reader's language."""
    return tuple(say(sentence) for sentence in sentences)


def status(sentence: str, detail: str = "", kind: str = "") -> str:
    """The status line. `kind`: "", "error" (announced at once by screen readers) or "note"."""
    role = "alert" if kind == "error" else "status"
    small = f'<span class="quiet">{escape(detail)}</span>' if detail else ""
    return f'<div class="status {kind}" role="{role}">{escape(sentence)}{small}</div>'


def answer_status(say: Say, analysis: Analysis, refining: bool) -> str:
    """Which answer is shown, from how much, where it was computed and by which weights."""
    members = len(analysis.members)
    sentence = say(
        words.QUICK_ANSWER if refining else words.FULL_ANSWER,
        members=say(words.ONE_MEMBER if members == 1 else words.MEMBERS, count=members),
        views=say(words.ONE_VIEW if analysis.views == 1 else words.VIEWS, count=analysis.views),
    )
    return status(
        sentence, say(words.COMPUTED_ON, device=analysis.device, weights=analysis.weights.identity)
    )


def ranking(say: Say, analysis: Analysis, in_set: Sequence[bool] | None = None) -> str:
    """The seven diagnoses, most probable first; each is a button for its map. And the malignant total.

    `in_set`: whether each of them, in that order, is in the prediction set; None where there is none.
    """
    inside = in_set or (False,) * len(DIAGNOSES)
    rows = "".join(
        f'<tr class="{"first" if place == 0 else ""}"><th scope="row">'
        f'<button type="button" class="pick" data-code="{entry.diagnosis.code}" '
        f'aria-pressed="{"true" if place == 0 else "false"}">{named(say, entry.diagnosis)}'
        f'<span class="hidden-text"> {say(words.SHOW_ITS_MAP)}</span></button></th>'
        f'<td><div class="bar" aria-hidden="true"><i style="width:{entry.probability:.1%};'
        f'background:{entry.diagnosis.colour}"></i></div></td>'
        f'<td class="number">{percent(say, entry.probability)}</td>'
        f'<td class="number quiet">{percent(say, entry.prior_adjusted)}</td>'
        + ("" if in_set is None else f'<td class="set">{_mark(say, inside[place])}</td>')
        + "</tr>"
        for place, entry in enumerate(analysis.ranked)
    )
    codes = ", ".join(d.code for d, malignant in zip(DIAGNOSES, MALIGNANT, strict=True) if malignant)
    total = say(
        words.MALIGNANT_TOGETHER, codes=codes, share=percent(say, analysis.malignant_probability)
    )
    return (
        f'<section class="panel"><h2>{say(words.RANKING)}</h2>'
        f'<table class="facts ranking"><caption>{say(words.RANKING_CAPTION)}</caption><thead><tr>'
        f'<th scope="col">{say(words.DIAGNOSIS)}</th>'
        f'<th scope="col"><span class="hidden-text">{say(words.BAR)}</span></th>'
        f'<th scope="col" class="number">{say(words.PROBABILITY)}</th>'
        f'<th scope="col" class="number wrapped">{say(words.EQUALLY_COMMON)}</th>'
        + ("" if in_set is None else f'<th scope="col" class="wrapped">{say(words.IN_SET)}</th>')
        + f'</tr></thead><tbody>{rows}</tbody></table><p class="total">{total}</p></section>'
    )


def _mark(say: Say, inside: bool) -> str:
    return (
        f"<strong>{say(words.YES)}</strong>"
        if inside
        else f'<span class="quiet">{say(words.NO)}</span>'
    )


def members(say: Say, analysis: Analysis) -> str:
    """Each member's own first two answers, beside the ensemble's."""
    answers = [(say(words.ALL_TOGETHER), analysis.probabilities)]
    answers += [(say(words.MEMBER, number=i + 1), row) for i, row in enumerate(analysis.members)]
    rows = []
    for name, probabilities in answers:
        first, second = np.argsort(-probabilities, kind="stable")[:2]
        rows.append(
            (
                escape(name),
                f"{named(say, DIAGNOSES[first])} {percent(say, float(probabilities[first]))}",
                f"{named(say, DIAGNOSES[second])} {percent(say, float(probabilities[second]))}",
            )
        )
    return (
        f'<section class="panel members"><h2>{say(words.DO_MEMBERS_AGREE)}</h2>'
        f"{table(said(say, words.MEMBER_COLUMNS), rows, stacked=True)}</section>"
    )


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: Sequence[int] = (),
    caption: str = "",
    stacked: bool = False,
) -> str:
    """A table of ready HTML cells; `numbers`: columns set flush right; the first heads its row.

    `stacked`: on a phone each row becomes a block of labelled lines.
    """

    def kind(column: int) -> str:
        return ' class="number"' if column in numbers else ""

    head = "".join(f'<th scope="col"{kind(i)}>{name}</th>' for i, name in enumerate(columns))
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(
            f'<td{kind(i)} data-label="{columns[i]}">{cell}</td>'
            for i, cell in enumerate(row[1:], start=1)
        )
        + "</tr>"
        for row in rows
    )
    label = f"<caption>{caption}</caption>" if caption else ""
    return (
        f'<div class="wide"><table class="facts{" stacked" if stacked else ""}">{label}'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
