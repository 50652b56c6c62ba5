"""`python app.py` in a process of its own on loopback, and its memory while it serves."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path

import psutil  # pyright: ignore[reportMissingImports]
import requests

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN = 300.0  # seconds
EVERY = 2.0  # seconds between two samples of memory


@dataclass(frozen=True)
class MemorySample:
    """When, in seconds since 1970; resident and proportional memory in MB."""

    at: float
    rss: float
    pss: float
    threads: int
    files: int


class ServedPage:
    """A running page. `samples`: of its memory since `sample` was called."""

    def __init__(self, url: str, process: psutil.Process) -> None:
        self.url, self.process = url, process
        self.samples: list[MemorySample] = []

    def sample(self) -> None:
        """Begin to take samples of the server's memory until it ends."""
        threading.Thread(target=self._sample, daemon=True).start()

    def between(self, first: float, last: float) -> list[MemorySample]:
        """The samples taken in a span of time."""
        return [own for own in self.samples if first <= own.at <= last]

    def _sample(self) -> None:
        while True:
            try:
                memory = self.process.memory_full_info()
                threads, files = self.process.num_threads(), self.process.num_fds()
            except psutil.Error:  # it has ended
                return
            mega = memory.rss / 1e6, memory.pss / 1e6
            self.samples.append(MemorySample(time.time(), *mega, threads, files))
            time.sleep(EVERY)


@contextmanager
def served_page(log: Path) -> Iterator[ServedPage]:
    """Serve the page as an operator does; what it prints goes into the file `log`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    settings = {
        **environ,
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "SKIN_APP_TRUSTED_PROXIES": "127.0.0.1",  # each visitor names an address: `session_from`
    }
    with log.open("w") as file:
        started = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=settings, stdout=file, stderr=file
        )
    try:
        _wait_for(url, started, log)
        yield ServedPage(url, psutil.Process(started.pid))
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def _wait_for(url: str, started: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and started.poll() is None:
        try:
            requests.get(url, timeout=30)
        except requests.ConnectionError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"The page did not start: {log.read_text()}")
