"""Requests that must be refused, as they go over the wire: a client library would tidy their paths.

A `Canary` listens on loopback: whoever makes the page's server fetch an address would reach it.
"""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

SECRET = "a secret that no visitor may read"
FORM, JSON = "multipart/form-data; boundary=x", "application/json"
CLOSED = (
    *("/monitoring", "/monitoring/summary", "/monitoring/key", "/docs", "/redoc", "/openapi.json"),
    *("/login", "/logout", "/svelte/index.js", "/pwa_icon", "/pwa_icon/192", "/gradio_api/token"),
    *("/gradio_api/user", "/gradio_api/login_check", "/gradio_api/runs", "/gradio_api/dev/reload"),
    *("/gradio_api/queue/status", "/gradio_api/deep_link?session_hash=a", "/gradio_api/vibe-code/"),
    *(
        "/gradio_api/custom_component/a/client/b/c.js",
        "/gradio_api/mcp/",
        "/gradio_api/stream/a/b/1/c.ts",
    ),
    *("/gradio_api/stream/a/b/1/playlist.m3u8", "/gradio_api/stream/a/b/1/playlist-file"),
    *("/gradio_api/profiling/traces", "/gradio_api/run-history/buckets", "/theme", "/.git/config"),
)
SENT = (
    *("/gradio_api/process_recording", "/gradio_api/component_server", "/gradio_api/stream/a"),
    *("/gradio_api/stream/a/close", "/gradio_api/vibe-edit", "/gradio_api/undo-vibe-edit"),
    *("/gradio_api/vibe-starter-queries", "/gradio_api/api/analyse", "/gradio_api/run/analyse"),
    *("/gradio_api/run-history/connect", "/login"),
)


@dataclass(frozen=True)
class Answer:
    """What came back; `status` 0: the connection was cut."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def ask(
    url: str,
    path: str,
    method: str = "GET",
    body: Any = None,
    **headers: str,
) -> Answer:
    """One request with exactly this path. Event streams are read for a second at most."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        # http.client refuses what is no proper path
        connection._validate_path = lambda _: None  # type: ignore[attr-defined]
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named, encode_chunked=not isinstance(body, bytes | None))
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        if found.get("content-type", "").startswith("text/event-stream") and "/call/" not in path:
            return Answer(answer.status, found)
        return Answer(answer.status, found, answer.read())
    except (ConnectionError, http.client.HTTPException, TimeoutError):
        return Answer(0)
    finally:
        connection.close()


class Canary:
    """Counts who comes to it; also serves a page that shows `framed` in a frame."""

    def __init__(self) -> None:
        self.visits: list[str] = []
        self.framed = ""
        canary = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != "/frame":
                    canary.visits.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(f'<iframe src="{canary.framed}"></iframe>{SECRET}'.encode())

            do_HEAD = do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]

    @contextmanager
    def listening(self) -> Iterator["Canary"]:
        """Listen until the end of the block."""
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()


def traversals(secret: Path, uploads: Path) -> Iterator[str]:
    """Paths to a file outside of the uploads, written in many ways."""
    climb = "/".join([".."] * (len(uploads.parts) + 8))
    for target in (str(secret), "/etc/passwd", __file__, "app.py", "/proc/self/environ"):
        tail = target.lstrip("/")
        for written in (
            target,
            f"{uploads}/{climb}/{tail}",
            f"{climb}/{tail}",
            f"./{target}",
            f"//{tail}",
            f"\\\\{tail}",
            f"{target}%00.jpg",
            f"file://{target}",
        ):
            for path in {written, quote(written, safe=""), quote(quote(written, safe=""), safe="")}:
                for route in ("/gradio_api/file=", "/gradio_api/file/", "/file=", "/file/"):
                    yield route + path
            for route in (
                "/static/",
                "/assets/",
                "/svelte/",
                "/gradio_api/custom_component/html/client/",
            ):
                yield route + quote(f"{climb}/{tail}", safe="")
                yield f"{route}{climb}/{tail}".replace("..", "%2e%2e")
                yield f"{route}{climb}/{tail}"


def addresses(canary: Canary) -> list[str]:
    """Addresses that a server must not fetch for a visitor."""
    own = f"127.0.0.1:{canary.port}/c"
    return [
        f"http://{own}",
        f"http://localhost:{canary.port}/c",
        f"http://2130706433:{canary.port}/c",
        f"http://0x7f.1:{canary.port}/c",
        f"http://[::ffff:127.0.0.1]:{canary.port}/c",
        f"http://0.0.0.0:{canary.port}/c",
        f"HTTP://{own}",
        f"http:/{own}",
        f"//{own}",
        f"https://{own}",
        f"ftp://{own}",
        f"http://owner.hf.space@{own}",
        "http://169.254.169.254/latest/meta-data/",
        "http://metadata.google.internal/",
        "https://example.org/lesion.jpg",
        "file:///etc/passwd",
        "gopher://127.0.0.1:25/",
    ]


def fetches(canary: Canary) -> Iterator[str]:
    """Routes that take an address."""
    for address in addresses(canary):
        for written in (address, quote(address, safe="")):
            yield f"/gradio_api/proxy={written}"
            yield f"/proxy={written}"
            yield f"/gradio_api/file={written}"
            yield f"/gradio_api/file/{written}"
            yield f"/?deep_link={written}"


def called(url: str, endpoint: str, named: Mapping[str, object]) -> Answer:
    """The answer of a call of the API: its whole event stream."""
    body = json.dumps(named).encode()
    joined = ask(url, f"/gradio_api/call/v2/{endpoint}", "POST", body, Content_Type=JSON)
    if joined.status != 200:
        return joined
    event = json.loads(joined.body)["event_id"]
    return ask(url, f"/gradio_api/call/{endpoint}/{event}")


def form(names: list[str], content: bytes, boundary: str = "x") -> Iterator[bytes]:
    """A request that uploads files with these names, piece by piece."""
    for name in names:
        head = f'Content-Disposition: form-data; name="files"; filename="{name}"'
        yield f"--{boundary}\r\n{head}\r\n\r\n".encode()
        yield from (content[at : at + 65_536] for at in range(0, len(content), 65_536))
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def uploaded(url: str, names: list[str], content: bytes, **headers: str) -> Answer:
    """Upload files; their length is not stated."""
    return ask(url, "/gradio_api/upload", "POST", form(names, content), Content_Type=FORM, **headers)
