"""A stand-in for the Hugging Face Hub on this machine; asked as a proxy, it is one that records."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REPO, COMMIT = "someone/skin", "0123456789" * 4
SOURCE = f"{REPO}@{COMMIT}"


@dataclass
class StandIn:
    """`folder`: the files of `REPO` at `COMMIT`; `answers`: path's beginning -> what comes instead.

    An answer is a status and headers; "silent" keeps the connection open, "cut" ends it in a file.
    """

    folder: Path
    port: int = 0
    answers: dict[str, tuple[int, dict[str, str]] | str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def instead_of(self, path: str) -> tuple[int, dict[str, str]] | str | None:
        return next((answer for start, answer in self.answers.items() if path.startswith(start)), None)


@contextmanager
def stand_in(folder: Path) -> Iterator[StandIn]:
    hub = StandIn(folder)

    class Handler(_Handler):
        stand_in = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield hub
    finally:
        hub.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: StandIn

    def do_GET(self) -> None:
        hub, path = self.stand_in, urlsplit(self.path).path
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        hub.asked.append(self.path)
        instead = hub.instead_of(path)
        if instead == "silent":
            hub.ended.wait(30)
            self.close_connection = True
        elif isinstance(instead, tuple):
            self._send(instead[0], b"", instead[1])
        elif path == f"/api/models/{REPO}/tree/{COMMIT}":
            self._send(200, json.dumps(self._tree()).encode(), {"Content-Type": "application/json"})
        elif path.startswith(f"/{REPO}/resolve/{COMMIT}/"):
            self._file(path.removeprefix(f"/{REPO}/resolve/{COMMIT}/"), cut=instead == "cut")
        else:
            self._send(404, b"", {})

    do_HEAD = do_POST = do_PUT = do_CONNECT = do_GET  # noqa: N815

    def _tree(self) -> list[dict[str, Any]]:
        return [
            {"type": "file", "path": name, "size": path.stat().st_size, "oid": name}
            for path in sorted(self.stand_in.folder.rglob("*"))
            if path.is_file() and (name := path.relative_to(self.stand_in.folder).as_posix())
        ]

    def _file(self, name: str, cut: bool) -> None:
        content = (self.stand_in.folder / name).read_bytes()
        tag = hashlib.sha256(content).hexdigest()
        self._send(200, content, {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT}, cut)

    def _send(self, status: int, body: bytes, headers: dict[str, str], cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            with suppress(ConnectionError):  # a client that gave up
                self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def log_message(self, format: str, *args: Any) -> None:  # noqa: ARG002
        return
