"""Tries the limits of uploads and calls on a running page, and looks for what they leave on disk."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

from benchmarks.reliability.web_attacks import FORM, JSON, Answer, ask, form, uploaded
from skin_app.page import api, request_limits
from skin_app.page.batch import MOST
from skin_app.page.gradio_guards import MOST_FILES
from skin_app.page.hosting import Hosting

MB = 1_000_000
CUT_AT = 20 * MB  # instead of `request_limits.UPLOAD`, which takes minutes to reach
SETTLED = 3.0  # seconds after which nothing may be left of a request that was cut off
MOST_REQUESTS = 3000  # after which a limit of their rate counts as missing
SMALL = b"no photo"
UPLOAD, CALL = "/gradio_api/upload", "/gradio_api/call/v2/analyse"


@dataclass(frozen=True)
class Limit:
    """What was sent, and what came back; `files_left`: on disk, more than are there before."""

    what: str
    sent: str
    expected: int
    status: int
    says_when: bool
    files_left: int


def tried_limits(url: str, uploads: Path) -> Iterator[Limit]:
    """Each limit, on the page at `url`; its client is then over its rate."""
    before = _files(uploads)
    sent = uploaded(url, [f"{n}.jpg" for n in range(MOST)], b"x" * MB)
    for path in json.loads(sent.body) if sent.status == 200 else ():
        Path(path).unlink()
    yield _limit("a batch", f"{MOST} files of 1 MB", 200, sent, _files(uploads) - before)

    def left() -> int:
        time.sleep(SETTLED)
        return _files(uploads) - before

    names = [f"{n}.jpg" for n in range(MOST_FILES + 1)]
    yield _limit(
        "files of one request", f"{len(names)} files", 400, uploaded(url, names, SMALL), left()
    )
    stated = ask(
        url, UPLOAD, "POST", SMALL, Content_Type=FORM, Content_Length=str(request_limits.UPLOAD + 1)
    )
    yield _limit(
        "bytes of one request, stated", f"{request_limits.UPLOAD // MB:,} MB", 413, stated, left()
    )
    with patch.object(request_limits, "UPLOAD", CUT_AT):
        cut = uploaded(url, ["a.jpg", "b.jpg"], b"x" * CUT_AT)
    yield _limit(
        "bytes of one request, not stated",
        f"{2 * CUT_AT // MB} MB, limit {CUT_AT // MB}",
        413,
        cut,
        left(),
    )
    _leave_midway(url)
    yield Limit("a client that leaves midway", "half a file", 0, 0, True, left())
    call = ask(url, CALL, "POST", b"x" * (request_limits.CALL + 1), Content_Type=JSON)
    yield _limit("bytes of a call", f"{request_limits.CALL // MB} MB and one byte", 413, call, left())
    waiting, count = _until_too_many_wait(url)
    yield _limit(
        "waiting requests of one client",
        f"{count} calls, limit {Hosting().waiting}",
        429,
        waiting,
        left(),
    )
    often, count = _until_too_often(url)
    yield _limit(
        "uploads of one client", f"{count} more requests, limit {Hosting().rate}", 429, often, left()
    )


def _limit(what: str, sent: str, expected: int, answer: Answer, files_left: int) -> Limit:
    says = answer.status != 429 or answer.headers.get("retry-after", "").isdecimal()
    return Limit(what, sent, expected, answer.status, says, files_left)


def _files(uploads: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(uploads))


def _leave_midway(url: str) -> None:
    host, _, port = urlsplit(url).netloc.partition(":")
    pieces = form(["a.jpg"], b"x" * MB)
    head = (
        f"POST {UPLOAD} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {FORM}\r\n"
        f"Content-Length: {MB}\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + next(pieces) + next(pieces))
        time.sleep(1)


def _until_too_often(url: str) -> tuple[Answer, int]:
    answer = Answer(0)
    for count in range(1, MOST_REQUESTS + 1):
        answer = ask(url, UPLOAD, "POST", b"", Content_Type=FORM)
        if answer.status == 429:
            return answer, count
    return answer, MOST_REQUESTS


def _until_too_many_wait(url: str) -> tuple[Answer, int]:
    """Calls, while the networks stand still."""
    go, most = threading.Event(), 2 * Hosting().waiting

    def stand_still(*_: object) -> None:
        go.wait(60)
        raise api.CallError("Only tried.")

    answer, body = Answer(0), json.dumps({"photo": None}).encode()
    with patch.object(api, "analysed", stand_still):
        try:
            for count in range(1, most + 1):
                answer = ask(url, CALL, "POST", body, Content_Type=JSON)
                if answer.status == 429:
                    return answer, count
            return answer, most
        finally:
            go.set()
            time.sleep(SETTLED)
