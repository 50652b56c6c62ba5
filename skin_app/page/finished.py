"""Tells observers, such as the log and the metrics, of each request that has finished.

A request is what a visitor asked the networks for: `watched(kind)` measures it. Nothing that is told
holds a visitor's data: no file name, no pixel, no address, no probability.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, perf_counter
from typing import Literal, TypeVar

from gradio.context import LocalContext

from skin_app.words.language import SpokenError

# The page: one photo, several of one lesion, a batch. The API: its two endpoints.
Kind = Literal["photo", "angles", "batch", "analyse", "score"]
UNREADABLE, NO_OUTCOME = "unreadable", "no outcome"
LEFT, FAULT = "left", "fault"
WAITED = "waited"  # in gradio's queue, before the request began
T = TypeVar("T")


@dataclass(frozen=True)
class Finished:
    """A request that has ended.

    `outcomes`: how many of its photos got which outcome ("suspicious", ..., `NO_OUTCOME` where the
    weights judge none, `UNREADABLE`). `durations`: seconds by stage ("decode", "networks", ...), and
    "total", waiting within the request included; before it, `WAITED`. `views`: from how many views its
    last photo was answered, 0 where none was. `error`: "" where it ended well, `LEFT` where the
    visitor did not wait for the end, `FAULT` for a fault in the program, else the name of the
    `SpokenError` that was told.
    """

    kind: Kind
    outcomes: Mapping[str, int]
    durations: Mapping[str, float]
    error: str = ""
    views: int = 0


@dataclass(eq=False)
class UnderWay:
    """A request under way."""

    kind: Kind
    outcomes: Counter[str] = field(default_factory=Counter)
    durations: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    error: str = ""
    views: int = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to the stage `name`."""
        begun = perf_counter()
        try:
            yield
        finally:
            self.durations[name] += perf_counter() - begun

    def steps(self, name: str, results: Iterable[T]) -> Iterator[T]:
        """The results, one by one; only the time to make each is added to the stage `name`."""
        following = iter(results)
        while True:
            with self.stage(name):
                try:
                    result = next(following)
                except StopIteration:
                    return
            yield result

    def answered(self, outcome: str | None, error: object = None) -> None:
        """One photo is done. `outcome`: None where the weights judge none; `error`: why it has none."""
        self.outcomes[UNREADABLE if error else outcome or NO_OUTCOME] += 1

    def refused(self, error: SpokenError) -> None:
        """The request ends with a sentence that says why, which is not raised."""
        self.error = type(error).__name__
        self.outcomes[UNREADABLE] += 1


_OBSERVERS: list[Callable[[Finished], None]] = []


def observe(observer: Callable[[Finished], None]) -> Callable[[], None]:
    """Have `observer` called with each `Finished`, in the request's thread; returns how to end that.

    It must be quick and must not raise: the visitor waits for it.
    """
    _OBSERVERS.append(observer)
    return lambda: _OBSERVERS.remove(observer)


@contextmanager
def watched(kind: Kind) -> Iterator[UnderWay]:
    """Measure a request, and tell all observers of its end, whatever it was."""
    request, begun = UnderWay(kind), perf_counter()
    request.durations[WAITED] = _waited()
    try:
        yield request
    except SpokenError as error:
        request.error = type(error).__name__
        raise
    except GeneratorExit:
        request.error = LEFT
        raise
    except BaseException:
        request.error = FAULT
        raise
    finally:
        durations = {**request.durations, "total": perf_counter() - begun}
        told = Finished(kind, dict(request.outcomes), durations, request.error, request.views)
        for observer in tuple(_OBSERVERS):
            observer(told)


def _waited() -> float:
    """Seconds from when the event that is handled now joined gradio's queue; 0 outside of any event."""
    page, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    event = page._queue.event_ids_to_events.get(event_id) if page is not None and event_id else None
    return monotonic() - event.enqueue_time if event is not None else 0.0
