"""Documents are Jinja2 templates in `templates/`: filled here, with numbers as people read them.

A measurement returns frozen dataclasses; `plain` makes JSON of them, and a template reads that JSON,
so that a document can be written anew from its kept numbers alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined


def filled(template: str, **values: Any) -> str:
    """The text of `templates/TEMPLATE`. Raises `jinja2.UndefinedError` for a value that is missing."""
    return environment().get_template(template).render(**values)


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
    made.filters |= {
        "count": count,
        "decimal": decimal,
        "percent": percent,
        "estimate": estimate,
        "percent_estimate": percent_estimate,
        "table": table,
    }
    return made


def plain(value: Any) -> Any:
    """Dataclasses, tuples and numpy numbers as JSON has them: dicts, lists, numbers."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


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
    if measured["value"] is None:
        return "n/a"
    interval = measured.get("interval_95")
    between = f" [{', '.join(f'{end:.{digits}f}' for end in interval)}]" if interval else ""
    return f"{measured['value']:.{digits}f}{between}"


def percent_estimate(measured: dict[str, Any], digits: int = 1) -> str:
    """What `Estimate` holds of a share, as "36.1 % [34.2, 37.9]"; n/a without images."""
    if measured["value"] is None:
        return "n/a"
    interval = measured.get("interval_95")
    between = f" [{', '.join(f'{end * 100:.{digits}f}' for end in interval)}]" if interval else ""
    return f"{percent(measured['value'], digits)}{between}"


def table(rows: Iterable[Sequence[object]], header: Sequence[str]) -> str:
    """A Markdown table."""
    lines = [[str(cell) for cell in cells] for cells in (header, ["---"] * len(header), *rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
