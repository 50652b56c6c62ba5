"""A really running page, `app.py` in a process of its own, and visitors who use it over HTTP."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import httpx

from skin_app.page.one_photo_handlers import EXAMPLES_FOLDER

ROOT = Path(__file__).resolve().parents[2]
PHOTO = (EXAMPLES_FOLDER / "globules.jpg").read_bytes()
PATIENCE = 300.0  # seconds for anything, on a busy machine
FILE = {"_type": "gradio.FileData"}


Did = Literal["recovered", "said what is wrong", "failed"]


@dataclass(frozen=True)
class Fault:
    """A fault that was made. `found`: what was counted meanwhile; `said`: its sentence, "" for none.

    `seconds`: from the end of the cause until it worked again; None where it worked all the time, and
    where it did not work again.
    """

    name: str
    how: str
    did: Did
    said: str
    found: str
    worked_again: bool
    seconds: float | None = None


class PageError(RuntimeError):
    """The page did not do what the measurement needs."""


@dataclass(frozen=True)
class Reply:
    """What a visitor got. `sentence`: why there is no answer; `answer`: the record, or None."""

    sentence: str
    answer: Any = None
    status: int = 200

    @property
    def is_answer(self) -> bool:
        return self.answer is not None


@dataclass
class FaultyPage:
    """`app.py` under one port, with its uploads in `uploads`; `log`: what it says."""

    port: int
    uploads: Path
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    start: tuple[str, ...] = ("app.py",)
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.begin()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return f"{self.url}/gradio_api"

    def begin(self) -> None:
        """Start it, without waiting."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.start],
                cwd=ROOT,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "GRADIO_TEMP_DIR": str(self.uploads),
                    "GRADIO_SERVER_PORT": str(self.port),
                    **self.environment,
                },
                stdout=log,
                stderr=log,
            )

    def wait_until_served(self) -> "FaultyPage":
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            if self.process.poll() is not None:
                raise PageError(f"The page ended: {self.said()}")
            try:
                if httpx.get(self.url, timeout=5).is_success:
                    return self
            except httpx.TransportError:
                time.sleep(0.2)
        raise PageError("The page was not served.")

    def said(self) -> str:
        """What the program has said so far, on both outputs."""
        return self.log.read_text(errors="replace")

    def last_line(self) -> str:
        return self.said().strip().splitlines()[-1]

    def files(self) -> list[Path]:
        """What lies in the folder of uploads now."""
        return [path for path in self.uploads.rglob("*") if path.is_file()]

    def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def upload(self, data: bytes = PHOTO) -> httpx.Response:
        return httpx.post(f"{self.api}/upload", files={"files": ("a.jpg", data)}, timeout=PATIENCE)

    def call(self, views: int = 1, data: bytes = PHOTO) -> Reply | str:
        """Upload and call `analyse`: the id of the event, or why it was refused."""
        sent = self.upload(data)
        if not sent.is_success:
            return Reply(_sentence(sent), None, sent.status_code)
        photo = {"path": sent.json()[0], "meta": FILE}
        values = {"data": [photo, views, None, None, None]}
        called = httpx.post(f"{self.api}/call/analyse", json=values, timeout=PATIENCE)
        if not called.is_success:
            return Reply(_sentence(called), None, called.status_code)
        return called.json()["event_id"]

    def result(self, event: str) -> Reply:
        """Wait for the answer to a call."""
        text = httpx.get(f"{self.api}/call/analyse/{event}", timeout=PATIENCE).text
        *_, last = [block for block in text.split("\n\n") if block and "heartbeat" not in block]
        kind, data = (line.partition(": ")[2] for line in last.split("\n", 1))
        told = json.loads(data)
        if kind == "complete":
            return Reply("", told[0])
        return Reply(str(told.get("error") if isinstance(told, dict) else told))

    def analyse(self, views: int = 1, data: bytes = PHOTO) -> Reply:
        """One photo by the API; a connection that was refused or broke is a reply, too."""
        try:
            event = self.call(views, data)
            return self.result(event) if isinstance(event, str) else event
        except httpx.TransportError as error:
            return Reply(f"{type(error).__name__}: {error}", None, 0)

    def seconds_until_an_answer(self) -> float | None:
        """Until a photo is answered again; None if that takes longer than `PATIENCE`."""
        begun = time.monotonic()
        while time.monotonic() - begun < PATIENCE:
            if self.analyse().is_answer:
                return time.monotonic() - begun
            time.sleep(0.2)
        return None


def _sentence(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text


class PageVisit:
    """One page, without a browser: its events, in the order in which a visitor causes them."""

    def __init__(self, page: FaultyPage) -> None:
        self.page, self.session = page, secrets.token_hex(6)
        config = httpx.get(f"{page.url}/config", timeout=PATIENCE).json()
        self.parts = {part["id"]: part["props"] for part in config["components"]}
        self.steps = config["dependencies"]

    def step(self, chosen: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        return next(step for step in self.steps if chosen(step))

    def of_part(self, name: str, event: str) -> dict[str, Any]:
        """The step that an event of the part with this element id begins."""
        (part,) = [id for id, own in self.parts.items() if own.get("elem_id") == name]
        return self.step(lambda step: [part, event] in [list(target) for target in step["targets"]])

    def writes(self, name: str, event: str) -> dict[str, Any]:
        """The step of an `event` that changes the part with this element id alone."""
        (part,) = [id for id, own in self.parts.items() if own.get("elem_id") == name]
        return self.step(
            lambda step: (
                step["outputs"] == [part] and event in [target[1] for target in step["targets"]]
            )
        )

    def do(self, step: dict[str, Any], event_data: Any = None) -> str:
        """Cause a step with the page's own values; returns all that came back, as text."""
        values = [self.parts[part].get("value") for part in step["inputs"]]
        joined = httpx.post(
            f"{self.page.api}/queue/join",
            json={
                "data": values,
                "event_data": event_data,
                "fn_index": step["id"],
                "session_hash": self.session,
                "trigger_id": step["targets"][0][0] if step["targets"] else None,
            },
            timeout=PATIENCE,
        )
        if not joined.is_success:
            return _sentence(joined)
        stream = f"{self.page.api}/queue/data?session_hash={self.session}"
        return httpx.get(stream, timeout=PATIENCE).text

    def answered(self) -> bool:
        """Choose the second drawing and wait for its full answer."""
        step = self.of_part("examples", "click")
        self.do(step, {"index": 1})
        follows = self.step(lambda own: own["trigger_after"] == step["id"])
        return "8 views" in self.do(follows)

    def report(self) -> str:
        """Ask for the report's files."""
        return self.do(self.writes("downloads", "click"))


def free_port_of(candidates: range) -> int:
    """The first port that nobody listens on."""
    for port in candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise PageError("No port is free.")


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A file system of its own in memory; needs the rights of the administrator."""
    with TemporaryDirectory(prefix="skin-app-faults-") as folder:
        size = f"size={megabytes}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """The disk has no room while the block runs."""
    fill = disk / "fill"
    with fill.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    try:
        yield
    finally:
        fill.unlink()
