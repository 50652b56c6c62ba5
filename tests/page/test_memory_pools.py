"""How many pools of memory the threads of the page's process have."""

import ctypes
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import app
from skin_app.page.memory_pools import POOLS

ROOT = Path(__file__).resolve().parents[2]
COUNT = """
import ctypes, threading
import app

app.share_memory_pools()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
together = threading.Barrier(12)

def work():
    together.wait()
    held = [libc.malloc(50_000) for _ in range(100)]
    together.wait()
    for own in held:
        libc.free(own)

threads = [threading.Thread(target=work) for _ in range(12)]
[own.start() for own in threads]
[own.join() for own in threads]
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes, libc.fflush.argtypes = [ctypes.c_int, ctypes.c_void_p], [ctypes.c_void_p]
file = libc.fdopen(1, b"w")
libc.malloc_info(0, file)
libc.fflush(file)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="the C library is not glibc")
def test_threads_share_few_pools() -> None:
    command = [sys.executable, "-c", COUNT]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    assert 1 <= said.count(b"<heap nr=") <= POOLS


def test_the_page_begins_so(monkeypatch: pytest.MonkeyPatch) -> None:
    shared: list[None] = []
    monkeypatch.setattr(app, "share_memory_pools", lambda: shared.append(None))
    monkeypatch.setattr("sys.argv", ["app.py"])
    monkeypatch.setenv("SKIN_APP_WEIGHTS", "/nowhere/no-weights")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert app.main() == 2
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert shared == [None]
