"""Serves the page as `python app.py` does, in folders of its own, and visits it with planted photos."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx
from playwright.sync_api import Browser, Page, Playwright, Request, sync_playwright

from benchmarks.reliability.planted import NAME, Planted, planted
from benchmarks.reliability.traces import in_bytes, needles
from skin_app.words import page as words
from skin_app.words import several

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
PATIENCE = 600.0  # seconds for a start, an answer, an end
FOLDERS = {
    **{"HOME": "home", "TMPDIR": "temporary", "GRADIO_TEMP_DIR": "uploads"},
    **{"XDG_CACHE_HOME": "cache", "XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data"},
    **{"XDG_STATE_HOME": "state", "XDG_RUNTIME_DIR": "runtime", "SKIN_APP_CACHE": "pictures"},
    **{"HF_HOME": "hub", "MPLCONFIGDIR": "plots"},
}


@dataclass
class Server:
    """`python app.py` in the folder `home`; `log`: where it writes to."""

    home: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def log(self) -> tuple[Path, Path]:
        return self.home / "log" / "output", self.home / "log" / "errors"

    @property
    def uploads(self) -> Path:
        return self.home / FOLDERS["GRADIO_TEMP_DIR"]

    def start(self) -> None:
        """Returns once the page is served."""
        for name in ("log", "started in", *FOLDERS.values()):
            (self.home / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        own = {name: str(self.home / folder) for name, folder in FOLDERS.items()}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("SKIN_APP_")}
        own |= {"GRADIO_SERVER_PORT": str(self.port), "PYTHONPATH": str(ROOT)}
        own["SKIN_APP_RATE"] = "1000000/minute"  # all guesses shall reach gradio
        with self.log[0].open("ab") as output, self.log[1].open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, ROOT / "app.py"],
                cwd=self.home / "started in",
                env={**kept, **own, "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=output,
                stderr=errors,
            )
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"app.py ended: {self.log[1].read_text()[-2000:]}")
            try:
                httpx.get(self.url, trust_env=False, timeout=60).raise_for_status()
                return
            except httpx.TransportError:
                time.sleep(0.2)
        raise RuntimeError("the page was not served in time")

    def end(self, by: signal.Signals) -> int:
        """Its exit status, after this signal."""
        assert self.process is not None
        self.process.send_signal(by)
        return self.process.wait(PATIENCE)


@contextmanager
def serving(home: Path, port: int) -> Iterator[Server]:
    """A started server; it is killed at the end if it still runs."""
    server = Server(home, port)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.end(signal.SIGKILL)


@dataclass
class Client:
    """A program that uses the API from the loopback address `host`."""

    server: Server
    host: str = "127.0.0.1"
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(
            transport=httpx.HTTPTransport(local_address=self.host, trust_env=False), timeout=PATIENCE
        )

    def at(self, route: str) -> str:
        return f"{self.server.url}gradio_api/{route}"

    def upload(self, photos: Sequence[Planted]) -> list[str]:
        """Paths on the server."""
        files = [("files", (photo.name, photo.data)) for photo in photos]
        answer = self.http.post(self.at("upload"), files=files)
        answer.raise_for_status()
        return list(answer.json())

    @contextmanager
    def staying(self) -> Iterator[None]:
        """One request is under way meanwhile."""
        with self.http.stream("GET", self.at(f"heartbeat/{token_hex(8)}")) as answer:
            beats = answer.raise_for_status().iter_raw()
            next(beats)  # the request would end if nothing referred to `beats` any more
            yield

    def ask(self, name: str, data: Sequence[Any], **more: Any) -> str:
        """The event's id."""
        answer = self.http.post(self.at(f"call/{name}"), json={"data": list(data), **more})
        answer.raise_for_status()
        return str(answer.json()["event_id"])

    def collect(self, name: str, event: str) -> str:
        return self.http.get(self.at(f"call/{name}/{event}")).text

    def analyse(self, photo: Planted, views: int = 8) -> str:
        (path,) = self.upload([photo])
        return self.collect("analyse", self.ask("analyse", analysing(path, photo, views)))

    def score(self, photos: Sequence[Planted]) -> str:
        paths = self.upload(photos)
        files = [file_data(path, photo) for path, photo in zip(paths, photos, strict=True)]
        return self.collect("score", self.ask("score", [files, None, None]))

    def break_off(self, photo: Planted) -> socket.socket:
        """Send half of an upload and no more."""
        head = (
            f'--x\r\nContent-Disposition: form-data; name="files"; filename="{photo.name}"\r\n\r\n'
        ).encode()
        length = len(head) + len(photo.data) + len(b"\r\n--x--\r\n")
        request = (
            f"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\n"
            f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {length}\r\n\r\n"
        ).encode()
        opened = socket.create_connection(("127.0.0.1", self.server.port))
        # all but the end: the whole of the marks has arrived
        opened.sendall(request + head + photo.data)
        return opened


def file_data(path: str, photo: Planted) -> dict[str, Any]:
    """A file as gradio's clients name it."""
    return {"path": path, "orig_name": photo.name, "meta": {"_type": "gradio.FileData"}}


def analysing(path: str, photo: Planted, views: int = 1) -> list[Any]:
    """All arguments of `/analyse`: photo, views, age, sex, whether with maps."""
    return [file_data(path, photo), views, 61, "female", None]


def damaged(photo: Planted) -> Planted:
    """The same without its first bytes: no photo any more."""
    return Planted(photo.name, b"\0" * 16 + photo.data[16:], photo.marks)


@contextmanager
def browser_of(folder: Path) -> Iterator[Browser]:
    """The visitor's browser; what it writes is theirs and lies in `folder`."""
    before = os.environ.get("TMPDIR")
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["TMPDIR"] = str(folder)
    try:
        with sync_playwright() as started, _launched(started) as browser:
            yield browser
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


def _launched(started: Playwright) -> Browser:
    return started.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], timeout=1000 * PATIENCE
    )


@dataclass
class Visit:
    """An open page of a visitor; `asked`: what it asked the queue for; `session`: its name there."""

    page: Page
    asked: list[dict[str, Any]] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    upload_ids: list[str] = field(default_factory=list)

    @property
    def session(self) -> str:
        (only,) = self.sessions
        return only


def opened(browser: Browser, server: Server) -> Visit:
    """A fresh page in a context of its own."""
    context = browser.new_context(accept_downloads=True)
    context.set_default_timeout(1000 * PATIENCE)
    visit = Visit(context.new_page())

    def note(request: Request) -> None:
        if "/queue/join" in request.url and request.post_data:
            visit.asked.append(json.loads(request.post_data))
            visit.sessions.add(visit.asked[-1]["session_hash"])
        visit.upload_ids += re.findall(r"upload_id=([^&]+)", request.url)

    visit.page.on("request", note)
    visit.page.goto(server.url)
    visit.page.locator("#photo input[type=file]").wait_for(state="attached")
    return visit


def payload(photo: Planted) -> Any:
    """A file for the browser's field, without a file here."""
    return {"name": photo.name, "mimeType": "application/octet-stream", "buffer": photo.data}


def one_photo(visit: Visit, photo: Planted, site: str = "left forearm") -> list[bytes]:
    """Choose a photo, state the patient, make the report; returns every file that the page offers."""
    page = visit.page
    page.locator("#photo input[type=file]").set_input_files(payload(photo))
    page.locator("#picture img.layer[src]:not([hidden])").first.wait_for()
    if not page.get_by_role("button", name=words.REPORT_MAKE).is_visible():
        page.locator("#report button.label-wrap").click()
    page.locator("#report").get_by_label(words.REPORT_SITE).fill(site)
    page.get_by_role("button", name=words.REPORT_MAKE).click()
    page.locator("#downloads a").nth(2).wait_for()
    return offered(page)


def several_photos(visit: Visit, photos: Sequence[Planted], start: bool = True) -> list[bytes]:
    """Choose many photos; if they `start`: the table, one result opened, and the exported table."""
    page = visit.page
    page.wait_for_timeout(500)  # until gradio has moved the tabs
    page.get_by_role("tab", name=words.TAB_SEVERAL, exact=True).click()
    page.get_by_role("tab", name=several.BATCH_TAB, exact=True).click()
    field_ = page.locator("#several-batch-files input[type=file]")
    field_.set_input_files([payload(photo) for photo in photos])
    page.locator("#several-batch-status").get_by_text("ready").first.wait_for()
    if not start:
        return []
    page.get_by_role("button", name=several.BATCH_START).click()
    page.locator("#several-batch-result button[data-row]").first.wait_for()
    page.locator("#several-batch-result a.export").first.wait_for()
    page.locator("#several-batch-result button[data-row]").first.click()
    page.locator("#several-batch-opened h2").first.wait_for()
    with page.expect_download() as download:
        page.locator("#several-batch-result a.export").first.click()
    return [*offered(page), download.value.path().read_bytes()]


def offered(page: Page) -> list[bytes]:
    """Contents of all `data:` addresses in the page: pictures, maps and reports."""
    found = page.evaluate(
        """() => [...document.querySelectorAll('[src^="data:"], [href^="data:"]')]
          .map((one) => one.getAttribute('src') ?? one.getAttribute('href'))"""
    )
    return [content_of(url) for url in found]


def content_of(url: str) -> bytes:
    head, _, body = url.partition(",")
    return b64decode(body) if head.endswith(";base64") else unquote_to_bytes(body)


def marks_in(files: Sequence[bytes], photos: Sequence[Planted]) -> Counter[str]:
    """Marks in files that the page made; a visitor's own file names may stand in their own table."""
    wanted = tuple((kind, form) for kind, form in needles(photos) if kind != NAME)
    found: Counter[str] = Counter()
    for file in files:
        found += in_bytes(file, wanted)
    return found


def fresh(*endings: str) -> list[Planted]:
    return [planted(ending) for ending in endings]
