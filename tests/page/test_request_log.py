import asyncio
import json
import logging
import threading
from collections.abc import Iterator

import pytest
from gradio import queueing

from skin_app.page.finished import watched
from skin_app.page.request_log import start_log
from skin_app.page.safe_tracebacks import keep_values_out_of_tracebacks

SECRET = "Jane Doe, 53.55, 9.99.jpg"


def lines(said: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in said.splitlines()]


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    make = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(make)


def test_a_request_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    end = start_log("info", "cpu")
    with watched("batch") as request:
        with request.stage("networks"):
            request.views = 8
        request.answered("suspicious")
        request.answered(None, error="no photo")
    end()
    (line,) = lines(capsys.readouterr().err)
    assert set(line) == {*("time", "event", "kind", "views", "outcomes", "seconds", "device", "error")}
    assert (line["event"], line["kind"], line["views"]) == ("request", "batch", 8)
    assert line["outcomes"] == {"suspicious": 1, "unreadable": 1}
    assert set(line["seconds"]) == {"waited", "networks", "rest"}  # type: ignore[call-overload]
    assert str(line["time"]).endswith("Z")


@pytest.mark.parametrize(
    ("level", "events"), [("info", ["request", "fault"]), ("error", ["fault"]), ("off", [])]
)
def test_what_is_logged_is_chosen(
    level: str, events: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    keep_values_out_of_tracebacks()
    end = start_log(level, "cpu")
    try:
        with watched("photo"):
            raise FileNotFoundError(SECRET)
    except FileNotFoundError:
        vars(queueing)["traceback"].print_exc()
    end()
    said = capsys.readouterr().err
    assert [line["event"] for line in lines(said)] == events
    assert SECRET not in said
    assert ("FileNotFoundError" in said) == bool(events)


def fails() -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        raise ValueError(SECRET) from error


def test_no_other_log_tells_the_message_of_an_error(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    end = start_log("info", "cpu")

    async def forgotten() -> None:
        fails()

    async def leave() -> None:
        task = asyncio.create_task(forgotten())
        await asyncio.sleep(0)
        del task

    # in threads: Playwright's loop runs in this one
    for ends in (lambda: asyncio.run(leave()), fails):
        thread = threading.Thread(target=ends)
        thread.start()
        thread.join()
    try:
        fails()
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    end()
    said = capsys.readouterr().err + caplog.text
    assert '"error": "ValueError"' in said
    for description in ("Task exception was never retrieved", "Exception in ASGI application"):
        assert f"{description}\nValueError; " in said
    assert "KeyError" in said
    assert "test_request_log.py" in said
    assert SECRET not in said
