"""What stands before gradio, in place: the served page itself, asked over HTTP."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import gradio as gr
import httpx
import pytest

from skin_app.page import request_limits
from skin_app.page.gradio_guards import MOST_FILES, waiting_of
from skin_app.page.hosting import Hosting
from skin_app.page.port import listening
from skin_app.page.serve import serve
from tests.page.conftest import Served, free_port

UPLOAD = "gradio_api/upload"


def arriving(served: Served) -> list[Path]:
    """The files that have not come whole."""
    return [path for path in served.files() if path.parent == served.uploads.resolve()]


def left(served: Served) -> int:
    """How many of them there are once all requests have ended."""
    for _ in range(100):
        if not arriving(served):
            return 0
        time.sleep(0.1)
    return len(arriving(served))


def piecewise(size: int) -> Iterator[bytes]:
    yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    for _ in range(size // 10_000):
        yield b"x" * 10_000
    yield b"\r\n--x--\r\n"


def test_an_upload_that_is_cut_off_leaves_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_limits, "UPLOAD", 100_000)
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = httpx.post(f"{served.url}{UPLOAD}", content=piecewise(500_000), headers=headers)
    assert (answer.status_code, left(served)) == (413, 0)
    assert "send fewer photos" in answer.json()["detail"]


def test_a_visitor_who_leaves_midway_leaves_nothing(served: Served) -> None:
    address = urlsplit(served.url)
    request = (
        f"POST /{UPLOAD} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 99999\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    with socket.create_connection((str(address.hostname), int(address.port or 0))) as visitor:
        visitor.sendall(request.encode() + b"".join(list(piecewise(20_000))[:2]))
        for _ in range(100):
            if arriving(served):
                break
            time.sleep(0.1)
        assert arriving(served)
    assert left(served) == 0


def test_more_files_than_two_batches_are_refused(served: Served) -> None:
    files = [("files", (f"{n}.jpg", b"x")) for n in range(MOST_FILES + 1)]
    assert httpx.post(f"{served.url}{UPLOAD}", files=files, timeout=60).status_code == 400
    assert left(served) == 0


def test_no_stranger_names_its_own_address_or_the_pages_host(served: Served) -> None:
    named = {"X-Forwarded-Host": "evil.example", "X-Gradio-Server": "http://evil.example"}
    for path in ("", "config", "gradio_api/info"):
        assert "evil.example" not in httpx.get(f"{served.url}{path}", headers=named).text
    forwarded = {"X-Forwarded-For": "127.0.0.1"}
    assert httpx.get(f"{served.url}metrics").status_code == 200
    assert httpx.get(f"{served.url}metrics", headers=forwarded).status_code == 404


def test_another_site_may_read_nothing(served: Served) -> None:
    headers = {"Origin": "http://localhost:1234", "Host": "skin.localhost"}
    for method in ("GET", "OPTIONS"):
        answer = httpx.request(
            method, served.url, headers={**headers, "Access-Control-Request-Method": "POST"}
        )
        assert answer.status_code != 421  # it is the page that answers
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_page_with_a_password_starts_and_asks_for_it() -> None:
    with gr.Blocks() as page:
        pass
    where = listening("127.0.0.1", free_port())
    url = serve(page, where, hosting=Hosting(password="correct horse"))
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, auth=("", "correct horse")).status_code == 200
    page.close()


def test_what_waits_is_counted_for_each_client(served: Served) -> None:
    class Waiting:
        def __init__(self, client: str) -> None:
            self.request = httpx.Request("GET", "http://a")
            self.request.scope = {"type": "http", "client": (client, 1)}  # type: ignore[attr-defined]

    class Lane:
        queue = (Waiting("192.0.2.1"), Waiting("192.0.2.1"), Waiting("192.0.2.2"))

    lanes = served.page._queue.event_queue_per_concurrency_id
    lanes["tried"] = Lane()  # type: ignore[assignment]
    try:
        assert waiting_of(served.page, "192.0.2.1") == 2
        assert waiting_of(served.page) == 3
    finally:
        del lanes["tried"]


def test_a_call_is_refused_while_too_many_of_its_client_wait(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skin_app.page.serve.waiting_of", lambda *_: 10_000)
    answer = httpx.post(f"{served.url}gradio_api/call/analyse", json={"data": [None, 1, None, None]})
    assert answer.status_code == 429
    assert "are waiting" in json.loads(answer.text)["detail"]
