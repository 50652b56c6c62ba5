"""The visitors of the load test, for Locust: `load.py` starts it, and reads what it writes.

Three quarters use the page as a browser does (`page_protocol.py`): open it, choose a photo, wait for
the full answer, make the report; then another photo, or a new visit. The others call the API: one photo
from 8 views, or three photos together. Each has photos of its own, so that any other visitor's answer
is recognised. Every answer is compared with that of the same photo alone.
"""

import json
from itertools import count
from pathlib import Path
from random import Random
from time import perf_counter, time
from typing import Any

import gevent  # pyright: ignore[reportMissingImports]
from locust import HttpUser, constant, events, task  # pyright: ignore[reportMissingImports]

from benchmarks.reliability.page_protocol import (
    EXPECTED,
    PageVisit,
    ProtocolError,
    as_file,
    call,
    session_from,
)

OWN = 2  # photos of each visitor
PAUSE = (1.0, 4.0)  # seconds to look at an answer
answers: list[dict[str, Any]] = []
errors: list[str] = []
begun: list[float] = []  # seconds since 1970
visitors = count()


@events.init_command_line_parser.add_listener
def _(parser: Any) -> None:
    parser.add_argument("--made", help="folder of the photos")
    parser.add_argument("--out", help="file for the answers")


@events.test_start.add_listener
def _(**_: Any) -> None:
    begun.append(time())


@events.test_stop.add_listener
def _(environment: Any, **_: Any) -> None:
    told = {"begun": begun[0], "answers": answers, "errors": errors}
    Path(environment.parsed_options.out).write_text(json.dumps(told))


@events.user_error.add_listener
def _(exception: Exception, **_: Any) -> None:
    errors.append(f"visitor: {type(exception).__name__}: {exception}")


class Visitor(HttpUser):
    """`photos`: this visitor's own; `expected`: of all photos, by name."""

    abstract = True
    wait_time = constant(0)

    def on_start(self) -> None:
        number = next(visitors)
        self.random = Random(number)
        session_from(number, self.client)
        self.caller = session_from(number)  # whose requests Locust does not count
        made = Path(self.environment.parsed_options.made)
        self.expected = json.loads((made / EXPECTED).read_text())
        names = list(self.expected)
        apart = len(names) // OWN
        self.photos = [made / names[number % apart + apart * own] for own in range(OWN)]

    def look(self) -> None:
        """Looks at the answer for a while."""
        gevent.sleep(self.random.uniform(*PAUSE))

    def compared(
        self, kind: str, photo: Path, given: dict[str, float], start: float, **more: Any
    ) -> None:
        """Notes an answer, whose it is, and how long it took."""
        off = {
            name: max(abs(given[code] - own[code]) for code in own)
            for name, own in self.expected.items()
        }
        answers.append(
            {
                "kind": kind,
                "photo": photo.name,
                "difference": off[photo.name],
                "nearest": min(off, key=lambda name: off[name]),
                "seconds": perf_counter() - start,
                **more,
            }
        )

    def failed(self, kind: str, error: Exception) -> None:
        """Notes an error, and tells Locust."""
        errors.append(f"{kind}: {error}")
        self.environment.events.request.fire(
            request_type=kind, name=kind, response_time=0, response_length=0, exception=error
        )


class PageVisitor(Visitor):
    """Opens the page, and asks about one or two photos."""

    weight = 6

    @task
    def visit(self) -> None:
        try:
            with PageVisit(self.client, self.host or "").here() as page:
                for photo in self.photos[: self.random.randint(1, OWN)]:
                    start = perf_counter()
                    got = page.answer(photo)
                    given = {own["code"]: own["probability"] for own in got.record["diagnoses"]}
                    told = {"read": got.read, "quick": got.quick, "full": got.full, "said": got.said}
                    self.compared("page", photo, given, start, **told)
                    self.look()
        except (ProtocolError, OSError) as error:
            self.failed("page", error)


class ApiVisitor(Visitor):
    """Calls the API: `/analyse` three times, then `/score`."""

    weight = 2

    @task(3)
    def analyse(self) -> None:
        try:
            photo = self.random.choice(self.photos)
            start = perf_counter()
            (file,) = self.sent([photo])
            record = call(self.caller, self.host or "", "analyse", [file, 8, None, None, None])
            given = {own["code"]: own["probability"] for own in record["diagnoses"]}
            self.compared("analyse", photo, given, start)
            self.look()
        except (ProtocolError, OSError) as error:
            self.failed("analyse", error)

    @task(1)
    def score(self) -> None:
        try:
            photos = [self.photos[0], self.photos[1], self.photos[0]]
            start = perf_counter()
            rows = call(self.caller, self.host or "", "score", [self.sent(photos), None, None])
            for photo, row in zip(photos, rows, strict=True):
                self.compared(
                    "score",
                    photo,
                    {code: row[f"p_{code}"] for code in self.expected[photo.name]},
                    start,
                )
            self.look()
        except (ProtocolError, OSError) as error:
            self.failed("score", error)

    def sent(self, photos: list[Path]) -> list[dict[str, Any]]:
        """Upload photos; what a call sends of them."""
        files = [("files", (photo.name, photo.read_bytes())) for photo in photos]
        answer = self.client.post("/gradio_api/upload", files=files, name="HTTP upload")
        return [as_file(path, photo) for path, photo in zip(answer.json(), photos, strict=True)]
