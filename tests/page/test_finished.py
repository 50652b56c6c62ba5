"""What the log and the metrics are told of each request."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from skin_app.ensemble import Ensemble
from skin_app.page.api import analysed
from skin_app.page.finished import (
    FAULT,
    LEFT,
    NO_OUTCOME,
    UNREADABLE,
    WAITED,
    Finished,
    observe,
    watched,
)
from skin_app.page.one_photo_handlers import answer, receive, receive_example
from skin_app.page.uploads_and_sessions import Desk
from skin_app.photo.read import PhotoError
from skin_app.words.language import ENGLISH


@pytest.fixture
def told() -> Iterator[list[Finished]]:
    found: list[Finished] = []
    end = observe(found.append)
    yield found
    end()


def test_stages_add_up_and_the_total_holds_them(told: list[Finished]) -> None:
    with watched("score") as request:
        for _ in range(2):
            with request.stage("decode"):
                pass
        assert list(request.steps("networks", iter("ab"))) == ["a", "b"]
        request.answered("suspicious")
        request.answered(None)
        request.answered(None, PhotoError("This is no photo."))
    (one,) = told
    assert (one.kind, one.error) == ("score", "")
    assert one.outcomes == {"suspicious": 1, NO_OUTCOME: 1, UNREADABLE: 1}
    assert set(one.durations) == {WAITED, "decode", "networks", "total"}
    assert one.durations["total"] >= one.durations["decode"] + one.durations["networks"] > 0


@pytest.mark.parametrize(
    ("error", "name"),
    [(PhotoError("This is no photo."), "PhotoError"), (ValueError("secret"), FAULT)],
)
def test_an_error_is_told_by_its_kind_and_goes_on(
    error: Exception, name: str, told: list[Finished]
) -> None:
    with pytest.raises(type(error)), watched("analyse"):
        raise error
    assert [one.error for one in told] == [name]


def test_a_photo_is_told_once_with_its_outcome(ensemble: Ensemble, told: list[Finished]) -> None:
    desk, received = Desk(), receive_example(ENGLISH, 0)
    desk.put("visitor", received.waiting)
    last = list(answer(ENGLISH, ensemble, desk, "visitor"))[-1]
    assert last.shown
    (one,) = told
    assert one.outcomes == {last.shown.analysis.outcome: 1}
    assert set(one.durations) == {WAITED, "decode", "networks", "total"}


def test_a_visitor_who_leaves_gets_no_outcome(ensemble: Ensemble, told: list[Finished]) -> None:
    desk, received = Desk(), receive_example(ENGLISH, 0)
    desk.put("visitor", received.waiting)
    answers = answer(ENGLISH, ensemble, desk, "visitor")
    next(answers)
    desk.forget("visitor")
    assert list(answers) == []
    assert [(one.error, one.outcomes) for one in told] == [(LEFT, {})]


def test_what_is_no_photo_is_told_as_unreadable(tmp_path: Path, told: list[Finished]) -> None:
    note = tmp_path / "a" / "Jane Doe.jpg"
    note.parent.mkdir()
    note.write_text("no photo")
    receive(ENGLISH, str(note), tmp_path)
    (one,) = told
    assert (one.error, one.outcomes) == ("PhotoError", {UNREADABLE: 1})
    assert "Jane" not in repr(one)


def test_a_call_without_a_file_is_told(
    ensemble: Ensemble, tmp_path: Path, told: list[Finished]
) -> None:
    with pytest.raises(ValueError, match="file"), watched("analyse") as request:
        analysed(ensemble, tmp_path, None, 8, under_way=request)
    assert [one.error for one in told] == ["CallError"]
