"""Who comes next: single photos before the photos of batches, each in their order."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MOST_OVERTAKING = 8  # single photos that may come before a waiting photo of a batch, in a row
KEPT_FOR = 0.5  # seconds that batches leave to a single photo between its quick answer and its full one


class Turns:
    """One thread at a time has the turn.

    A single photo comes before the photos of batches, but after `MOST_OVERTAKING` in a row the batch
    that has waited longest has its turn: no batch waits for ever. Batches that ask again for each photo
    take turns with each other.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._singles: deque[object] = deque()
        self._batches: deque[object] = deque()
        self._is_taken = False
        self._overtaking = 0
        self._kept_until = 0.0

    @contextmanager
    def turn(
        self,
        first: bool = True,
        again: bool = False,
        meanwhile: Callable[[], object] = lambda: None,
        every: float | None = None,
    ) -> Iterator[None]:
        """Wait for the turn, and hold it.

        `first`: for a single photo; False for one of a batch. `again`: the same photo asks for another
        turn soon, so no batch takes one meanwhile (for `KEPT_FOR` seconds). `meanwhile` is called at
        least each `every` seconds of waiting. Holding the turn, do not ask for it again.
        """
        line, place = self._singles if first else self._batches, object()
        pause = every if first else min(every or KEPT_FOR, KEPT_FOR)
        with self._changed:
            line.append(place)
            try:
                while not self._changed.wait_for(lambda: self._next is place, pause):
                    meanwhile()
                self._overtaking = self._overtaking + 1 if first and self._batches else 0
                self._is_taken = True
            finally:
                line.remove(place)
        try:
            yield
        finally:
            with self._changed:
                self._is_taken = False
                self._kept_until = time.monotonic() + KEPT_FOR if again else 0.0
                self._changed.notify_all()

    @property
    def _next(self) -> object:
        """Who may take the turn now; None while it is taken, and where nobody waits."""
        if self._is_taken:
            return None
        batch_is_due = self._batches and self._overtaking >= MOST_OVERTAKING
        if self._singles and not batch_is_due:
            return self._singles[0]
        is_kept = not batch_is_due and time.monotonic() < self._kept_until
        return self._batches[0] if self._batches and not is_kept else None
