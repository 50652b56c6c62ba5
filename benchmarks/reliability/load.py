"""32 visitors for five minutes on loopback: errors, crossed answers, memory, throughput, waiting.

The page runs as `python app.py` does, in a process of its own; Locust runs the visitors of
`visitors.py` in another, on the same processor. Beforehand, the library answers each of their photos
alone; an answer is crossed if it differs from that by more than 1e-4. Memory is that of the page's
process. Then a single photo is timed on the idle page, and while a batch of 200 runs in the tab of
several photos and by `/score`. Last, more calls are sent than the line takes.
"""

import json
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter, sleep
from typing import Any

import numpy as np
from requests import Session
from requests.exceptions import ChunkedEncodingError

from benchmarks.reliability.load_photos import PhotosMade, make_photos, small_copies
from benchmarks.reliability.page_protocol import API, REFUSED, PageVisit, as_file, call, session_from
from benchmarks.reliability.served_page import ROOT, ServedPage, served_page
from skin_app.ensemble import Ensemble
from skin_app.page.queues import MOST_WAITING

VISITORS, ARRIVING, SECONDS = 32, 8, 300  # visitors, of whom so many come each second
PHOTOS = 64
SAME = 1e-4
GROWTH = 0.05
BATCH, SINGLES = 200, 15
SLOWER = 3.0
MOST_SECONDS = 50.0  # for the singles beside one batch
BEYOND = 20  # calls more than the line takes


@dataclass(frozen=True)
class Latency:
    """Seconds from the choice of a photo to its whole answer."""

    answers: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Beside:
    """Single photos, beside nothing or a batch. `done`: whether the batch ended before them."""

    singles: int
    p50: float
    p95: float
    done: bool = False


@dataclass(frozen=True)
class FullLine:
    """Calls that were sent at once, how many were refused, and the sentences of API and page."""

    sent: int
    refused: int
    api: str
    page: str
    seconds: float


@dataclass(frozen=True)
class Load:
    """What was measured; memory in MB, means over a minute around minute 2 and over the last.

    `growth`: of resident memory; proportional memory also depends on what other programs share.
    """

    visitors: int
    seconds: int
    photos: PhotosMade
    requests: int
    answers: int
    per_second: float
    errors: int
    first_errors: list[str]
    crossed: int
    different: int
    largest_difference: float
    page: Latency
    quick: Latency
    analyse: Latency
    score: Latency
    told: int
    first_told: list[str]
    rss_before: float
    rss_after: float
    pss_before: float
    pss_after: float
    threads: int
    files: int
    growth: float
    idle: Beside
    beside_page: Beside
    beside_score: Beside
    full: FullLine
    batch: int
    goals: dict[str, float]


def measure() -> Load:
    """Everything, in under nine minutes on an idle machine of two cores."""
    with TemporaryDirectory(prefix="skin-app-load-") as made:
        folder = Path(made)
        ensemble = Ensemble.load(or_embedded=True)
        photos = make_photos(folder, PHOTOS, ensemble)
        del ensemble
        batch_folder = folder / "batch"
        batch_folder.mkdir()
        few = small_copies(batch_folder, BATCH)
        with served_page(folder / "page.log") as page:
            call_once(page, few[0])  # the first answer of a process takes longer
            stats, told = visitors(page, folder)
            idle = singles(page, few)
            beside_page = beside(page, few, on_page=True)
            beside_score = beside(page, few, on_page=False)
            full = full_line(page, few)
        return _load(page, photos, stats, told, (idle, beside_page, beside_score), full)


def visitors(page: ServedPage, folder: Path) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """Locust's figures of all requests, and the answers and errors of all visitors."""
    out, figures = folder / "answers.json", folder / "locust.json"
    page.sample()
    subprocess.run(
        [
            *(sys.executable, "-m", "locust", "-f", "benchmarks/reliability/visitors.py"),
            *("--headless", "--only-summary", "--skip-log-setup", "--host", page.url.rstrip("/")),
            *("-u", str(VISITORS), "-r", str(ARRIVING), "-t", f"{SECONDS}s"),
            *("--made", str(folder), "--out", str(out), "--json-file", str(folder / "locust")),
        ],
        cwd=ROOT,
        check=False,  # not 0 if a request failed, which is counted
        stdout=subprocess.DEVNULL,
        timeout=SECONDS + 120,
    )
    return json.loads(figures.read_text()), json.loads(out.read_text())


def call_once(page: ServedPage, photo: Path) -> float:
    """Seconds to the full answer of one photo on the page."""
    with PageVisit(Session(), page.url).here() as visit:
        return visit.answer(photo, with_report=False).full


def singles(page: ServedPage, photos: list[Path], running: threading.Thread | None = None) -> Beside:
    """Photos one after the other, at most `MOST_SECONDS`; `running`: what should last longer."""
    begun, took = monotonic(), []
    while len(took) < SINGLES and monotonic() - begun < MOST_SECONDS:
        took.append(call_once(page, photos[len(took)]))
    p50, p95 = np.percentile(took, (50, 95))
    done = running is not None and not running.is_alive()
    return Beside(len(took), float(p50), float(p95), done)


def beside(page: ServedPage, photos: list[Path], on_page: bool) -> Beside:
    """Single photos while a batch runs, on the page or by the API; the page's is left at the end."""
    left = threading.Event()

    def by_page() -> None:
        with PageVisit(Session(), page.url).here() as visit:
            for _ in visit.batch(photos):
                if left.is_set():
                    return

    def by_api() -> None:
        visit = PageVisit(Session(), page.url)
        files = [as_file(own["path"], Path(own["orig_name"])) for own in visit.upload(photos)]
        with suppress(ChunkedEncodingError):  # the page ends before the batch
            call(Session(), page.url, "score", [files, None, None])

    running = threading.Thread(target=by_page if on_page else by_api, daemon=True)
    running.start()
    sleep(5)  # uploaded, and begun
    try:
        return singles(page, photos, running)
    finally:
        left.set()
        if on_page:
            running.join(60)


def full_line(page: ServedPage, photos: list[Path]) -> FullLine:
    """Sends more calls at once than the line takes, and then a photo of the page."""
    begun = perf_counter()
    visit = PageVisit(Session(), page.url)
    sent = MOST_WAITING + BEYOND
    refused: list[str] = []
    for number in range(sent):
        session = session_from(VISITORS + number)
        photo = photos[number % len(photos)]
        uploaded = session.post(
            f"{visit.url}{API}/upload", files={"files": photo.read_bytes()}, timeout=60
        )
        (path,) = uploaded.json()
        data = [as_file(path, photo), 8, None, None, None]
        answer = session.post(f"{visit.url}{API}/call/analyse", json={"data": data}, timeout=60)
        if answer.status_code == REFUSED:
            refused.append(answer.json()["detail"])
        else:
            answer.raise_for_status()
    with visit.here():
        told = visit.refusal(photos[0])
    return FullLine(sent, len(refused), refused[0] if refused else "", told, perf_counter() - begun)


def _load(
    page: ServedPage,
    photos: PhotosMade,
    stats: list[dict[str, float]],
    told: dict[str, Any],
    timed: tuple[Beside, Beside, Beside],
    full: FullLine,
) -> Load:
    answers, errors = told["answers"], told["errors"]
    by_page = [own for own in answers if own["kind"] == "page"]
    wrong = [own for own in answers if own["difference"] > SAME]
    crossed = [own for own in wrong if own["nearest"] != own["photo"]]
    begun = told["begun"]
    # peaks of large photos come and go: a minute each evens them out
    before = page.between(begun + 0.3 * SECONDS, begun + 0.5 * SECONDS)
    after = page.between(begun + 0.8 * SECONDS, begun + SECONDS)
    rss = [mean(own.rss for own in samples) for samples in (before, after)]
    pss = [mean(own.pss for own in samples) for samples in (before, after)]
    waited = [own for own in by_page if own["said"]]
    http = [own for own in stats if str(own["name"]).startswith("HTTP")]
    failed = sum(int(own["num_failures"]) for own in http)
    return Load(
        visitors=VISITORS,
        seconds=SECONDS,
        photos=photos,
        requests=sum(int(own["num_requests"]) for own in http),
        answers=len(answers),
        per_second=len(answers) / SECONDS,
        errors=len(errors) + failed,
        first_errors=[str(error)[:200] for error in errors[:5]],
        crossed=len(crossed),
        different=len(wrong),
        largest_difference=max((own["difference"] for own in answers), default=0.0),
        page=_latency([own["full"] for own in by_page]),
        quick=_latency([own["quick"] for own in by_page]),
        analyse=_latency([own["seconds"] for own in answers if own["kind"] == "analyse"]),
        score=_latency([own["seconds"] for own in answers if own["kind"] == "score"]),
        told=len(waited),
        first_told=max((own["said"] for own in waited), key=len, default=[])[:5],
        rss_before=rss[0],
        rss_after=rss[1],
        pss_before=pss[0],
        pss_after=pss[1],
        threads=max(own.threads for own in after),
        files=max(own.files for own in after),
        growth=rss[1] / rss[0] - 1,
        idle=timed[0],
        beside_page=timed[1],
        beside_score=timed[2],
        full=full,
        batch=BATCH,
        goals={"same": SAME, "growth": GROWTH, "slower": SLOWER},
    )


def _latency(seconds: list[float]) -> Latency:
    if not seconds:
        return Latency(0, 0.0, 0.0, 0.0)
    return Latency(len(seconds), *(float(own) for own in np.percentile(seconds, (50, 95, 99))))
