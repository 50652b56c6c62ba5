"""The newest photo of each visitor: what still waits to be analysed, and whose answer is wanted.

Between choosing a photo and its answer a visitor may choose another one, or empty the field. What an
older run still says must then neither be shown nor take the newer photo's place.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from itertools import count
from threading import Lock

VISITORS = 256


@dataclass(frozen=True, eq=False)
class Waiting:
    """An encoded photo that waits for its analysis. `token`: names it within the page."""

    token: str
    data: bytes


class Desk:
    """One newest photo a visitor; of the visitors, the last `VISITORS` that chose one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest: OrderedDict[str, str] = OrderedDict()
        self._waiting: dict[str, Waiting] = {}
        self._turns = count()
        self._put: OrderedDict[str, int] = OrderedDict()
        self._held: dict[str, list[str]] = {}

    def turn(self) -> int:
        """To be drawn when a visitor does something with the photo field, for `put`."""
        return next(self._turns)

    def put(self, visitor: str, data: bytes | None, turn: int | None = None) -> bool:
        """A visitor chose a photo, or emptied the field (None): older answers are no longer wanted.

        False, and nothing changes, where what they did after `turn` was drawn is here already: a large
        photo takes longer to read than a small one.
        """
        with self._lock:
            turn = self.turn() if turn is None else turn
            if turn < self._put.get(visitor, turn):
                return False
            self._forget(visitor)
            self._put[visitor] = turn
            while len(self._put) > VISITORS:
                self._put.popitem(last=False)
            if data is None:
                return True
            waiting = Waiting(secrets.token_hex(8), data)
            self._newest[visitor], self._waiting[visitor] = waiting.token, waiting
            while len(self._newest) > VISITORS:
                self._forget(next(iter(self._newest)))
            return True

    def hold(self, visitor: str, upload: str) -> None:
        """The file `upload` was read, and is to be deleted once its preview is in the browser."""
        with self._lock:
            self._held.setdefault(visitor, []).append(upload)

    def release(self, visitor: str) -> list[str]:
        """The files to be deleted now."""
        with self._lock:
            return self._held.pop(visitor, [])

    def take(self, visitor: str) -> Waiting | None:
        """What waits, to be analysed now; None when nothing does, or another run has it already."""
        with self._lock:
            return self._waiting.pop(visitor, None)

    def wants(self, visitor: str, token: str) -> bool:
        """Whether the photo `token` is still the visitor's newest."""
        with self._lock:
            return self._newest.get(visitor) == token

    def waits(self, visitor: str) -> bool:
        """Whether a photo of the visitor waits to be analysed."""
        with self._lock:
            return visitor in self._waiting

    def knows(self, visitor: str) -> bool:
        """Whether the visitor chose a photo and did not take it back, analysed or not."""
        with self._lock:
            return visitor in self._newest

    def forget(self, visitor: str) -> None:
        """The visitor left."""
        with self._lock:
            self._forget(visitor)

    def _forget(self, visitor: str) -> None:
        self._newest.pop(visitor, None)
        self._put.pop(visitor, None)
        self._waiting.pop(visitor, None)
