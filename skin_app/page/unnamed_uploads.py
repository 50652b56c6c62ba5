"""Deletes uploads that no request named, soon after the last request of their client.

A client may send its photos one after the other and ask about them only then. So its uploads wait as
long as it shows that it is there: while one of its requests is under way, and for `SILENT_FOR` after
that. `uploads_and_sessions.Sweeper` deletes them after five minutes even if it stays.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from starlette.types import Scope

from skin_app.page.forwarded import client_of
from skin_app.page.uploads_and_sessions import delete

SILENT_FOR = 50.0  # seconds; on a busy server, too, all is deleted within a minute
IN_SCOPE = "skin_app.unnamed_uploads"


class UnnamedUploads:
    """The uploads of each client that may still lie on disk; used in one event loop only.

    A client is an address (`forwarded`); `waiting`: how many of its calls wait in the queue.
    """

    def __init__(self, waiting: Callable[[str], int]) -> None:
        self.waiting = waiting
        self._arrived: dict[str, dict[Path, int]] = {}
        self._ends: dict[str, asyncio.TimerHandle] = {}

    def add(self, client: str, uploads: Iterable[str | Path]) -> None:
        """A client has uploaded these files."""
        own = self._arrived.setdefault(client, {})
        while own and not next(iter(own)).exists():  # a client may stay for days
            del own[next(iter(own))]
        for upload in map(Path, uploads):
            with suppress(FileNotFoundError):
                own[upload] = upload.stat().st_mtime_ns

    def returns(self, client: str) -> None:
        """A request of the client begins."""
        if client in self._ends:
            self._ends.pop(client).cancel()

    def leaves(self, client: str, told_to_wait: float = 0.0) -> None:
        """No request of the client is under way any more; perhaps it was told to wait some seconds."""
        self.returns(client)
        if client in self._arrived:
            later = asyncio.get_running_loop().call_later
            self._ends[client] = later(SILENT_FOR + told_to_wait, self._forget, client)

    def _forget(self, client: str) -> None:
        if self.waiting(client):  # a call that waits may have named them
            self.leaves(client)
            return
        del self._ends[client]
        asyncio.get_running_loop().run_in_executor(None, _delete_unnamed, self._arrived.pop(client))


def remember(scope: Scope, uploads: Iterable[str | Path]) -> None:
    """The request of `scope` has uploaded these files."""
    scope[IN_SCOPE].add(client_of(scope), uploads)


def _delete_unnamed(arrived: dict[Path, int]) -> None:
    """Delete files that are as they arrived; `keep` changed the time of those that the page holds."""
    for upload, changed in arrived.items():
        with suppress(OSError):  # what cannot be deleted now is swept later
            if upload.stat().st_mtime_ns == changed:
                delete(upload, upload.parent.parent)
