"""Fills the page's HTML templates, `templates/*.html`, in the reader's language.

In a template, `say(sentence, ...)` gives a sentence of `skin_app.words` as HTML, because it may hold
tags; `text(sentence, ...)` gives it as plain text, for attributes. Everything else is escaped.
"""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from skin_app import words
from skin_app.diagnoses import CODES, DIAGNOSES
from skin_app.trust import StoredEstimate
from skin_app.views import VIEWS
from skin_app.words import about, archive, evidence, outcome, page, patient, several, similar  # noqa: F401  as words.about, ...
from skin_app.words.language import LANGUAGES, Say

FOLDER = Path(__file__).resolve().parent / "templates"
Interval = Sequence[float] | None


class HtmlSay(Say):
    """A language whose sentences are HTML; values in their placeholders are escaped."""

    def _filled(self, spoken: str, values: Mapping[str, Any]) -> Markup:
        return Markup(super()._filled(Markup(spoken), values))


def fill(template: str, say: Say, **values: Any) -> str:
    """The HTML of `templates/TEMPLATE`. Raises `jinja2.UndefinedError` for a value that is missing."""
    html = HtmlSay(say.code, say.translations)
    return TEMPLATES.get_template(template).render(say=html, text=say, **values)


def status(sentence: str, detail: str = "", level: str = "") -> str:
    """The status line. `level`: "", "error" (announced at once by screen readers) or "note"."""
    pieces: Any = TEMPLATES.get_template("pieces.html").module
    return str(pieces.status(sentence, detail, level))


@pass_context
def _measured(
    context: Context, value: float | None, form: str, interval: Interval = None, digits: int = 1
) -> str:
    """A measured number with its 95 % interval, where it has one; None: not measured.

    `form`: "share" (in [0, 1], counted: it can be 0 or 1), "points" (a difference of shares, in
    percentage points), "area" (under a curve), "count" or "number"; `digits`: decimals of a share.
    """
    say = context["say"]

    def shown(number: float | None) -> str:
        if number is None:
            return say(evidence.NOT_MEASURED)
        if form == "share":
            return say.counted(number, digits)
        if form == "points":
            return say.number(100 * number, digits)
        # adding 0 turns -0 into 0
        return say.number(round(number, 3) + 0.0, {"area": 3, "number": 2, "count": 0}[form])

    if interval is None:
        return shown(value)
    low, high = map(shown, interval)
    return say(evidence.INTERVAL, value=shown(value), low=low, high=high)


@pass_context
def _score(context: Context, scores: Mapping[str, Any], key: str, form: str) -> str:
    """One of `scores`, as `_measured` writes it."""
    return _measured(context, scores.get(key), form, scores.get("intervals_95", {}).get(key))


@pass_context
def _estimate(context: Context, own: StoredEstimate, digits: int = 1) -> str:
    """An estimate, as `_measured` writes it."""
    form = "share" if own.is_share else "number"
    return _measured(context, own.value, form, own.interval_95, digits)


@pass_context
def _said(context: Context, sentence: str) -> str:
    """A sentence as plain text, for `map`."""
    return context["text"](sentence)


def as_url(content: bytes, media_type: str) -> str:
    """A file as a `data:` URL, so that the page holds it itself."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


TEMPLATES = Environment(
    loader=FileSystemLoader(FOLDER),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {
    "measured": _measured,
    "score": _score,
    "estimate": _estimate,
    "said": _said,
    "as_url": as_url,
}
TEMPLATES.globals |= {
    "words": words,
    "DIAGNOSES": DIAGNOSES,
    "LANGUAGES": LANGUAGES,
    "BY_CODE": dict(zip(CODES, DIAGNOSES, strict=True)),
    "VIEWS": VIEWS,
}
