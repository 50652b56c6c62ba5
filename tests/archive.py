"""A stand-in for the ISIC Archive on this machine, as good, slow, broken or hostile as it is told."""

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

from skin_app.gallery.archive_client import ArchiveClient, ArchiveSite
from tests.tiny import picture

ATTRIBUTION, LICENCE = "Stand-in Department of Dermatology", "CC-BY-NC"
Answer = Callable[["ArchiveHandler"], None]


@dataclass
class ArchiveStandIn:
    """`answers`: the path's beginning, `/api/ID` or `/files/ID`, -> what comes instead.

    `stated`: what the JSON says besides or instead; `asked`: paths in the order of the requests;
    `at_once`: the most requests at the same time; `held`: answers wait for it.
    """

    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    stated: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    now: int = 0
    at_once: int = 0
    held: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def site(self) -> ArchiveSite:
        return ArchiveSite(f"{self.url}/api/{{image_id}}/", frozenset({self.url}))

    def client(self, step: float = 5.0, whole: float = 10.0) -> ArchiveClient:
        return ArchiveClient(self.site, step, whole)


@contextmanager
def archive_stand_in() -> Iterator[ArchiveStandIn]:
    archive = ArchiveStandIn()
    archive.held.set()

    class Handler(ArchiveHandler):
        archive_of = archive

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    archive.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield archive
    finally:
        archive.ended.set()
        archive.held.set()
        server.shutdown()
        server.server_close()
        thread.join()


class ArchiveHandler(BaseHTTPRequestHandler):
    archive_of: ArchiveStandIn

    def do_GET(self) -> None:
        archive = self.archive_of
        with archive.lock:
            archive.asked.append(self.path)
            archive.agents.add(self.headers.get("User-Agent", ""))
            archive.now += 1
            archive.at_once = max(archive.at_once, archive.now)
        archive.held.wait(30)
        # a client that has had enough ends the connection
        with suppress(ConnectionError):
            found = (answer for start, answer in archive.answers.items() if self.path.startswith(start))
            next(found, ArchiveHandler.good)(self)
        with archive.lock:
            archive.now -= 1

    def good(self) -> None:
        kind, image_id = self.path.split("/")[1:3]
        self.whole(200, jpeg(), "image/jpeg") if kind == "files" else self.json(
            self.described(image_id)
        )

    def described(self, image_id: str) -> dict[str, Any]:
        base = f"{self.archive_of.url}/files/{image_id}"
        files = {
            "full": {"url": f"{base}/full.jpg", "size": 300_000},
            "thumbnail_256": {"url": f"{base}/thumbnail.jpg?Expires=1&Signature=x", "size": 9_000},
        }
        plain = {"isic_id": image_id, "copyright_license": LICENCE, "attribution": ATTRIBUTION}
        return {**plain, "files": files, "metadata": {}, "public": True, **self.archive_of.stated}

    def json(self, value: Any) -> None:
        self.whole(200, json.dumps(value).encode(), "application/json; charset=utf-8")

    def whole(self, status: int, body: bytes, media_type: str, **headers: str) -> None:
        self.begin(status, media_type, **headers)
        self.wfile.write(body)

    def begin(self, status: int, media_type: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing."""


def jpeg(width: int = 256, height: int = 192) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture(5, width, height)).save(file, "JPEG", quality=90)
    return file.getvalue()


def says(status: int, body: bytes = b"", media_type: str = "text/plain", **headers: str) -> Answer:
    """An answer with this status, type, headers and body."""
    return lambda handler: handler.whole(status, body, media_type, **headers)


def states(value: Any) -> Answer:
    """An answer with this JSON."""
    return lambda handler: handler.json(value)


def silent(handler: ArchiveHandler) -> None:
    """Never answers."""
    handler.archive_of.ended.wait(30)


def dripping(handler: ArchiveHandler) -> None:
    """Sends a byte of its headers now and then, fast enough for every limit of a single step."""
    while not handler.archive_of.ended.wait(0.05):
        handler.wfile.write(b"H")


def endless(handler: ArchiveHandler) -> None:
    """An image that never ends."""
    handler.begin(200, "image/jpeg")
    while not handler.archive_of.ended.is_set():
        handler.wfile.write(b"\xff" * 65_536)
        time.sleep(0.001)
