"""A full disk and a lack of descriptors, told in a sentence."""

import asyncio
import errno
import logging
import os
import resource
import socket
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio import route_utils
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from skin_app.analysis import NO_NOTES
from skin_app.ensemble import Ensemble
from skin_app.overlay import for_display
from skin_app.page.exhausted import Exhausted, TurnAway
from skin_app.page.one_photo_handlers import Shown
from skin_app.page.report_form import downloads
from skin_app.photo.read import read_photo
from skin_app.words.language import ENGLISH
from tests.page.conftest import PHOTO, Served

DISK_FULL = "The server's disk is full, so the photo was not accepted: try again later."
TOO_MANY_OPEN = "The server has too many open connections: try again in a moment."


def fails(number: int) -> Callable[[Request], Any]:
    async def route(_: Request) -> Response:
        raise OSError(number, os.strerror(number))

    return route


async def fails_midway(_: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"half of it"
        raise OSError(errno.ENOSPC, "full")

    return StreamingResponse(parts())


@pytest.fixture
def client() -> TestClient:
    routes = [
        *(Route(f"/{number}", fails(number)) for number in (errno.ENOSPC, errno.EMFILE, errno.EIO)),
        Route("/midway", fails_midway),
    ]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Exhausted)]))


@pytest.mark.parametrize(
    ("number", "status", "sentence"),
    [(errno.ENOSPC, 507, DISK_FULL), (errno.EMFILE, 503, TOO_MANY_OPEN)],
)
def test_the_sentence_says_what_is_exhausted(
    client: TestClient, number: int, status: int, sentence: str
) -> None:
    answer = client.get(f"/{number}")
    assert (answer.status_code, answer.json()) == (status, {"detail": sentence})


@pytest.mark.parametrize("path", [f"/{errno.EIO}", "/midway"])
def test_other_errors_and_half_answers_go_through(client: TestClient, path: str) -> None:
    with pytest.raises(OSError, match=r"full|error"):
        client.get(path)


def test_an_upload_to_a_full_disk_is_told_and_the_next_one_is_taken(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    photo = {"files": ("a.jpg", PHOTO.read_bytes())}
    monkeypatch.setattr(route_utils, "NamedTemporaryFile", full)
    refused = httpx.post(f"{served.url}gradio_api/upload", files=photo)
    assert (refused.status_code, refused.text) == (507, DISK_FULL)
    monkeypatch.undo()
    taken = httpx.post(f"{served.url}gradio_api/upload", files=photo)
    assert taken.is_success
    Path(taken.json()[0]).unlink()


def test_a_report_needs_no_room_on_any_disk(ensemble: Ensemble) -> None:
    photo = read_photo(PHOTO)
    shown = Shown(for_display(photo), ensemble(photo))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # no file may grow now
    try:
        made = downloads(ENGLISH, shown, NO_NOTES, {}, datetime.now().astimezone())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    for kind in ("application/pdf", "application/json", "text/csv"):
        assert f"data:{kind}" in made


def test_visitors_are_turned_away_with_a_sentence_and_one_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop, turn_away = asyncio.new_event_loop(), TurnAway()
    full = OSError(errno.EMFILE, "Too many open files")
    with socket.socket() as listener, caplog.at_level(logging.ERROR):
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        visitors = [socket.create_connection(listener.getsockname(), timeout=60) for _ in range(3)]
        for visitor in visitors:
            visitor.sendall(b"GET / HTTP/1.1\r\n\r\n")
        for _ in range(4):  # once more than somebody waits
            turn_away(loop, {"exception": full, "socket": listener, "message": "accept"})
        for visitor in visitors:
            with visitor:
                told = visitor.makefile("rb").read().decode()
            assert told.startswith("HTTP/1.1 503 ")
            assert told.endswith(f"\r\n\r\n{TOO_MANY_OPEN}")
    assert [record.message for record in caplog.records] == [f"{TOO_MANY_OPEN} (Too many open files)"]
    turn_away(loop, {"message": "another fault"})
    assert "another fault" in caplog.text
    loop.close()
