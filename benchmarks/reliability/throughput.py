"""How many answers a second the machine API gives, before and after; and whether batches are faster.

`python app.py` of the code before (the commit `BEFORE`, unpacked into a temporary folder) and of this
code serve the embedded weights on loopback, each in a process of its own. Clients, one thread each,
upload a drawing, call `/analyse` and wait for its answer, again and again for `SECONDS`. The two
servers take turns in each of `ROUNDS` rounds; shown are sums over the rounds. Where the commit is not
in the repository, the figures "before" of an earlier run are kept.

`batched`: in one process, seconds for `TOGETHER` photos one after the other, divided by the seconds
for one batch of them.
"""

import io
import itertools
import json
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from skin_app.ensemble import Ensemble
from skin_app.photo.read import read_photo
from skin_app.views import VIEWS

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs" / "reliability" / "throughput.json"
PHOTOS = sorted((ROOT / "skin_app" / "page" / "examples").glob("*.jpg"))
BEFORE = "679591f"
CELLS = tuple(itertools.product((1, VIEWS), (1, 16)))  # views and clients
SECONDS = 15.0
ROUNDS = 2
STARTS_WITHIN, ANSWERS_WITHIN = 300.0, 300.0
TOGETHER, TRIES = 4, 5


@dataclass(frozen=True)
class Rate:
    """Answers of one server: `views` each, asked for by `clients` at once."""

    views: int
    clients: int
    answers: int
    seconds: float
    per_second: float


@dataclass(frozen=True)
class RateCompared:
    """The same calls before and after. `ratio`: answers a second after, divided by those before."""

    views: int
    clients: int
    before: float
    after: float
    ratio: float


@dataclass(frozen=True)
class Throughput:
    """The section's numbers.

    `difference`: the largest, of any probability, between the answers before and after; None where the
    code before could not be served. `batched`: views -> how many times as fast a batch is.
    """

    before: str
    before_is_new: bool
    compared: list[RateCompared]
    rates: dict[str, list[Rate]]
    difference: float | None
    together: int
    batched: dict[str, float]


@dataclass
class Analyser:
    """A client of the API at `url`."""

    url: str
    inputs: int = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=f"{self.url}gradio_api/", timeout=ANSWERS_WITHIN)
        endpoints = self.http.get("info").raise_for_status().json()["named_endpoints"]
        self.inputs = len(endpoints["/analyse"]["parameters"])

    def analyse(self, photo: Path, views: int) -> dict[str, Any]:
        """The record of a photo. Raises `RuntimeError` where the server answers with an error."""
        with photo.open("rb") as file:
            sent = self.http.post("upload", files={"files": (photo.name, file)})
        (path,) = sent.raise_for_status().json()
        file = {"path": path, "orig_name": photo.name, "meta": {"_type": "gradio.FileData"}}
        data = [file, views, *[None] * (self.inputs - 2)]
        event = self.http.post("call/analyse", json={"data": data}).raise_for_status().json()
        text = self.http.get(f"call/analyse/{event['event_id']}").raise_for_status().text
        kind, _, said = text.strip().rpartition("event: ")[2].partition("\ndata: ")
        if kind != "complete":
            raise RuntimeError(f"/analyse answered {kind}: {said}")
        return json.loads(said)[0]


def measure() -> Throughput:
    """All numbers of the section."""
    with ExitStack() as stack:
        after = stack.enter_context(api_served(ROOT))
        old = stack.enter_context(code_before())
        servers = {"after": after}
        if old is not None:
            servers = {"before": stack.enter_context(api_served(old)), **servers}
        rates = {side: [] for side in servers}
        difference = None
        if old is not None:
            difference = max(_largest_difference(servers, views) for views in (1, VIEWS))
        for views, clients in CELLS:
            counted = {side: [0, 0.0] for side in servers}
            for _ in range(ROUNDS):
                for side, url in servers.items():
                    answers, seconds = answered(url, views, clients)
                    counted[side][0] += answers
                    counted[side][1] += seconds
            for side, (answers, seconds) in counted.items():
                rates[side].append(Rate(views, clients, int(answers), seconds, answers / seconds))
    if old is None:
        kept = json.loads(KEPT.read_text())["rates"]["before"]
        rates["before"] = [Rate(**own) for own in kept]
    return Throughput(
        before=BEFORE,
        before_is_new=old is not None,
        compared=[
            RateCompared(
                one.views, one.clients, one.per_second, two.per_second, two.per_second / one.per_second
            )
            for one, two in zip(rates["before"], rates["after"], strict=True)
        ],
        rates=rates,
        difference=difference,
        together=TOGETHER,
        batched={str(views): batched_speed(views) for views in (1, VIEWS)},
    )


def answered(url: str, views: int, clients: int) -> tuple[int, float]:
    """How many answers `clients` got, and in how many seconds, until the last of them."""
    own = [Analyser(url) for _ in range(clients)]
    own[0].analyse(PHOTOS[0], views)
    begun = time.monotonic()

    def ask(number: int) -> int:
        count = 0
        while time.monotonic() < begun + SECONDS:
            own[number].analyse(PHOTOS[(number + count) % len(PHOTOS)], views)
            count += 1
        return count

    with ThreadPoolExecutor(clients) as pool:
        counts = list(pool.map(ask, range(clients)))
    return sum(counts), time.monotonic() - begun


def batched_speed(views: int) -> float:
    """Least seconds of photos one after the other, divided by that of one batch; in turns."""
    ensemble = Ensemble.load()
    photos = [read_photo(path) for path in PHOTOS[:TOGETHER]]
    alone, batch = [], []
    for _ in range(TRIES + 1):
        begun = time.perf_counter()
        for photo in photos:
            ensemble(photo, views)
        between = time.perf_counter()
        ensemble(photos, views)
        alone.append(between - begun)
        batch.append(time.perf_counter() - between)
    return min(alone[1:]) / min(batch[1:])


def _largest_difference(servers: dict[str, str], views: int) -> float:
    """Between the probabilities that the two servers give to the same photos."""
    clients = [Analyser(url) for url in servers.values()]
    differences = []
    for photo in PHOTOS:
        one, two = (_by_code(client.analyse(photo, views)) for client in clients)
        differences += [abs(one[code] - two[code]) for code in one]
    return max(differences)


def _by_code(record: dict[str, Any]) -> dict[str, float]:
    return {own["code"]: own["probability"] for own in record["diagnoses"]}


@contextmanager
def code_before() -> Iterator[Path | None]:
    """A temporary folder with the code of the commit `BEFORE`; None where git does not have it."""
    packed = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, capture_output=True, check=False)
    if packed.returncode:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="before-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


@contextmanager
def api_served(tree: Path) -> Iterator[str]:
    """Serve the page of the code in the folder `tree`; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        **os.environ,
        "PYTHONPATH": str(tree),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
    }
    with tempfile.TemporaryFile() as log:
        served = subprocess.Popen(
            [sys.executable, "app.py"], cwd=tree, env=settings, stdout=log, stderr=log
        )
        try:
            yield _once_it_answers(f"http://127.0.0.1:{port}/", served)
        finally:
            served.terminate()
            try:
                served.wait(30)
            except subprocess.TimeoutExpired:
                served.kill()


def _once_it_answers(url: str, served: "subprocess.Popen[bytes]") -> str:
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end and served.poll() is None:
        try:
            httpx.get(f"{url}gradio_api/info").raise_for_status()
            return url
        except httpx.HTTPError:
            time.sleep(0.5)
    raise RuntimeError(f"app.py did not serve {url}.")
