"""Keeps the memory of a page that many visitors use from growing, where the C library is glibc."""

import ctypes
from contextlib import suppress

POOLS = 2
M_ARENA_MAX = -8  # in glibc's malloc.h


def share_memory_pools() -> None:
    """Let all threads of this program share two pools of memory.

    By default each of many threads gets a pool of its own, which keeps what the thread once needed. So
    the page grew as long as many visitors came, although what it used stayed the same. Does nothing
    with other C libraries. Call it before threads start.
    """
    with suppress(AttributeError, TypeError):  # no such function; on Windows, no library of that name
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, POOLS)
