"""Faults that come while the page is served, and go again."""

import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.reliability.faulty_page import (
    PHOTO,
    ROOT,
    Fault,
    FaultyPage,
    PageError,
    PageVisit,
    Reply,
    filled,
    free_port_of,
    small_disk,
)
from benchmarks.reliability.injected import LOOK_EVERY, SESSION_FOR, UPLOAD_FOR
from skin_app.weights.folder import EMBEDDED

PORTS = range(7981, 7990)
DISK = 4  # MB
SPARE_DESCRIPTORS = 20
VISITORS = 80  # more than there are descriptors for
GONE = 5  # visitors who leave while their photo is analysed
POLLED_EVERY = 10.0  # seconds between two looks of gradio for visitors who left
SAME = 1e-4  # largest difference of two probabilities of one photo, in other batches
LATE = 5.0  # seconds by which a look may be late on a busy machine
REPORT = ("data:application/pdf", "data:application/json", "data:text/csv")


def while_serving(folder: Path) -> Iterator[Fault]:
    """All faults of one page, which lives through them one after another."""
    weights = folder / "weights"
    shutil.copytree(EMBEDDED, weights)
    with small_disk(DISK) as disk, small_disk(1) as home:
        subprocess.run(["mount", "-o", "remount,ro", str(home)], check=True)
        page = FaultyPage(
            free_port_of(PORTS),
            disk,
            folder / "serving.log",
            {"SKIN_APP_WEIGHTS": str(weights), "HOME": str(home), "XDG_CACHE_HOME": "", "HF_HOME": ""},
            ("-m", "benchmarks.reliability.injected", str(folder)),
        )
        try:
            yield _home(page.wait_until_served())
            yield from _weights(page, weights)
            yield from _full_disk(page, disk, folder)
            yield _descriptors(page)
            yield _broken_upload(page)
            yield _gone(page)
            yield from _full_gpu(page, folder / "gpu-full-above")
            yield _full_memory(page)
        finally:
            page.end()


def _home(page: FaultyPage) -> Fault:
    answered, warned = page.analyse().is_answer, "Traceback" in page.said()
    return Fault(
        "home folder cannot be written",
        "HOME on a file system that is mounted read-only",
        "recovered" if answered and not warned else "failed",
        "",
        "",
        answered,
    )


def _weights(page: FaultyPage, weights: Path) -> Iterator[Fault]:
    before = page.analyse(8)
    files = [path for path in weights.rglob("*") if path.is_file()]
    for name, how in (
        ("weights cut short while in use", "each file of the weights truncated to 100 bytes"),
        ("weights replaced while in use", "each file of the weights overwritten with other bytes"),
    ):
        for path in files:
            if "cut" in name:
                os.truncate(path, 100)
            else:
                path.write_bytes(os.urandom(4096))
        after = page.analyse(8)
        same = _same(before, after)
        yield Fault(
            name, how, "recovered" if same else "failed", "", "same answer as before" * same, same
        )


def _same(one: Reply, other: Reply) -> bool:
    if one.answer is None or other.answer is None:
        return False
    first, second = (
        [list(member.values()) for member in own.answer["members"]] for own in (one, other)
    )
    return bool(np.allclose(first, second, atol=SAME))


def _full_disk(page: FaultyPage, disk: Path, folder: Path) -> Iterator[Fault]:
    with filled(disk):
        reply = page.analyse()
    left = f"{len(page.files())} files left behind"
    yield _told(page, "disk full in the folder of uploads", f"a disk of {DISK} MB, filled", reply, left)
    visit = PageVisit(page)
    if not visit.answered():
        raise PageError("The page gave no full answer.")
    with filled(disk):
        made = visit.report()
    whole = all(kind in made for kind in REPORT)
    yield Fault(
        "disk full under a report of the page",
        "the same, when PDF, JSON and CSV are asked for",
        "recovered" if whole else "failed",
        "",
        "made in memory: all three files came" * whole,
        whole,
    )
    photo, out = folder / "photo.jpg", disk / "results.csv"
    photo.write_bytes(PHOTO)
    with filled(disk):
        code, said = _score(photo, out)
    begun = time.monotonic()
    again, _ = _score(photo, out)
    seconds = time.monotonic() - begun
    out.unlink(missing_ok=True)
    told = code == 2 and "Traceback" not in said
    yield Fault(
        "disk full under the CSV of the command line",
        "`python -m skin_app score` into a full disk",
        "said what is wrong" if told else "failed",
        said.splitlines()[-1].replace(str(disk), "DISK"),
        f"exit code {code}",
        again == 0,
        seconds,
    )


def _score(photo: Path, out: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "skin_app", "score", str(photo), "--out", str(out)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LANGUAGE": "en"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.strip()


def _told(page: FaultyPage, name: str, how: str, reply: Reply, found: str = "") -> Fault:
    """A fault that is over now, in which a visitor got `reply`; `found`: whatever was counted."""
    seconds = page.seconds_until_an_answer()
    is_told = not reply.is_answer and re.fullmatch(r"[A-Z].*\.", reply.sentence) is not None
    status = f"HTTP {reply.status}" if reply.status >= 400 else ""
    return Fault(
        name,
        how,
        "said what is wrong" if is_told else "failed",
        reply.sentence,
        ", ".join(filter(None, (status, found))),
        seconds is not None,
        seconds,
    )


def _descriptors(page: FaultyPage) -> Fault:
    process = page.process.pid
    limits = resource.prlimit(process, resource.RLIMIT_NOFILE)
    most = _open_files(process) + SPARE_DESCRIPTORS
    resource.prlimit(process, resource.RLIMIT_NOFILE, (most, limits[1]))
    visitors = []
    try:
        for number in range(VISITORS):
            visitor = socket.create_connection(("127.0.0.1", page.port), timeout=30)
            visitors.append(visitor)
            path = f"/gradio_api/heartbeat/visitor{number}"
            visitor.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        time.sleep(1)
        size, busy, begun = page.log.stat().st_size, _processor_time(process), time.monotonic()
        reply = page.analyse()
        time.sleep(3)
        share = (_processor_time(process) - busy) / (time.monotonic() - begun)
        grown = page.log.stat().st_size - size
    finally:
        for visitor in visitors:
            visitor.close()
    found = f"{share:.0%} of one core busy, log grew by {grown} bytes"
    told = _told(
        page,
        "file descriptors exhausted",
        f"RLIMIT_NOFILE set to {most}, {VISITORS} connections held open",
        reply,
        found,
    )
    resource.prlimit(process, resource.RLIMIT_NOFILE, limits)
    return told


def _open_files(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def _processor_time(process: int) -> float:
    ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _broken_upload(page: FaultyPage) -> Fault:
    before = set(page.files())
    with closing(socket.create_connection(("127.0.0.1", page.port))) as visitor:
        visitor.sendall(
            b"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
            b'Content-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n' + PHOTO
        )
        time.sleep(1)
    begun = time.monotonic()
    while set(page.files()) - before and time.monotonic() - begun < LATE:
        time.sleep(0.1)
    left = len(set(page.files()) - before)
    answered = page.seconds_until_an_answer()
    return Fault(
        "visitor gone in the middle of an upload",
        "the connection closed before the file had ended",
        "failed" if left else "recovered",
        "",
        f"{left} files left behind",
        answered is not None,
        answered,
    )


def _gone(page: FaultyPage) -> Fault:
    process = page.process.pid
    before, uploads = _open_files(process), len(page.files())
    for _ in range(GONE):
        event = page.call(8)
        assert isinstance(event, str), event
        with closing(socket.create_connection(("127.0.0.1", page.port))) as visitor:
            path = f"/gradio_api/call/analyse/{event}"
            visitor.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            time.sleep(0.2)
    answered = page.seconds_until_an_answer()
    time.sleep(POLLED_EVERY + 1)
    more, busy = _open_files(process) - before, _processor_time(process)
    left = max(0, len(page.files()) - uploads)  # of calls that left the queue: until the next sweep
    time.sleep(1)
    idle = _processor_time(process) - busy < 0.5
    return Fault(
        "visitors gone while their photos are analysed",
        f"{GONE} event streams closed after 0.2 s",
        "recovered" if idle and more <= 0 else "failed",
        "",
        f"{max(more, 0)} more open files, {left} uploads left to sweep, {'idle' if idle else 'busy'}",
        answered is not None,
        answered,
    )


def _full_gpu(page: FaultyPage, limit: Path) -> Iterator[Fault]:
    whole = page.analyse(8)
    limit.write_text("2")
    same = _same(whole, page.analyse(8))
    how = "`torch.OutOfMemoryError` raised in forward passes of more than {} images (simulated)"
    yield Fault(
        "GPU memory full for a whole batch",
        how.format(2),
        "recovered" if same else "failed",
        "",
        "same answer from smaller batches" * same,
        same,
    )
    limit.write_text("0")
    reply = page.analyse(8)
    limit.unlink()
    yield _told(page, "GPU memory full for a single view", how.format("0"), reply)


def _full_memory(page: FaultyPage) -> Fault:
    process = page.process.pid
    used = int(Path(f"/proc/{process}/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.prlimit(process, resource.RLIMIT_AS)
    large = BytesIO()
    Image.new("RGB", (8000, 6000), (180, 140, 120)).save(large, "JPEG")
    resource.prlimit(process, resource.RLIMIT_AS, (used + 64_000_000, limits[1]))
    reply = page.analyse(1, large.getvalue())
    resource.prlimit(process, resource.RLIMIT_AS, limits)
    how = "RLIMIT_AS 64 MB above what was used, and a photo of 48 million pixels"
    return _told(page, "memory of the machine full", how, reply)


def of_the_clock(folder: Path) -> Iterator[Fault]:
    """The clock is set while a photo waits and another's result is shown."""
    clock, uploads = folder / "clock", folder / "uploads"
    clock.write_text("0")
    (folder / "fast").touch()
    page = FaultyPage(
        free_port_of(PORTS),
        uploads,
        folder / "clock.log",
        {},
        ("-m", "benchmarks.reliability.injected", str(folder)),
    )
    try:
        page.wait_until_served()
        for shift, name in (
            ("-86400", "clock set back by a day"),
            ("86400", "clock set forward by a day"),
        ):
            yield _of_one_clock(page, clock, shift, name)
            clock.write_text("0")
    except PageError as error:  # the other faults are worth their figures without this one
        found = str(error).splitlines()[0]
        yield Fault("clock set back or forward", "simulated", "failed", "", found, False)
    finally:
        page.end()
        (folder / "fast").unlink()


def _of_one_clock(page: FaultyPage, clock: Path, shift: str, name: str) -> Fault:
    visit = PageVisit(page)
    if not visit.answered() or not page.upload().is_success:
        raise PageError("The page gave no answer.")
    begun = time.monotonic()
    clock.write_text(shift)
    time.sleep(2 * LOOK_EVERY)
    early = not page.files()
    kept = all(kind in visit.report() for kind in REPORT)
    while page.files() and time.monotonic() - begun < UPLOAD_FOR + LATE:
        time.sleep(0.2)
    deleted = None if page.files() else time.monotonic() - begun
    time.sleep(SESSION_FOR + LATE)
    expired = not any(kind in visit.report() for kind in REPORT)
    right = kept and expired and not early and deleted is not None
    found = [
        f"upload deleted after {deleted:.0f} s" if deleted else "upload not deleted in time",
        "at once instead of in time" * early,
        "session kept" if kept else "session lost at once",
        "then expired" if expired else "then not expired",
    ]
    answered = page.analyse().is_answer
    return Fault(
        name,
        f"`time.time` shifted; uploads kept {UPLOAD_FOR:.0f} s, sessions {SESSION_FOR:.0f} s",
        "recovered" if right else "failed",
        "",
        ", ".join(filter(None, found)),
        answered,
    )
