"""Faults that keep the page from starting, and how it ends while requests are under way."""

import shutil
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx

from benchmarks.reliability.faults_while_serving import PORTS
from benchmarks.reliability.faulty_page import Fault, FaultyPage, Reply, free_port_of
from skin_app.weights.folder import EMBEDDED
from tests.hub import COMMIT, REPO, SOURCE, stand_in

REQUESTS = 3  # under way when the program is asked to end
MEMBER = "member-1/model.safetensors"


def at_the_start(folder: Path) -> Iterator[Fault]:
    """Weights that are cut short, on disk and on their way, and a port that is taken."""
    weights = folder / "started-weights"
    shutil.copytree(EMBEDDED, weights)
    content = (weights / MEMBER).read_bytes()
    (weights / MEMBER).write_bytes(content[: len(content) // 2])
    page = _page(folder, "cut", SKIN_APP_WEIGHTS=str(weights))
    code = page.ended()
    said = page.last_line().replace(str(weights), "WEIGHTS")
    (weights / MEMBER).write_bytes(content)
    yield _started_again("weights cut short before the start", "a member cut in half", page, code, said)
    yield _cut_download(folder, weights)
    port = free_port_of(PORTS)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        page = _page(folder, "port", port)
        code = page.ended()
    said = page.last_line()
    yield _started_again("port taken", "another program listens there", page, code, said)


def _page(folder: Path, name: str, port: int | None = None, **environment: str) -> FaultyPage:
    return FaultyPage(
        port or free_port_of(PORTS),
        folder / f"{name}-uploads",
        folder / f"{name}.log",
        {"LANGUAGE": "en", **environment},
    )


def _started_again(name: str, how: str, page: FaultyPage, code: int, said: str) -> Fault:
    """A fault that ended the program with `code`; the page is started again, now without its cause."""
    begun = time.monotonic()
    page.begin()
    try:
        page.wait_until_served()
        seconds, answered = time.monotonic() - begun, page.analyse().is_answer
    finally:
        page.end()
    is_told = code == 2 and said.startswith("error: ") and said.endswith(".")
    return Fault(
        name,
        how,
        "said what is wrong" if is_told else "failed",
        said,
        f"exit code {code}",
        answered,
        seconds,
    )


def _cut_download(folder: Path, weights: Path) -> Fault:
    """The page starts with the embedded weights and says so; the next start downloads the rest."""
    with stand_in(weights) as hub:
        hub.answers[f"/{REPO}/resolve/{COMMIT}/{MEMBER}"] = "cut"
        page = _page(
            folder, "hub", SKIN_APP_WEIGHTS=SOURCE, HF_ENDPOINT=hub.url, HF_HOME=str(folder / "hub")
        )
        try:
            page.wait_until_served()
            said = next((line for line in page.said().splitlines() if "warning" in line), "")
            answered = page.analyse().is_answer
            page.end()
            hub.answers.clear()
            page.log.unlink()
            begun = time.monotonic()
            page.begin()
            page.wait_until_served()
            seconds, again = time.monotonic() - begun, page.analyse().answer
        finally:
            page.end()
    return Fault(
        "weights cut short on their way",
        f"the Hub's connection ends in the middle of {MEMBER}",
        "said what is wrong" if said and answered else "failed",
        said,
        "the page answers with the embedded weights meanwhile" * answered,
        again is not None and "embedded" not in page.said(),
        seconds,
    )


def at_the_end(folder: Path) -> Iterator[Fault]:
    """SIGTERM, SIGINT, and SIGTERM twice, each with requests under way and an upload that waits."""
    for name, signals in (
        ("SIGTERM with requests under way", (signal.SIGTERM,)),
        ("SIGINT with requests under way", (signal.SIGINT,)),
        ("a second SIGTERM", (signal.SIGTERM, signal.SIGTERM)),
    ):
        page = _page(folder, f"end-{len(signals)}-{signals[0]}")
        try:
            page.wait_until_served()
            yield _stopped(page, name, signals)
        finally:
            page.end()


def _stopped(page: FaultyPage, name: str, signals: tuple[signal.Signals, ...]) -> Fault:
    page.upload()
    events = [page.call(8) for _ in range(REQUESTS)]
    with ThreadPoolExecutor(REQUESTS) as pool:
        waiting = [pool.submit(page.result, str(event)) for event in events]
        time.sleep(0.3)
        begun = time.monotonic()
        page.process.send_signal(signals[0])
        time.sleep(0.3)
        refused = page.analyse()
        for number in signals[1:]:
            begun = time.monotonic()
            page.process.send_signal(number)
        code = page.ended()
        ended = time.monotonic() - begun
        whole = sum(_came(own) for own in waiting)
    left = [path for path in page.uploads.rglob("*") if path.is_file()]
    orderly = refused.status == 503 and not left
    if len(signals) == 1:
        right = orderly and code == 0 and whole == REQUESTS
    else:
        right = orderly and code == 128 + signals[1]
    begun = time.monotonic()
    page.begin()
    page.wait_until_served()
    seconds = time.monotonic() - begun
    found = [
        f"{whole} of {REQUESTS} requests answered",
        f"ended after {ended:.1f} s",
        f"exit code {code}",
        f"{len(left)} uploads left",
    ]
    return Fault(
        name,
        f"{REQUESTS} calls with 8 views and an unread upload",
        "recovered" if right else "failed",
        refused.sentence,
        ", ".join(found),
        page.analyse().is_answer,
        seconds,
    )


def _came(waiting: "Future[Reply]") -> bool:
    try:
        return waiting.result().is_answer
    except (httpx.TransportError, ValueError):  # cut off, in the midst of its answer or before
        return False
