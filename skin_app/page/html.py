"""Pieces of HTML that all tabs use; text from outside is escaped, numbers are labelled."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from skin_app.diagnoses import DIAGNOSES, Diagnosis
from skin_app.trust import StoredEstimate
from skin_app.words import evidence as words_evidence
from skin_app.words import page as words
from skin_app.words.language import Say

BY_CODE = {diagnosis.code: diagnosis for diagnosis in DIAGNOSES}
Shown = Callable[[Say, float | None], str]


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


def status(sentence: str, detail: str = "", level: str = "") -> str:
    """The status line. `level`: "", "error" (announced at once by screen readers) or "note"."""
    role = "alert" if level == "error" else "status"
    small = f'<span class="quiet">{escape(detail)}</span>' if detail else ""
    return f'<div class="status {level}" role="{role}">{escape(sentence)}{small}</div>'


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

    def css(column: int) -> str:
        return ' class="number"' if column in numbers else ""

    head = "".join(f'<th scope="col"{css(i)}>{name}</th>' for i, name in enumerate(columns))
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(
            f'<td{css(i)} data-label="{columns[i]}">{cell}</td>'
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


def share(say: Say, value: float | None) -> str:
    """A counted share in [0, 1], which unlike a probability can be 0 or 1; None: not measured."""
    if value is None:
        return say(words_evidence.NOT_MEASURED)
    return escape(say.counted(value))


def area(say: Say, value: float | None) -> str:
    """An area under a curve, in [0, 1]; None: not measured."""
    return say(words_evidence.NOT_MEASURED) if value is None else say.number(value, ".3f")


def count(say: Say, value: int | None) -> str:
    """A whole number; None: not measured."""
    return say(words_evidence.NOT_MEASURED) if value is None else say.number(value)


def with_interval(say: Say, scores: Mapping[str, Any], key: str, shown: Shown) -> str:
    """One of `scores` with its 95 % interval, where it has one."""
    interval = scores.get("intervals_95", {}).get(key)
    return _bracketed(say, scores.get(key), interval, shown)


def estimate(say: Say, own: StoredEstimate) -> str:
    """A measured share or number with its 95 % interval."""
    return _bracketed(say, own.value, own.interval_95, share if own.is_share else _number)


def share_with_interval(say: Say, value: float, interval: tuple[float, float]) -> str:
    """A share in [0, 1] with its 95 % interval."""
    return _bracketed(say, value, interval, share)


def _bracketed(say: Say, value: float | None, interval: Sequence[float] | None, shown: Shown) -> str:
    if interval is None:
        return shown(say, value)
    low, high = (shown(say, end) for end in interval)
    return say(words_evidence.INTERVAL, value=shown(say, value), low=low, high=high)


def _number(say: Say, value: float | None) -> str:
    if value is None:
        return say(words_evidence.NOT_MEASURED)
    return say.number(round(value, 2) + 0.0, ".2f")  # adding 0 turns -0 into 0


def figure(source: str, alt: str, caption: str) -> str:
    """A figure; `source`: a `data:` URL, `alt`: plain text, `caption`: HTML."""
    return (
        f'<figure class="plot"><img src="{source}" alt="{escape(alt)}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def folded(summary: str, content: str) -> str:
    """A long part, folded until its summary is clicked; both HTML."""
    return f'<details class="more"><summary>{summary}</summary>{content}</details>'
