"""One visitor tries to get at another's files, previews, reports and results, over HTTP.

The victim uses the page in a browser and the API, and has planted photos. The intruder tries each route
that gradio has: with guessed names (of the right form, from a generator of random numbers, and changed
versions of the victim's), and with the victim's own names, as if they had leaked. An answer is let
through when it holds anything of the victim's: a mark, a file name, a part of the preview or of the
report, what they typed, or a result.
"""

import json
import re
import secrets
import string
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from benchmarks.reliability.planted import MARK, Planted
from benchmarks.reliability.private_visits import (
    Client,
    Server,
    Visit,
    analysing,
    browser_of,
    file_data,
    fresh,
    offered,
    one_photo,
    opened,
    serving,
    several_photos,
)
from benchmarks.reliability.traces import needles

GUESSES = 200  # per route
READ_FOR, LONGEST = 1.5, 30.0  # seconds that an answer without an end is read, to guesses and others
DATA_URL = re.compile(rb"data:[a-z/]+;base64,([A-Za-z0-9+/]+)")
LETTERS = string.digits + string.ascii_lowercase
# random bits of the names that a route needs
SESSION_BITS, EVENT_BITS, UPLOAD_BITS = 52, 122, 128


@dataclass(frozen=True)
class Attempts:
    """Tries at one route. `needs`: what one must know, of `bits` random bits; "" for nothing."""

    route: str
    needs: str
    bits: int
    guessed: int
    guessed_through: int
    replayed: int
    replayed_through: int
    guesses_a_second: float


@dataclass(frozen=True)
class Victim:
    """What the victim has: names that could leak, and what must not be shown to others."""

    visit: Visit
    held: tuple[str, ...]
    photo_path: str
    photo: Planted
    events: tuple[str, ...]
    collected: str
    content: tuple[bytes, ...]


def attempts(work: Path, port: int) -> list[Attempts]:
    """All attempts on a server of their own."""
    with serving(work / "attacked", port) as server, browser_of(work / "victim") as browser:
        victim = _victim(opened(browser, server), server)
        return [*(tried(server, victim) for tried in ROUTES), _in_the_log(server, victim)]


def _victim(visit: Visit, server: Server) -> Victim:
    """Has an answer and a report open, photos that wait, and results, not all of them collected."""
    client, typed = Client(server), f"site {secrets.token_hex(16)}"
    shown, waiting, named, called, before = (fresh("jpg") for _ in range(5))
    to_all = offered(visit.page)
    made = [file for file in one_photo(visit, shown[0], typed) if file not in to_all]
    several_photos(visit, waiting, start=False)
    held = client.upload(named)
    events = []
    for _ in range(6):
        (path,) = client.upload(called)
        events.append(client.ask("score", [[file_data(path, called[0])], None, None]))
    (path,) = client.upload(before)
    collected = client.ask("analyse", analysing(path, before[0]))
    client.collect("analyse", collected)
    # what nobody else's files hold: pictures from their middle on, and the numbers of the report
    reports = (b"%PDF", b"{", b"\xef\xbb\xbf")
    pictures = [one[len(one) // 2 :][:MARK] for one in made if not one.startswith(reports)]
    pictures = [middle for middle in pictures if len(middle) == MARK]
    numbers = [one[one.index(b'"diagnoses"') :][:200] for one in made if one.startswith(b"{")]
    marks = [form for _, form in needles([*shown, *waiting, *named, *called, *before])]
    if not pictures or len(numbers) != 1 or not visit.asked:
        raise RuntimeError("the victim's page showed less than expected")
    return Victim(
        visit=visit,
        held=(*held, *_paths(server.uploads)),
        photo_path=held[0],
        photo=named[0],
        events=tuple(events),
        collected=collected,
        content=(*marks, *pictures, *numbers, typed.encode()),
    )


def _in_the_log(server: Server, victim: Victim) -> Attempts:
    """Whether the program's log tells any of the victim's names."""
    log = b"".join(file.read_bytes() for file in server.log)
    names = [*victim.visit.sessions, *victim.visit.upload_ids, *victim.events, *victim.held]
    told = sum(name.encode() in log for name in names)
    return Attempts("log of the program", "", 0, 0, 0, len(names), told, 0.0)


def _paths(folder: Path) -> Iterator[str]:
    yield from (str(path) for path in folder.rglob("*") if path.is_file())


@dataclass
class Intruder:
    """Tries and counts; `client`: another visitor's."""

    server: Server
    victim: Victim

    def __post_init__(self) -> None:
        self.client, self.patience = Client(self.server), READ_FOR

    def sees(self, method: str, route: str, **sent: Any) -> bool:
        """Whether the answer holds anything of the victim's that the request did not hold."""
        return self.holds(self.answer(method, route, **sent), str(sent).encode())

    def holds(self, answer: bytes, asked: bytes = b"") -> bool:
        within = [b64decode(coded + b"==") for coded in DATA_URL.findall(answer)]
        return any(
            part not in asked and any(part in one for one in (answer, *within))
            for part in self.victim.content
        )

    def answer(self, method: str, route: str, **sent: Any) -> bytes:
        """Headers and body; of an answer without an end, or that breaks off, what came until then."""
        url = route if route.startswith("http") else self.client.at(route)
        got, until = b"", time.monotonic() + self.patience
        try:
            with self.client.http.stream(method, url, timeout=self.patience, **sent) as answer:
                got = str(answer.headers).encode()
                for piece in answer.iter_bytes():
                    got += piece
                    if time.monotonic() > until:
                        break
        except (httpx.ReadTimeout, httpx.RemoteProtocolError):
            pass
        return got

    def count(
        self,
        route: str,
        needs: str,
        bits: int,
        guessed: Iterable[Callable[[], bool]],
        replayed: Iterable[Callable[[], bool]],
    ) -> Attempts:
        begun = time.monotonic()
        guesses = [attempt() for attempt in guessed]
        spent, self.patience = time.monotonic() - begun, LONGEST
        replays = [attempt() for attempt in replayed]
        return Attempts(
            route,
            needs,
            bits,
            len(guesses),
            sum(guesses),
            len(replays),
            sum(replays),
            len(guesses) / spent if guesses else 0.0,
        )


def a_session() -> str:
    """Of the form of the browser's."""
    return "".join(secrets.choice(LETTERS) for _ in range(11))


def an_upload(victim: Victim) -> str:
    """A path beside the victim's: the folder's name is known to everybody who uploads."""
    path = Path(victim.photo_path)
    return str(path.parent.parent / secrets.token_hex(32) / path.name)


def ways_out(victim: Victim) -> list[str]:
    """Paths that need no secret: to the folder of uploads, out of it, to the log."""
    root = Path(victim.photo_path).parent.parent
    log = f"{root.parent.parent}/log/errors"
    return [
        *(str(root), f"{root}/", f"{root}/*", f"{root}/../{root.name}/"),
        *(log, f"{root}/../../log/errors"),
        *(f"{root}/..%2f..%2flog%2ferrors", f"{root}/..;/..;/log/errors", "../uploads", ".", "~"),
        *("/proc/self/environ", "/proc/self/maps", "/proc/self/cwd", "/proc/self/fd/3", "/etc/passwd"),
        *("app.py", "$HOME", f"{root}/deep_links", f"{root}\\..\\..\\log\\errors"),
    ]


def changed(victim: Victim) -> list[str]:
    """Other ways to write the victim's path, whoever knows it."""
    path = Path(victim.photo_path)
    return [
        *(str(path.parent), f"{path.parent}/", f"{path.parent}/*", f"{path.parent}/.", str(path)[:-1]),
        *(f"{path}%00.png", f"{path}/.", f"{path.parent}/x/../{path.name}", str(path).swapcase()),
        *(f"file://{path}", f"http://127.0.0.1/{path}", f"\\\\localhost{path}", f"//{path}"),
    ]


def files(server: Server, victim: Victim) -> Attempts:
    own = Intruder(server, victim)
    guesses = [*ways_out(victim), *(an_upload(victim) for _ in range(GUESSES))]
    replays = [*victim.held, *changed(victim)]
    picture = {"Accept": "image/avif,image/*"}
    return own.count(
        "GET file=PATH, file/PATH",
        "path of an upload",
        UPLOAD_BITS,
        [lambda path=path: own.sees("GET", f"file={quote(path)}") for path in guesses],
        [
            lambda path=path, form=form, sent=sent: own.sees("GET", form + path, headers=sent)
            for path in map(quote, replays)
            for form in ("file=", "file/")
            for sent in ({}, picture)
        ],
    )


def uploads(server: Server, victim: Victim) -> Attempts:
    """The same bytes again: is the victim's own file given, or its path told?"""
    own = Intruder(server, victim)
    return own.count(
        "POST upload, the same bytes",
        "content of the photo",
        0,
        [],
        [lambda: own.client.upload([victim.photo])[0] in victim.held for _ in range(8)],
    )


def progress(server: Server, victim: Victim) -> Attempts:
    own = Intruder(server, victim)
    ask = lambda name: own.sees("GET", "upload_progress", params={"upload_id": name})  # noqa: E731
    return own.count(
        "GET upload_progress",
        "name of an upload under way",
        SESSION_BITS,
        [lambda: ask(a_session()) for _ in range(8)],  # each is answered after 3 s only
        [lambda name=name: ask(name) for name in victim.visit.upload_ids],
    )


def results(server: Server, victim: Victim) -> Attempts:
    own = Intruder(server, victim)

    def get(event: str) -> bool:
        return is_result(own.answer("GET", f"call/score/{event}"))

    return own.count(
        "GET call/NAME/EVENT, result not yet collected",
        "event",
        EVENT_BITS,
        [lambda: get(secrets.token_hex(16)) for _ in range(GUESSES)],
        [lambda event=event: get(event) for event in victim.events[:2]],
    )


def collected_results(server: Server, victim: Victim) -> Attempts:
    own = Intruder(server, victim)

    def get(name: str) -> bool:
        return is_result(own.answer("GET", f"call/{name}/{victim.collected}"))

    return own.count(
        "GET call/NAME/EVENT, result collected before",
        "event",
        EVENT_BITS,
        [],
        [lambda name=name: get(name) for name in ("analyse", "score", "no_such")],
    )


def is_result(answer: bytes) -> bool:
    """Whether an answer of the API is one: only the victim's photos can have given it."""
    return b"p_mel" in answer or b'"malignant_probability"' in answer


def streams(server: Server, victim: Victim) -> Attempts:
    """What waits for a session. An event of the API that names none is a session of its own."""
    own = Intruder(server, victim)

    def get(session: str) -> bool:
        answer = own.answer("GET", "queue/data", params={"session_hash": session})
        return own.holds(answer) or is_result(answer)

    return own.count(
        "GET queue/data",
        "session, or event",
        SESSION_BITS,
        [lambda: get(a_session()) for _ in range(GUESSES)],
        [lambda name=name: get(name) for name in (*victim.events[2:4], victim.visit.session)],
    )


def requests(server: Server, victim: Victim) -> Attempts:
    """The victim's own requests to the page once more, for another session, and for theirs."""
    own = Intruder(server, victim)

    own.patience = LONGEST

    def again(body: dict[str, Any], session: str) -> bool:
        own.client.http.post(own.client.at("queue/join"), json={**body, "session_hash": session})
        answer = own.answer("GET", "queue/data", params={"session_hash": session})
        return own.holds(answer, json.dumps(body).encode())

    bodies = victim.visit.asked[::-1]  # the first one chooses a photo, which empties what is shown
    return own.count(
        "POST queue/join, then GET queue/data",
        "session",
        SESSION_BITS,
        [lambda n=n: again(bodies[n % len(bodies)], a_session()) for n in range(GUESSES)],
        [lambda body=body: again(body, victim.visit.session) for body in bodies],
    )


def taken(server: Server, victim: Victim) -> Attempts:
    """Another's upload as one's own photo."""
    own = Intruder(server, victim)

    def analysed(path: str) -> bool:
        event = own.client.ask("analyse", analysing(path, victim.photo))
        return is_result(own.client.collect("analyse", event).encode())

    return own.count(
        "POST call/analyse with a path",
        "path of an upload",
        UPLOAD_BITS,
        [lambda path=path: analysed(path) for path in [*ways_out(victim), an_upload(victim)]],
        [lambda path=path: analysed(path) for path in (victim.photo_path, *changed(victim))],
    )


def past_the_queue(server: Server, victim: Victim) -> Attempts:
    own = Intruder(server, victim)
    session = victim.visit.session
    bodies = victim.visit.asked[::-1]  # the first one chooses a photo, which empties what is shown
    return own.count(
        "POST run/NAME, api/NAME",
        "session",
        SESSION_BITS,
        [],
        [
            lambda body=body, kind=kind: own.sees(
                "POST", f"{kind}/predict", json={**body, "session_hash": session}
            )
            for body in bodies
            for kind in ("run", "api")
        ],
    )


def closed(server: Server, victim: Victim) -> Attempts:
    """Routes that the page does not need, with all that the victim has."""
    own, session, page = Intruder(server, victim), victim.visit.session, server.url
    path = victim.photo_path
    server_call = {"data": path, "component_id": 1, "session_hash": session, "fn_name": "ls"}
    return own.count(
        "routes that are closed",
        "session, path, event",
        SESSION_BITS,
        [],
        [
            lambda: own.sees("GET", "deep_link", params={"session_hash": session}),
            lambda: own.sees("GET", f"{page}?deep_link={session}"),
            lambda: own.sees("GET", f"{page}config?deep_link={session}"),
            lambda: own.sees("POST", "component_server", json=server_call),
            lambda: own.sees("POST", f"stream/{victim.collected}", json={"data": []}),
            lambda: own.sees("GET", f"stream/{session}/0/1/playlist.m3u8"),
            lambda: own.sees("GET", f"stream/{session}/0/1/playlist-file"),
            lambda: own.sees("GET", f"proxy={page}gradio_api/file={path}"),
            lambda: own.sees("GET", "vibe-code"),
            lambda: own.sees("GET", f"custom_component/1/client/component/{path}"),
            lambda: own.sees("GET", f"{page}monitoring"),
            lambda: own.sees("GET", f"{page}monitoring/summary"),
            lambda: own.sees("GET", "runs"),
            lambda: own.sees("GET", "run-history/records"),
        ],
    )


def told_to_all(server: Server, victim: Victim) -> Attempts:
    """What everybody may ask."""
    own, page = Intruder(server, victim), server.url
    routes = (
        page,
        f"{page}config",
        "info",
        "queue/status",
        "app_id",
        "startup-events",
        f"{page}theme.css",
    )
    return own.count(
        "page, config, info, healthz, metrics",
        "",
        0,
        [],
        [lambda route=route: own.sees("GET", route) for route in routes],
    )


def others(server: Server, victim: Victim) -> Attempts:
    """Routes that end something; last, because with the victim's session they do end it."""
    own, session = Intruder(server, victim), victim.visit.session
    ended = {"session_hash": session, "fn_index": 0, "event_id": victim.collected}
    return own.count(
        "POST cancel, reset; GET heartbeat",
        "session",
        SESSION_BITS,
        [
            lambda: own.sees("POST", "cancel", json={**ended, "session_hash": a_session()})
            for _ in range(GUESSES)
        ],
        [
            lambda: own.sees("POST", "reset", json={"event_id": victim.collected}),
            lambda: own.sees("POST", "cancel", json=ended),
            lambda: own.sees("GET", f"heartbeat/{session}"),
        ],
    )


ROUTES = (
    *(files, uploads, progress, results, collected_results, streams),
    *(requests, past_the_queue, closed, told_to_all, taken, others),
)
