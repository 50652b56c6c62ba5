"""Faults without values: an exception's kind and where it was raised, but never its message.

Messages hold what a visitor sent, above all the names of files. gradio, asyncio and the web server
would write them with each traceback.
"""

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any

from gradio import queueing, route_utils, routes

FAULTS = logging.getLogger("skin_app.faults")
PLACES = 12  # the innermost calls of a traceback


class _WithoutValues(ModuleType):
    """Stands in for the module `traceback` within gradio."""

    def print_exc(self, *_: object, **__: object) -> None:
        error = sys.exc_info()[1]
        if error is not None:
            log_fault(error)


def keep_values_out_of_tracebacks() -> None:
    """Have gradio write faults by `log_fault`; once is enough for all pages of a program."""
    for module in (queueing, routes, route_utils):
        setattr(module, "traceback", _WithoutValues("traceback"))  # noqa: B010


def keep_values_out_of_all_logs() -> None:
    """The same for whatever else is logged in this program, and for threads that end by an error."""
    make = logging.getLogRecordFactory()

    def made(*given: Any, **named: Any) -> logging.LogRecord:
        record = make(*given, **named)
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            # asyncio describes the error in the message, too, from its second line on
            record.msg, record.args = str(record.msg).partition("\n")[0], None
            record.exc_info, record.exc_text = None, "; ".join(without_values(error))
        return record

    logging.setLogRecordFactory(made)
    threading.excepthook = lambda ended: log_fault(ended.exc_value) if ended.exc_value else None


def log_fault(error: BaseException) -> None:
    """Log a fault of the program."""
    kind, *places = without_values(error)
    FAULTS.error("fault", extra={"told": {"error": kind, "at": places}})


def without_values(error: BaseException) -> Iterator[str]:
    """The kinds of an exception and of those that led to it, each with its places, outermost first."""
    seen: set[int] = set()
    led_by: BaseException | None = error
    while led_by is not None and id(led_by) not in seen:
        seen.add(id(led_by))
        yield type(led_by).__name__
        for place in extract_tb(led_by.__traceback__)[-PLACES:]:
            yield f"{Path(place.filename).name}:{place.lineno} {place.name}"
        led_by = led_by.__cause__ or (None if led_by.__suppress_context__ else led_by.__context__)
