"""Who comes next."""

import threading
from collections.abc import Callable

import pytest

from skin_app.turns import MOST_OVERTAKING, Turns


class Line:
    """Threads that wait for a turn while the test holds it; `served` has their names in their order."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.served: list[str] = []
        self.threads: list[threading.Thread] = []

    def ask(self, name: str, first: bool) -> None:
        """Let a thread ask; returns once it waits."""
        asked = threading.Event()

        def serve() -> None:
            with self.turns.turn(first, meanwhile=asked.set, every=0.001):
                self.served.append(name)

        self.threads.append(threading.Thread(target=serve))
        self.threads[-1].start()
        assert asked.wait(60)

    def after(self, asking: Callable[[], None]) -> list[str]:
        """Who is served, in order, after `asking` while the turn was held."""
        with self.turns.turn():
            asking()
        for thread in self.threads:
            thread.join(60)
        return self.served


def test_single_photos_come_first_and_each_kind_in_its_order() -> None:
    line = Line()

    def asking() -> None:
        for name in ("batch 1", "batch 2", "single 1", "single 2"):
            line.ask(name, name.startswith("single"))

    assert line.after(asking) == ["single 1", "single 2", "batch 1", "batch 2"]


def test_a_batch_does_not_wait_for_ever() -> None:
    line = Line()

    def asking() -> None:
        for name in ("batch 1", "batch 2"):
            line.ask(name, False)
        for number in range(MOST_OVERTAKING + 3):
            line.ask(f"single {number}", True)

    served = line.after(asking)
    assert served.index("batch 1") == MOST_OVERTAKING
    assert served[-1] == "batch 2"  # then single photos come first again


def test_the_turn_is_given_back_after_a_fault_and_by_who_gives_up() -> None:
    line = Line()
    with pytest.raises(RuntimeError), line.turns.turn():
        raise RuntimeError("out of memory")

    def gone() -> None:
        raise KeyboardInterrupt

    def asking() -> None:
        def give_up() -> None:
            with pytest.raises(KeyboardInterrupt), line.turns.turn(meanwhile=gone, every=0.001):
                line.served.append("gone")

        thread = threading.Thread(target=give_up)
        thread.start()
        thread.join(60)
        line.ask("next", True)

    assert line.after(asking) == ["next"]


def test_no_batch_comes_between_quick_and_full_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    monkeypatch.setattr("skin_app.turns.KEPT_FOR", 60.0)
    with line.turns.turn(again=True):
        line.ask("batch", False)
    with line.turns.turn():
        line.served.append("full answer")
    line.threads[0].join(60)
    assert line.served == ["full answer", "batch"]


def test_a_batch_goes_on_where_no_full_answer_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    monkeypatch.setattr("skin_app.turns.KEPT_FOR", 0.01)
    with line.turns.turn(again=True):
        line.ask("batch", False)
    line.threads[0].join(60)
    assert line.served == ["batch"]
