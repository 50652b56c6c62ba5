"""Measured numbers as HTML, and what the heavy parts of the Evidence tab are kept by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from skin_app.language import Say
from skin_app.trust import Estimate
from skin_app.views import VIEWS
from skin_app.weights.folder import WeightsFolder
from skin_app.words import evidence as words

Shown = Callable[[Say, float | None], str]


@dataclass(frozen=True)
class Asked:
    """Which weights in which language: equal to another that asks for the same, as a key for caches."""

    hash: str
    language: str
    weights: WeightsFolder = field(compare=False, repr=False)
    say: Say = field(compare=False, repr=False)

    @classmethod
    def of(cls, say: Say, weights: WeightsFolder) -> "Asked":
        return cls(weights.hash, say.code, weights, say)


def share(say: Say, value: float | None) -> str:
    """A counted share in [0, 1] in per cent; None was not measured. Unlike a probability it can be
    0 or 1."""
    if value is None:
        return say(words.NOT_MEASURED)
    return escape(say.counted(value))


def area(say: Say, value: float | None) -> str:
    """An area under a curve, in [0, 1]; None was not measured."""
    return say(words.NOT_MEASURED) if value is None else say.number(value, ".3f")


def count(say: Say, value: int | None) -> str:
    """A whole number; None was not measured."""
    return say(words.NOT_MEASURED) if value is None else say.number(value)


def with_interval(say: Say, scores: Mapping[str, Any], key: str, shown: Shown) -> str:
    """One of `scores` with its 95 % interval, where it has one."""
    interval = scores.get("intervals_95", {}).get(key)
    return _bracketed(say, scores.get(key), interval, shown)


def estimate(say: Say, own: Estimate) -> str:
    """A measured share or number with its 95 % interval."""
    return _bracketed(say, own.value, own.interval_95, share if own.is_share else _number)


def share_with_interval(say: Say, value: float, interval: tuple[float, float]) -> str:
    """A share in [0, 1] with its 95 % interval."""
    return _bracketed(say, value, interval, share)


def _bracketed(say: Say, value: float | None, interval: Sequence[float] | None, shown: Shown) -> str:
    if interval is None:
        return shown(say, value)
    low, high = (shown(say, end) for end in interval)
    return say(words.INTERVAL, value=shown(say, value), low=low, high=high)


def _number(say: Say, value: float | None) -> str:
    # Adding 0 turns the -0 that rounding leaves into 0.
    return say(words.NOT_MEASURED) if value is None else say.number(round(value, 2) + 0.0, ".2f")


def scores_by_rule(weights: WeightsFolder) -> dict[str, dict[str, Any]]:
    """The scores of the full answer by decision rule; empty for weights without scores."""
    return weights.contract.scores.get(f"views_{VIEWS}", {})


def figure(source: str, alt: str, caption: str) -> str:
    """A figure; `source`: a `data:` URL, `alt`: plain text, `caption`: HTML."""
    return (
        f'<figure class="plot"><img src="{source}" alt="{escape(alt)}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def folded(summary: str, content: str) -> str:
    """Something long that opens by a click; both HTML."""
    return f'<details class="more"><summary>{summary}</summary>{content}</details>'
