"""The end of the program while requests are under way."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from skin_app.ensemble import Ensemble
from skin_app.gallery.similar_lesions import LesionPictures
from skin_app.page import request_limits
from skin_app.page.graceful_stop import JOIN, GracefulStop, StoppingRequests
from skin_app.page.hosting import Hosting
from skin_app.page.metrics import Metrics
from skin_app.page.queues import STOPPING
from skin_app.page.serve import _before_every_route
from skin_app.page.several_tab import BATCH, SeveralPhotos
from skin_app.page.uploads_and_sessions import Desk
from skin_app.page.visitor_language import FixedTexts
from skin_app.words.language import Plural
from skin_app.words.server import BROKEN_OFF, FINISHING
from tests.page.conftest import OTHER, PHOTO, free_port
from tests.page.test_app import started, wait_until_served
from tests.page.test_batch import uploaded
from tests.tiny import give_trust, write_weights

SENTENCE = "The server is about to stop and accepts nothing new: try again in a minute."


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Stands for a running page with an empty queue."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # pytest keeps its own
    yield SimpleNamespace(is_running=True, _queue=SimpleNamespace(event_ids_to_events={}))
    STOPPING.clear()


@pytest.fixture
def told() -> list[tuple[Plural, int]]:
    return []


def stopping(page: Any, told: list[tuple[Plural, int]], within: float) -> GracefulStop:
    """A stop that has been asked for, with two requests under way."""
    stop = GracefulStop(page, lambda *own: told.append(own), within)
    stop.open = 2
    stop.signals.append(signal.SIGTERM)
    return stop


def test_it_waits_for_what_is_under_way(page: Any, told: list[tuple[Plural, int]]) -> None:
    stop, done = stopping(page, told, 60), threading.Event()

    def finish() -> None:
        assert STOPPING.wait(60)
        page._queue.event_ids_to_events["one"] = "still in the queue when its request has its answer"
        stop.open = 0
        time.sleep(0.2)
        done.set()
        page._queue.event_ids_to_events.clear()

    threading.Thread(target=finish).start()
    stop.stay()
    assert done.is_set()
    assert stop.code == 0
    assert told == [(FINISHING, 2)]


def test_what_has_not_ended_in_time_is_broken_off_and_told(
    page: Any, told: list[tuple[Plural, int]]
) -> None:
    stop = stopping(page, told, 0.1)
    stop.stay()
    assert stop.code == 0
    assert told == [(FINISHING, 2), (BROKEN_OFF, 2)]


def test_a_second_signal_ends_at_once(page: Any, told: list[tuple[Plural, int]]) -> None:
    stop = stopping(page, told, 3600)
    stop.signals.append(signal.SIGTERM)
    stop.stay()
    assert stop.code == 143


def test_only_steps_that_follow_others_are_still_taken() -> None:
    with gr.Blocks() as blocks:
        gr.Button().click(lambda: None).then(lambda: None)
    stop = GracefulStop(blocks)
    steps = [json.dumps({"fn_index": step}).encode() for step in blocks.fns]
    assert [stop.refuses("POST", JOIN, step) for step in steps] == [True, False]
    for body in (b"", b"[]", b'{"fn_index": 99}', b"\xff"):
        assert stop.refuses("POST", JOIN, body)
    for path in ("/gradio_api/upload", "/gradio_api/call/analyse", "/gradio_api/run/analyse"):
        assert stop.refuses("POST", path, b"")
    for path in ("/", "/healthz"):
        assert stop.refuses("GET", path, b"")
    for path in ("/gradio_api/queue/data", "/gradio_api/call/analyse/1", "/static/page.js"):
        assert not stop.refuses("GET", path, b"")
    assert not stop.refuses("POST", "/gradio_api/cancel", b"")


def test_a_step_that_is_too_large_is_not_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_limits, "CALL", 100)
    stop = GracefulStop(gr.Blocks())
    stop.signals.append(signal.SIGTERM)
    metrics = Metrics((), lambda: 0)
    before = _before_every_route(gr.Blocks(), Hosting(), stop, metrics)
    client = TestClient(Starlette(middleware=before), raise_server_exceptions=False)
    assert client.post(JOIN, content=iter([b"x" * 60] * 2)).status_code == 413
    before = _before_every_route(gr.Blocks(), Hosting("a password"), stop, metrics)
    client = TestClient(Starlette(middleware=before), raise_server_exceptions=False)
    assert client.post(JOIN, content=iter([b"x" * 60] * 2)).status_code == 401


def test_who_is_refused_gets_a_sentence_and_the_others_what_they_sent() -> None:
    with gr.Blocks() as blocks:
        gr.Button().click(lambda: None).then(lambda: None)
    stop = GracefulStop(blocks)
    (follows,) = [id for id, step in blocks.fns.items() if step.trigger_after is not None]

    async def echo(request: Request) -> JSONResponse:
        return JSONResponse({"open": stop.open, "sent": (await request.body()).decode()})

    routes = [Route("/{path:path}", echo, methods=["GET", "POST"])]
    client = TestClient(Starlette(routes=routes, middleware=[Middleware(StoppingRequests, stop)]))
    assert client.post("/gradio_api/upload", content="photo").json() == {"open": 1, "sent": "photo"}
    stop.signals.append(signal.SIGTERM)
    refused = client.post("/gradio_api/upload", content="photo")
    assert (refused.status_code, refused.text) == (503, SENTENCE)
    assert int(refused.headers["Retry-After"]) > 0
    german = client.post("/gradio_api/upload", headers={"Accept-Language": "de"})
    assert german.text.startswith("Der Server")
    called = client.post("/gradio_api/call/analyse", json={})
    assert (called.status_code, called.json()) == (503, {"detail": SENTENCE})
    step = json.dumps({"fn_index": follows})
    assert client.post(JOIN, content=step).json() == {"open": 1, "sent": step}
    assert client.get("/gradio_api/heartbeat/visitor").json()["open"] == 0  # open as long as the page
    assert stop.open == 0


def test_a_batch_ends_with_what_it_has(ensemble: Ensemble, tmp_path: Path) -> None:
    photos = [("a.jpg", PHOTO.read_bytes()), ("b.jpg", OTHER.read_bytes())]
    chosen = [{"path": own.path, "orig_name": own.file} for own in uploaded(tmp_path, photos)]
    with gr.Blocks():
        several = SeveralPhotos(BATCH, ensemble, tmp_path, LesionPictures({}), FixedTexts(), Desk())
    request: Any = SimpleNamespace(session_hash="visitor", cookies={}, headers={})
    STOPPING.set()
    try:
        *_, last = several._on_start(chosen, request)
    finally:
        STOPPING.clear()
    assert "Stopped" in last[several.status]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_a_page_that_is_asked_to_end_answers_first(tmp_path: Path) -> None:
    """`app.py` itself, in a home that cannot be written, with three calls under way."""
    weights, port = give_trust(write_weights(tmp_path / "weights")), free_port()
    uploads = tmp_path / "uploads"
    process = started(str(weights), uploads, GRADIO_SERVER_PORT=str(port), HOME="/proc")
    wait_until_served(process, port)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/gradio_api", timeout=120) as client:

        def call() -> str:
            sent = client.post("/upload", files={"files": ("a.jpg", PHOTO.read_bytes())}).json()
            photo = {"path": sent[0], "meta": {"_type": "gradio.FileData"}}
            called = client.post("/call/analyse", json={"data": [photo, 8, None, None, None]})
            return called.json()["event_id"]

        with client.stream("GET", f"/call/analyse/{call()}"):
            pass  # gone before the answer
        events = [call() for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            answers = [pool.submit(client.get, f"/call/analyse/{event}") for event in events]
            process.send_signal(signal.SIGTERM)
            refused = client.post("/upload", files={"files": ("a.jpg", b"x")})
            while refused.is_success:
                refused = client.post("/upload", files={"files": ("a.jpg", b"x")})
            told = [answer.result().text for answer in answers]
    _, errors = process.communicate(timeout=120)
    assert (refused.status_code, refused.text) == (503, SENTENCE)
    assert [text.count("event: complete") for text in told] == [1, 1, 1]
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert list(uploads.iterdir()) == []
