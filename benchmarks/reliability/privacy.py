"""What is left of a visitor's photos, and what one visitor can get of another's.

`python app.py` is served in a folder that holds its home, caches, temporary files, uploads and log. It
is visited by a browser and over the API with photos that carry planted marks (`planted`): metadata,
coordinates, their own compressed pixels and file names. `traces` looks for them as they are, in
hexadecimal and in base64: in that folder, in everything written meanwhile in the machine's temporary
folders, in the log, and in every file that the program has open or mapped. It looks while the page is
open, 60 s after it was closed, five minutes after, after SIGTERM, after SIGKILL, and after the restart.
One client uploads photos and stays connected for all that time, without naming them.
`intruder` tries to get at another visitor's files and results.
"""

import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.reliability.intruder import Attempts, attempts
from benchmarks.reliability.planted import Planted
from benchmarks.reliability.private_visits import (
    Client,
    Server,
    analysing,
    browser_of,
    damaged,
    fresh,
    marks_in,
    one_photo,
    opened,
    serving,
    several_photos,
)
from benchmarks.reliability.traces import (
    few_needles,
    files_below,
    in_files,
    in_mapped_files,
    in_memory,
    in_open_files,
    needles,
)
from skin_app.page.serve import SESSIONS
from skin_app.page.unnamed_uploads import SILENT_FOR
from skin_app.page.uploads_and_sessions import FORGOTTEN_AFTER, HELD_FOR, SWEEP_EVERY

PORT, OTHER_PORT = 7971, 7972
LATER = 60.0  # seconds after the page was closed
FORGOTTEN = FORGOTTEN_AFTER + 3 * SWEEP_EVERY  # seconds after the last upload
SHARED = tuple(map(Path, ("/tmp", "/var/tmp", "/dev/shm")))
READ, BROKEN, CHOSEN, UNREAD, STAYS = (
    "analysed or refused",
    "upload broken off",
    "chosen, never started, page closed",
    "uploaded, never named again, client gone",
    "uploaded, never named again, client stays",
)
STAYING = "127.0.0.2"  # address of the client that stays; all others have another
OPEN, CLOSED, WAITED = (
    "page open",
    f"{LATER:.0f} s after it was closed",
    "five minutes after the upload",
)
TERM, KILL, AGAIN = "after SIGTERM", "after SIGKILL", "after SIGKILL and a restart"
UPLOADS, OTHERS, SYSTEM, LOG, DESCRIPTORS, MAPPED, MEMORY = (
    "folder of uploads",
    "home, caches, other temporary files",
    "/tmp, /var/tmp, /dev/shm",
    "log (standard output and error)",
    "open files",
    "mapped files",
    "memory",
)


@dataclass(frozen=True)
class Found:
    """How many marks of photos of one `fate` were found in one `place` at one `moment`."""

    fate: str
    moment: str
    place: str
    total: int


@dataclass(frozen=True)
class Privacy:
    """All figures. `made_files`: files that the page made and how many marks they hold."""

    photos: int
    marks: int
    found: list[Found]
    made_files: int
    marks_in_made_files: int
    exit_status: int
    attempts: list[Attempts]
    held_for_minutes: int
    silent_for: float
    sessions: int


@dataclass
class Search:
    """Looks for the marks of all photos so far."""

    server: Server
    work: Path
    since: float = field(default_factory=lambda: time.time() - 1)
    photos: dict[str, list[Planted]] = field(
        default_factory=lambda: {fate: [] for fate in (READ, BROKEN, CHOSEN, UNREAD, STAYS)}
    )
    found: list[Found] = field(default_factory=list)

    def add(self, fate: str, *photos: Planted) -> None:
        self.photos[fate] += photos

    def look(self, moment: str) -> None:
        """Add what is found now; a place that no longer is holds nothing and is not told."""
        for place, search in self._places().items():
            marks = search()
            told = [READ] if place == MEMORY else list(self.photos)
            self.found += [Found(fate, moment, place, marks[fate]) for fate in told]

    def _places(self) -> dict[str, Callable[[], Counter[str]]]:
        wanted = tuple(one for fate, own in self.photos.items() for one in needles(own, of=fate))
        few = few_needles(self.photos[READ], of=READ)
        server, since = self.server, self.since
        places: dict[str, Callable[[], Counter[str]]] = {
            UPLOADS: lambda: in_files(files_below(server.uploads), wanted),
            OTHERS: lambda: in_files(
                files_below(server.home, (server.uploads, server.log[0].parent)), wanted
            ),
            SYSTEM: lambda: in_files(
                (file for one in SHARED for file in files_below(one, (self.work,), since)), wanted
            ),
            LOG: lambda: in_files(server.log, wanted),
        }
        if server.process is not None and server.process.poll() is None:
            process = server.process.pid
            places |= {
                DESCRIPTORS: lambda: in_open_files(process, wanted, since, server.log),
                MAPPED: lambda: in_mapped_files(process, wanted, since),
                MEMORY: lambda: in_memory(process, few),
            }
        return places


def measure() -> Privacy:
    """All figures, after about seven minutes."""
    work = Path(tempfile.mkdtemp(prefix="reliability-privacy-"))
    try:
        with serving(work / "server", PORT) as server:
            search, staying = Search(server, work), Client(server, STAYING)
            with staying.staying():
                made, visited = _visits(search, staying)
                tried = attempts(work, OTHER_PORT)
                _wait_until(visited + FORGOTTEN)
                search.look(WAITED)
            status = _ended(search)
            _killed(search)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    photos = [photo for own in search.photos.values() for photo in own]
    return Privacy(
        photos=len(photos),
        marks=sum(len(photo.marks) for photo in photos),
        found=search.found,
        made_files=made[0],
        marks_in_made_files=made[1],
        exit_status=status,
        attempts=tried,
        held_for_minutes=round(HELD_FOR / 60),
        silent_for=SILENT_FOR,
        sessions=SESSIONS,
    )


def _visits(search: Search, staying: Client) -> tuple[tuple[int, int], float]:
    """All kinds of visits; returns how many files the page made with how many marks, and the end."""
    server, client = search.server, Client(search.server)
    with browser_of(search.work / "visitor") as browser:
        alone, many = fresh("jpg"), fresh("jpg", "png", "heic")
        waiting, unnamed = fresh("jpg", "png"), fresh("jpg", "heic")
        one, batch, never = (opened(browser, server) for _ in range(3))
        made = one_photo(one, alone[0])
        found = marks_in(made, alone)
        of_many = several_photos(batch, many)
        found += marks_in(of_many, many)
        several_photos(never, waiting, start=False)
        by_api = fresh("jpg", "png", "heic", "jpg", "png")
        client.analyse(by_api[0], views=1)
        client.analyse(by_api[1])
        client.score(by_api[2:])
        wrong = [damaged(photo) for photo in fresh("jpg", "png", "heic")]
        for photo in wrong:
            client.analyse(photo)
        uncollected = fresh("jpg")
        (path,) = client.upload(uncollected)
        client.ask("analyse", analysing(path, uncollected[0]))
        client.upload(unnamed)
        unnamed_too = fresh("jpg", "heic")
        staying.upload(unnamed_too)
        uploaded = time.monotonic()
        half = fresh("jpg")
        client.break_off(half[0]).close()
        search.add(READ, *alone, *many, *by_api, *wrong, *uncollected)
        search.add(BROKEN, *half)
        search.add(CHOSEN, *waiting)
        search.add(UNREAD, *unnamed)
        search.add(STAYS, *unnamed_too)
        search.look(OPEN)
    closed = time.monotonic()
    _wait_until(closed + LATER)
    search.look(CLOSED)
    return (len(made) + len(of_many), found.total()), uploaded


def _ended(search: Search) -> int:
    """SIGTERM while uploads wait and one is still arriving; returns the exit status."""
    client = Client(search.server)
    read, unread, arriving = fresh("jpg"), fresh("png"), fresh("jpg")
    client.analyse(read[0], views=1)
    client.upload(unread)
    with client.break_off(arriving[0]):
        time.sleep(1)
        status = search.server.end(signal.SIGTERM)
    for fate, photos in ((READ, read), (UNREAD, unread), (BROKEN, arriving)):
        search.add(fate, *photos)
    search.look(TERM)
    return status


def _killed(search: Search) -> None:
    """SIGKILL at such a moment, and the next start."""
    search.server.start()
    client = Client(search.server)
    read, unread, arriving = fresh("jpg"), fresh("png"), fresh("jpg")
    client.analyse(read[0], views=1)
    client.upload(unread)
    with client.break_off(arriving[0]):
        time.sleep(1)
        search.server.end(signal.SIGKILL)
    for fate, photos in ((READ, read), (UNREAD, unread), (BROKEN, arriving)):
        search.add(fate, *photos)
    search.look(KILL)
    search.server.start()
    search.look(AGAIN)


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
