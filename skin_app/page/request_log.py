"""One JSON line on standard error for each finished request and each fault; nothing of a visitor's.

    {"time": "2026-11-30T10:15:02.123Z", "event": "request", "kind": "photo", "views": 8,
     "outcomes": {"suspicious": 1}, "seconds": {"waited": 0.0, "decode": 0.031, "networks": 1.204,
     "rest": 0.058}, "device": "cpu", "error": ""}

`outcomes`: how many photos got which. `seconds`: by stage; "waited" is the time in the queue before
anything was done, "rest" what no other stage counts. `error`: as in `Finished`.
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timezone

from skin_app.page.finished import WAITED, Finished, observe
from skin_app.page.hosting import LOG_LEVELS
from skin_app.page.safe_tracebacks import keep_values_out_of_all_logs

REQUESTS = logging.getLogger("skin_app.requests")


class JsonLine(logging.Formatter):
    """A log record as one JSON object: time, event, and what is `told` of it."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, timezone.utc)
        time = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return json.dumps({"time": time, "event": record.msg, **getattr(record, "told", {})})


def start_log(level: str, device: str) -> Callable[[], None]:
    """Log to standard error from now on; returns how to end it.

    `level`: a name in `LOG_LEVELS`; `device`: what runs the networks.
    """
    handler, ours = logging.StreamHandler(), logging.getLogger("skin_app")
    handler.setFormatter(JsonLine())
    ours.addHandler(handler)
    ours.setLevel(LOG_LEVELS[level])
    ours.propagate = False
    keep_values_out_of_all_logs()
    end = observe(lambda finished: REQUESTS.info("request", extra={"told": told(finished, device)}))

    def ended() -> None:
        end()
        ours.removeHandler(handler)

    return ended


def told(finished: Finished, device: str) -> dict[str, object]:
    """What the log says of a request."""
    spent = dict(finished.durations)
    total = spent.pop("total")
    rest = total - sum(spent.values()) + spent.get(WAITED, 0.0)
    seconds = {stage: round(took, 3) for stage, took in (*spent.items(), ("rest", rest))}
    return {
        "kind": finished.kind,
        "views": finished.views,
        "outcomes": dict(finished.outcomes),
        "seconds": seconds,
        "device": device,
        "error": finished.error,
    }
