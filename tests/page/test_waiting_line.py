"""Visitors who wait for the networks: each is told their place, and gets their own photo's answer."""

import base64
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from skin_app.diagnoses import CODES
from skin_app.ensemble import Ensemble
from skin_app.page import waiting_line
from skin_app.page.one_photo_handlers import EXAMPLES_FOLDER
from skin_app.page.queues import NETWORKS
from skin_app.page.waiting_line import WaitingLine, rough_time
from skin_app.photo.read import read_photo
from skin_app.words import page as words
from skin_app.words.language import ENGLISH, GERMAN, Say
from tests.page.conftest import OTHER, PHOTO, Served, opened, ready, upload

THIRD = EXAMPLES_FOLDER / "red-lacunae.jpg"
PLACE = "#outcome .place"


def reported(page: Page, say: Say) -> list[float]:
    """The probabilities in the JSON report of the photo that the page shows."""
    page.locator("#report > button").click()
    page.get_by_role("button", name=say(words.REPORT_MAKE)).click()
    link = page.locator("#downloads a[download$=json]").get_attribute("href") or ""
    given = json.loads(base64.b64decode(link.partition(",")[2]))["diagnoses"]
    by_code = {own["code"]: own["probability"] for own in given}
    return [by_code[code] for code in CODES]


def test_a_visitor_is_told_their_place_and_answers_are_not_crossed(
    browser: Browser, served: Served, ensemble: Ensemble, steps: dict[str, threading.Event]
) -> None:
    photos, running = [PHOTO, OTHER, THIRD], NETWORKS["concurrency_limit"]
    alone = [ensemble(read_photo(photo)).probabilities for photo in photos]
    pages = [opened(browser, served.url, locale=locale) for locale in ("en", "en", "de")]
    for page, photo in zip(pages, photos, strict=True):
        ready(page)
        upload(page, photo)
        expect(page.locator("#status .status")).to_have_count(1)
    expect(pages[-1].locator(PLACE)).to_have_text(
        re.compile(f"Vor Ihrem Foto sind noch {running} andere")
    )
    expect(pages[0].locator(PLACE)).to_have_text("")
    for step in steps.values():
        step.set()
    for page, photo, say in zip(pages, photos, (ENGLISH, ENGLISH, GERMAN), strict=True):
        expect(page.locator("#status")).to_contain_text(say(words.FULL_ANSWER))
        expect(page.locator(PLACE)).to_have_count(0)
        given = reported(page, say)
        off = [abs(given - answer).max() for answer in alone]
        assert photos[int(np.argmin(off))] == photo
        assert min(off) < 1e-6 < sorted(off)[1]
    for page in pages:
        page.context.close()


def test_when_the_line_is_full_page_and_api_say_so_in_one_sentence(
    visit: Page, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_line, "MOST_WAITING", 0)
    upload(visit, PHOTO)
    alert = visit.locator("#status [role=alert]")
    expect(alert).to_have_text(ENGLISH(words.LINE_IS_FULL, count=0))
    call = f"{served.url}gradio_api/call/analyse"
    refused = httpx.post(call, json={"data": [None] * 4}, headers={"Accept-Language": "de"})
    assert refused.status_code == 503
    assert refused.json()["detail"] == GERMAN(words.LINE_IS_FULL, count=0)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 second"), (4.4, "4 seconds"), (34, "30 seconds"), (94, "2 minutes"), (170, "3 minutes")],
)
def test_a_time_to_wait_is_no_more_exact_than_it_is_known(seconds: float, said: str) -> None:
    assert rough_time(ENGLISH, seconds) == said


def done(served: Served, **call: object) -> httpx.Response:
    """The answer to a step that joins the queue, once that step is done."""
    answer = httpx.post(f"{served.url}gradio_api/queue/join", json={"event_data": None, **call})
    while served.page._queue.event_ids_to_events:
        time.sleep(0.02)
    return answer


def test_a_client_with_too_many_sessions_loses_its_own_and_nobody_elses(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_line, "MOST_SESSIONS", 3)
    held = served.page.state_holder.session_data
    (step,) = [index for index, own in served.page.fns.items() if own.name == "on_about"]
    queue = served.page._queue
    assert isinstance(queue, WaitingLine)
    monkeypatch.setattr(queue, "sessions", {"192.0.2.9": ["others"]})
    assert served.page.state_holder["others"]
    for number in range(5):
        assert done(served, data=[], fn_index=step, session_hash=f"own-{number}").is_success
    assert [name for name in held if name.startswith("own-")] == ["own-2", "own-3", "own-4"]
    assert "others" in held
    del held["others"]


def test_a_call_of_the_api_leaves_no_session(served: Served) -> None:
    (step,) = [index for index, own in served.page.fns.items() if own.api_name == "analyse"]
    assert done(served, data=[None], fn_index=step, session_hash="a-client").is_success
    assert "a-client" in served.page._queue.pending_messages_per_session
    assert "a-client" not in served.page.state_holder.session_data


def test_a_session_with_a_long_name_is_refused(served: Served) -> None:
    refused = done(served, data=[], fn_index=0, session_hash="x" * 65)
    assert refused.status_code == 400
    assert refused.json()["detail"].startswith("The session_hash has more than 64 characters:")


def test_what_is_kept_of_calls_that_were_answered_has_an_end(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = served.page._queue.pending_event_ids_session
    kept.clear()
    monkeypatch.setattr(kept, "max_size", 2)
    for number in range(4):
        assert done(served, data=[], fn_index=0, session_hash=f"own-{number}").is_success
    assert set(kept) == {"own-2", "own-3"}


@pytest.mark.parametrize("session", ["", "left"])
def test_messages_to_a_session_that_is_not_there_do_not_stop_the_queue(
    served: Served, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, free = served.page._queue, threading.Event()
    (step,) = [index for index, own in served.page.fns.items() if own.name == "on_about"]
    monkeypatch.setattr(served.page.fns[step], "fn", lambda *_: free.wait(60) and "")
    with ThreadPoolExecutor(8) as visitors:
        call = {"data": [], "fn_index": step, "session_hash": session, "event_data": None}
        join = partial(httpx.post, f"{served.url}gradio_api/queue/join", json=call)
        joined = [own.result() for own in [visitors.submit(join) for _ in range(8)]]
    if session:
        del queue.pending_messages_per_session[session]  # as where many others came since
    free.set()
    while queue.event_ids_to_events and not queue.stopped:
        time.sleep(0.02)
    assert {answer.status_code for answer in joined} == {200}
    assert not queue.stopped
