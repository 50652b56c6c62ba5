"""What a browser sends to the page and what a client sends to the API, read off chromium's network log.

Events are found by the names of their elements in the page's own `config`, so that they may be
renumbered. Messages are read as they come: `said` is what the page tells a waiting visitor.
"""

import base64
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from requests import Session

API = "/gradio_api"
EXPECTED = "expected.json"  # the answers to the photos of a folder, alone
SLOW = 600.0  # seconds after which an answer counts as lost
CONFIG = re.compile(r"window\.gradio_config = (\{.*?\});</script>", re.DOTALL)
REPORT = re.compile(r'data:application/json;base64,([^"\\]+)')
ALERT = re.compile(r'role=\\"alert\\">([^<]*)<')
QUICK, FULL = "Quick answer", "Full answer"
REFUSED = 503


class ProtocolError(Exception):
    """The server answered otherwise than the page promises."""


@dataclass
class PhotoAnswer:
    """One photo's answer on the page. Seconds count from the choice of the file.

    `said`: the places in line that were told; `record`: the JSON report.
    """

    read: float = 0.0
    quick: float = 0.0
    full: float = 0.0
    said: list[str] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)


class PageVisit:
    """One open page of one visitor. `session`: of requests, or of Locust, which counts requests."""

    def __init__(self, session: Session, url: str) -> None:
        self.session, self.url, self.hash = session, url.rstrip("/"), secrets.token_hex(6)
        page = self._asked("GET", "/", "page").text
        found = CONFIG.search(page)
        if found is None:
            raise ProtocolError("The page has no configuration.")
        self.config = json.loads(found[1])
        self._asked("GET", f"/theme.css?v={self.config['theme_hash']}", "theme")
        parts = self.config["components"]
        self.ids = {own["props"]["elem_id"]: own["id"] for own in parts if own["props"].get("elem_id")}
        self.values = {own["id"]: own["props"].get("value") for own in parts}

    @contextmanager
    def here(self) -> Iterator["PageVisit"]:
        """The page stays open; afterwards it is closed, as the server notices by its heartbeat."""
        beat = self._stream(f"heartbeat/{self.hash}", "heartbeat")
        try:
            yield self
        finally:
            beat.close()

    def answer(self, photo: Path, with_report: bool = True) -> PhotoAnswer:
        """Choose a photo and wait for its full answer; then make the report."""
        begun, answer = perf_counter(), PhotoAnswer()
        chosen = self.event("photo", "input")
        self.run_all(chosen, {self.ids["photo"]: self._previewed(photo)})
        answer.read = perf_counter() - begun
        (answered,) = self.after(chosen)
        for message in self.run(answered):
            if message.startswith('{"msg":"estimation"'):
                answer.said += filter(None, [json.loads(message).get("said")])
            elif QUICK in message:
                answer.quick = answer.quick or perf_counter() - begun
            elif FULL in message:
                answer.full = answer.full or perf_counter() - begun
        if not answer.full:
            raise ProtocolError("There was no full answer.")
        for event in self.after(answered):
            self.run_all(event)
        if with_report:
            answer.record = self.report()
        return answer

    def refusal(self, photo: Path) -> str:
        """Choose a photo that is not taken: the sentence that says so."""
        chosen = self.event("photo", "input")
        told = "".join(self.run(chosen, {self.ids["photo"]: self._previewed(photo)}))
        found = ALERT.search(told)
        return found[1] if found else ""

    def _previewed(self, photo: Path) -> dict[str, Any]:
        (file,) = self.upload([photo])
        # as the browser's `img` does; the page gives an empty picture
        asks = {"Accept": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"}
        self._asked("GET", f"{API}/file={file['path']}", "preview", headers=asks)
        return file

    def report(self) -> dict[str, Any]:
        """The JSON report of the photo that is shown."""
        downloads = self.ids["downloads"]
        (make,) = [own for own in self.config["dependencies"] if own["outputs"] == [downloads]]
        found = REPORT.search("".join(self.run(make)))
        if found is None:
            raise ProtocolError("There was no report.")
        return json.loads(base64.b64decode(found[1]))

    def batch(self, photos: Sequence[Path]) -> Iterator[str]:
        """Choose many photos in the tab of several and start; yields the run's messages."""
        files = self.upload(photos)
        place = self.ids["several-batch-files"]
        self.run_all(self.event("several-batch-files", "upload"), {place: files})
        return self.run(self.event("several-batch-start", "click"), {place: files})

    def upload(self, photos: Sequence[Path]) -> list[dict[str, Any]]:
        """Send files; what the page sends of them afterwards."""
        sent = [("files", (photo.name, photo.read_bytes())) for photo in photos]
        number = secrets.token_hex(5)
        answer = self._asked("POST", f"{API}/upload?upload_id={number}", "upload", files=sent)
        return [
            {
                "path": path,
                "url": f"{self.url}{API}/file={path}",
                "orig_name": photo.name,
                "size": photo.stat().st_size,
                "mime_type": "image/unknown",
                "meta": {"_type": "gradio.FileData"},
            }
            for path, photo in zip(answer.json(), photos, strict=True)
        ]

    def event(self, element: str, name: str) -> dict[str, Any]:
        """The event of an element of the page, such as a click."""
        target = [self.ids[element], name]
        return next(own for own in self.config["dependencies"] if target in own["targets"])

    def after(self, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The events that follow an event."""
        return [own for own in self.config["dependencies"] if own["trigger_after"] == event["id"]]

    def run_all(self, event: Mapping[str, Any], values: Mapping[int, Any] | None = None) -> None:
        """Run an event to its end."""
        for _ in self.run(event, values):
            pass

    def run(self, event: Mapping[str, Any], values: Mapping[int, Any] | None = None) -> Iterator[str]:
        """Join the queue; yields the messages up to the event's end. Raises `ProtocolError`."""
        inputs = {**self.values, **(values or {})}
        body = {
            "data": [inputs[own] for own in event["inputs"]],
            "event_data": None,
            "fn_index": event["id"],
            "trigger_id": None,
            "session_hash": self.hash,
        }
        number = self._asked("POST", f"{API}/queue/join?", "join", json=body).json()["event_id"]
        with closing(self._stream(f"queue/data?session_hash={self.hash}", "stream")) as stream:
            for message in lines(stream):
                if '"msg":"unexpected_error"' in message or '"success":false' in message:
                    raise ProtocolError(f"{event['api_name']}: {message[:300]}")
                yield message
                if message.startswith('{"msg":"process_completed"') and number in message[:100]:
                    return
        raise ProtocolError(f"{event['api_name']}: the stream ended before the answer.")

    def _asked(self, method: str, path: str, name: str, **sent: Any) -> Any:
        sent |= {"timeout": SLOW, **self._named(name)}
        answer = self.session.request(method, self.url + path, **sent)
        if not answer.ok:
            raise ProtocolError(f"{name}: HTTP {answer.status_code} {answer.text[:300]}")
        return answer

    def _stream(self, path: str, name: str) -> Any:
        address = f"{self.url}{API}/{path}"
        return self.session.get(address, stream=True, timeout=SLOW, **self._named(name))

    def _named(self, name: str) -> dict[str, Any]:
        # Locust's session takes the name under which a request is counted
        return {"name": f"HTTP {name}"} if type(self.session) is not Session else {}


def session_from(number: int, session: Session | None = None) -> Session:
    """A session of the visitor `number`, who has an address of their own, as told by a proxy."""
    session = session or Session()
    session.headers["X-Forwarded-For"] = f"10.0.{number // 250}.{number % 250 + 1}"
    return session


def lines(stream: Any) -> Iterator[str]:
    """The messages of an event stream."""
    for line in stream.iter_lines(chunk_size=65536):
        if line.startswith(b"data: "):
            yield line.removeprefix(b"data: ").decode()


def call(session: Session, url: str, name: str, data: Sequence[Any]) -> Any:
    """Call an endpoint of the API; its answer. Raises `ProtocolError` for an error."""
    route = f"{url.rstrip('/')}{API}/call/{name}"
    begun = session.post(route, json={"data": list(data)}, timeout=SLOW)
    if not begun.ok:
        raise ProtocolError(f"{name}: HTTP {begun.status_code} {begun.text[:300]}")
    last, failed = "", False
    with session.get(f"{route}/{begun.json()['event_id']}", stream=True, timeout=SLOW) as stream:
        for line in stream.iter_lines(chunk_size=65536):
            failed |= line.startswith(b"event: error")
            last = line.removeprefix(b"data: ").decode() if line.startswith(b"data: ") else last
    if failed:
        raise ProtocolError(f"{name}: {last[:300]}")
    with suppress(json.JSONDecodeError):
        (answer,) = json.loads(last)
        return answer
    raise ProtocolError(f"{name}: no answer, but {last[:300]}")


def as_file(path: str, photo: Path) -> dict[str, Any]:
    """An upload, as a client of the API sends it."""
    return {"path": path, "orig_name": photo.name, "meta": {"_type": "gradio.FileData"}}
