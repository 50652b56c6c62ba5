"""Pictures of the ISIC Archive for the page: held in memory and on disk, fetched only when asked for.

One event loop in one thread makes all requests: a picture that several readers want is fetched once,
few at a time, and after a fault or a 429 the archive is left alone for a while.
"""

import asyncio
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from typing import Any, TypeVar

from skin_app.gallery.archive_client import (
    ArchiveAwayError,
    ArchiveBusyError,
    ArchiveClient,
    ArchiveError,
    ArchivePicture,
)
from skin_app.gallery.picture_cache import PictureCache
from skin_app.words import archive as words

AT_ONCE = 4  # requests
PATIENCE = 20.0  # seconds for which a reader waits for all pictures of a strip
IN_MEMORY = 512  # thumbnails, about 12 kB each
FULL_IN_MEMORY = 3  # whole pictures, for the examples
ASKED_AGAIN = 600.0  # seconds, after which a picture is asked for again that the archive did not have

Value = TypeVar("Value")
Request = Callable[[str], Coroutine[Any, Any, ArchivePicture]]


@dataclass(frozen=True)
class FetchedPictures:
    """`pictures`: by image id; `errors`: why others are missing, by image id."""

    pictures: Mapping[str, ArchivePicture]
    errors: Mapping[str, ArchiveError]

    @property
    def error(self) -> ArchiveError | None:
        """The error that concerns most of the missing pictures, for the reader."""
        return max(self.errors.values(), key=lambda error: error.wait, default=None)


class ArchivePictures:
    """Thumbnails and whole pictures by image id; its methods may be called from any thread."""

    def __init__(
        self, cache: PictureCache, client: ArchiveClient | None = None, at_once: int = AT_ONCE
    ) -> None:
        self.cache = cache
        self._client = client or ArchiveClient()
        self._memory = _Newest(IN_MEMORY)
        self._full = _Newest(FULL_IN_MEMORY)
        self._running: dict[str, asyncio.Task[ArchivePicture]] = {}
        self._left_alone_until = 0.0
        self._because: ArchiveError = ArchiveAwayError(words.UNREACHED)
        self._not_there: OrderedDict[str, tuple[float, ArchiveError]] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock, self._at_once = threading.Lock(), asyncio.Semaphore(at_once)

    def held(self, image_id: str) -> ArchivePicture | None:
        """The thumbnail, where it is in memory or on disk; asks nobody."""
        found = self._memory.get(image_id)
        if found is None and (found := self.cache.get(image_id)):
            self._memory.put(image_id, found)
        return found

    def fetch(self, image_ids: Iterable[str], patience: float = PATIENCE) -> FetchedPictures:
        """The thumbnails of `image_ids`, those that are not held from the archive."""
        pictures, missing = {}, []
        for image_id in dict.fromkeys(image_ids):
            if found := self.held(image_id):
                pictures[image_id] = found
            else:
                missing.append(image_id)
        errors: dict[str, ArchiveError] = {}
        if missing:
            for image_id, result in self._submit(self._all(missing, patience)).result().items():
                if isinstance(result, ArchiveError):
                    errors[image_id] = result
                else:
                    pictures[image_id] = result
        return FetchedPictures(pictures, errors)

    def begin(self, image_ids: Collection[str], patience: float = PATIENCE) -> None:
        """Start to fetch what is not held, without waiting; `fetch` then finds it, or waits for it."""
        if missing := [image_id for image_id in image_ids if self.held(image_id) is None]:
            self._submit(self._all(missing, patience))

    def full(self, image_id: str) -> ArchivePicture:
        """The whole picture, for `read_photo`. Raises `ArchiveError`."""
        if (found := self._full.get(image_id)) is None:
            try:
                found = self._submit(self._guarded(self._client.full, image_id)).result(PATIENCE)
            except TookTooLong:
                raise ArchiveAwayError(words.SLOW) from None
            self._full.put(image_id, found)
        return found

    def close(self) -> None:
        """End all requests and the thread that makes them."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            asyncio.run_coroutine_threadsafe(self._end(), loop).result()
            loop.call_soon_threadsafe(loop.stop)

    async def _end(self) -> None:
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._client.close()

    async def _all(
        self, image_ids: list[str], patience: float
    ) -> dict[str, ArchivePicture | ArchiveError]:
        """Each picture, or why it is missing, after at most `patience` seconds."""
        tasks = {image_id: self._task(image_id) for image_id in image_ids}
        await asyncio.wait(tasks.values(), timeout=patience)
        results: dict[str, ArchivePicture | ArchiveError] = {}
        for image_id, task in tasks.items():
            if not task.done() or task.cancelled():
                results[image_id] = ArchiveAwayError(words.SLOW)
            elif isinstance(error := task.exception(), ArchiveError):
                results[image_id] = error
            else:
                results[image_id] = task.result()
        return results

    def _task(self, image_id: str) -> "asyncio.Task[ArchivePicture]":
        """The one task that fetches a picture."""
        if (running := self._running.get(image_id)) is None:
            running = asyncio.ensure_future(self._thumbnail(image_id))
            self._running[image_id] = running
            running.add_done_callback(lambda task: self._ended(image_id, task))
        return running

    def _ended(self, image_id: str, task: "asyncio.Task[ArchivePicture]") -> None:
        del self._running[image_id]
        if not task.cancelled():
            task.exception()  # is looked at, though perhaps no reader waits any more

    async def _thumbnail(self, image_id: str) -> ArchivePicture:
        asked_again, known = self._not_there.get(image_id, (0.0, None))
        if known is not None and time.monotonic() < asked_again:
            raise known
        try:
            picture = await self._guarded(self._client.thumbnail, image_id)
        except ArchiveError as error:
            if not error.wait:
                self._not_there[image_id] = time.monotonic() + ASKED_AGAIN, error
                if len(self._not_there) > IN_MEMORY:
                    self._not_there.popitem(last=False)
            raise
        self._memory.put(image_id, picture)
        await asyncio.to_thread(self.cache.put, image_id, picture)
        return picture

    async def _guarded(self, request: Request, image_id: str) -> ArchivePicture:
        """Make a request when its turn comes, unless the archive is left alone."""
        async with self._at_once:
            if time.monotonic() < self._left_alone_until:
                if isinstance(self._because, ArchiveBusyError):
                    raise ArchiveBusyError(math.ceil(self._left_alone_until - time.monotonic()))
                raise self._because
            try:
                return await request(image_id)
            except ArchiveError as error:
                if error.wait:
                    self._left_alone_until = time.monotonic() + error.wait
                    self._because = error
                raise

    def _submit(self, work: Coroutine[Any, Any, Value]) -> "Future[Value]":
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="archive", daemon=True).start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)


class _Newest:
    """The `most` pictures that were used last."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._pictures: OrderedDict[str, ArchivePicture] = OrderedDict()

    def get(self, image_id: str) -> ArchivePicture | None:
        with self._lock:
            if image_id in self._pictures:
                self._pictures.move_to_end(image_id)
            return self._pictures.get(image_id)

    def put(self, image_id: str, picture: ArchivePicture) -> None:
        with self._lock:
            self._pictures[image_id] = picture
            self._pictures.move_to_end(image_id)
            if len(self._pictures) > self._most:
                self._pictures.popitem(last=False)
