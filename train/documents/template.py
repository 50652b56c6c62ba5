"""Documents are Jinja2 templates in `templates/`, filled here with numbers as people read them.

A measurement returns frozen dataclasses; `train.scores.intervals.plain` makes JSON of them, and a
template reads that JSON. So a document can be written again from its kept numbers alone.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def filled(template: str, **values: Any) -> str:
    """The text of `templates/TEMPLATE`, without runs of empty lines.

    Raises `jinja2.UndefinedError` for a value that is missing.
    """
    text = environment().get_template(template).render(**values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def environment() -> Environment:
    """The templates with the filters below by their names."""
    made = Environment(
        loader=PackageLoader("train.documents"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    filters = (count, decimal, percent, estimate, percent_estimate, score, difference, anchor, table)
    made.filters |= {each.__name__: each for each in filters}
    return made


def count(value: int) -> str:
    """As "10,015"."""
    return f"{value:,}"


def decimal(value: float | None, digits: int = 3) -> str:
    """As "0.853"; n/a for what is undefined."""
    return "n/a" if value is None else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share in [0, 1] as "36.1 %"; n/a for what is undefined."""
    return "n/a" if value is None else f"{value * 100:.{digits}f} %"


def estimate(measured: dict[str, Any], digits: int = 3) -> str:
    """What `Estimate` holds, as "0.853 [0.833, 0.871]"; n/a without images."""
    return decimal(measured["value"], digits) + _interval(measured, digits)


def score(scores: dict[str, Any], name: str) -> str:
    """One score of a `Scores` or `ClassScores`, as `estimate` writes it."""
    return estimate({"value": scores[name], "interval_95": scores["intervals_95"].get(name)})


def percent_estimate(measured: dict[str, Any], digits: int = 1) -> str:
    """What `Estimate` holds of a share, as "36.1 % [34.2, 37.9]"; n/a without images."""
    return percent(measured["value"], digits) + _interval(measured, digits, 100)


def _interval(measured: dict[str, Any], digits: int, factor: float = 1) -> str:
    ends = measured.get("interval_95") or ()
    return f" [{', '.join(f'{end * factor:.{digits}f}' for end in ends)}]" if ends else ""


def difference(measured: dict[str, Any] | None) -> str:
    """What `Difference` holds, as "-0.021 [-0.034, -0.008]"; bold unless the interval spans zero."""
    if measured is None:
        return "n/a"
    low, high = measured["interval_95"]
    text = f"{measured['value']:+.3f} [{low:+.3f}, {high:+.3f}]"
    return text if measured["verdict"] == "none" else f"**{text}**"


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def table(rows: Iterable[Sequence[object]], header: Sequence[str]) -> str:
    """A Markdown table."""
    lines = [[str(cell) for cell in cells] for cells in (header, ["---"] * len(header), *rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
