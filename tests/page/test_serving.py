import errno
import importlib
import json
import socket
import sys
import threading
import time
from datetime import datetime, timedelta
from urllib.request import Request, urlopen

import gradio as gr
import pytest
from gradio import processing_utils, route_utils
from gradio.blocks import Block
from gradio.state_holder import StateHolder

from skin_app.page import serve as serving
from skin_app.page.gradio_guards import NO_ADDRESSES, TESTED, put_up_guards
from skin_app.page.port import PortError, ServeError, listening
from skin_app.page.serve import SETTINGS, serve
from skin_app.page.uploads_and_sessions import IdleSessions, forget_session
from skin_app.words.language import ENGLISH
from tests.page.conftest import Served, free_port, needs_ipv6


@pytest.mark.parametrize(("host", "bracketed"), [("127.0.0.1", "127.0.0.1"), ("::1", r"\[::1\]")])
def test_port_in_use_is_one_sentence(host: str, bracketed: str) -> None:
    needs_ipv6(host)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as taken:
        taken.bind((host, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortError, match=f"cannot listen on {bracketed}:{port}"):
            listening(host, port)


def test_a_port_that_only_the_administrator_may_use_is_not_called_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(PortError, match=r"^Port 80 may not be used by this account .*above 1023\.$"):
        listening("127.0.0.1", 80)


@pytest.mark.parametrize("port", ["x", "0", "70000", "", "9" * 5000])
def test_no_port_is_one_sentence(port: str) -> None:
    with pytest.raises(PortError, match="is no port"):
        listening("127.0.0.1", port)


@pytest.mark.parametrize(
    "name",
    [
        *("0.0.0.0:7860", "http://127.0.0.1", "no-such-host.invalid", " ", "*", "a..b", "x" * 300),
        *("203.0.113.7", "2001:db8::1", "fe80::1"),
    ],
)
def test_a_name_that_is_not_this_machine_gets_advice_about_the_name(name: str) -> None:
    with pytest.raises(PortError, match="set GRADIO_SERVER_NAME to a name or address of this machine"):
        listening(name, 7860)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:{port}"),
        ("localhost", "http://localhost:{port}"),
        ("0.0.0.0", "http://127.0.0.1:{port}"),
        ("::1", "http://[::1]:{port}"),
        ("[::1]", "http://[::1]:{port}"),
        ("::", "http://[::1]:{port}"),
    ],
)
def test_the_address_told_is_one_that_a_browser_opens(name: str, url: str) -> None:
    needs_ipv6(name)
    port = free_port()
    where = listening(name, f" {port} ")
    assert where.url == url.format(port=port)
    assert ("other machines" in where.said(ENGLISH)) == (name in ("0.0.0.0", "::"))


def test_the_page_is_served_by_ipv6() -> None:
    needs_ipv6("::1")
    port = free_port()
    with gr.Blocks() as page:
        pass
    url = serve(page, listening("[::1]", port))
    assert url == f"http://[::1]:{port}/"
    urlopen(url).close()
    page.close()


def test_a_file_named_by_an_address_is_not_fetched(served: Served) -> None:
    photo = {"path": "https://example.org/lesion.jpg", "meta": {"_type": "gradio.FileData"}}
    call = f"{served.url}gradio_api/call/v2/analyse"
    body = json.dumps({"photo": photo}).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(call, body, headers)) as answer:
        event = json.load(answer)["event_id"]
    with urlopen(f"{call}/{event}") as stream:
        said = stream.read().decode()
    assert "event: error" in said
    assert NO_ADDRESSES in said


def otherwise(*_: object) -> None:
    """Stands where an older or newer gradio is made in another way."""


@pytest.mark.parametrize(
    ("owner", "name", "changed"),
    [
        (processing_utils, "async_ssrf_protected_download", None),
        (processing_utils, "async_ssrf_protected_download", otherwise),
        (route_utils, "GradioUploadFile", None),
        (route_utils, "GradioMultiPartParser", None),
        (Block, "async_move_resource_to_block_cache", otherwise),
        (StateHolder, "__init__", otherwise),
        (gr.Blocks, "launch", otherwise),
    ],
)
def test_without_a_place_for_its_guards_there_is_no_page(
    owner: object, name: str, changed: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, changed)
    with pytest.raises(ServeError, match=rf"gradio {gr.__version__} has .*: install gradio {TESTED}"):
        serve(gr.Blocks(), listening("127.0.0.1", free_port()))


def test_a_gradio_that_lacks_what_the_guards_replace_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(route_utils, "GradioUploadFile")
    monkeypatch.setitem(sys.modules, "gradio.state_holder", None)
    importlib.reload(serving)  # as when it is imported the first time
    with pytest.raises(ServeError, match=r"\(GradioUploadFile, StateHolder\): install gradio"):
        put_up_guards(SETTINGS)


def test_a_second_page_in_the_same_program_keeps_the_guards() -> None:
    put_up_guards(SETTINGS)
    guard = route_utils.GradioUploadFile
    put_up_guards(SETTINGS)
    assert route_utils.GradioUploadFile is guard


def test_a_session_is_dropped_only_while_gradio_does_not_move_it() -> None:
    page, sessions = gr.Blocks(), StateHolder()
    sessions.set_blocks(page)
    assert sessions["visitor"]
    dropping = threading.Thread(target=forget_session, args=(page, "visitor"))
    with sessions.lock:
        dropping.start()
        dropping.join(0.2)
        assert "visitor" in sessions.session_data
    dropping.join(60)
    assert not sessions.session_data
    assert not sessions.time_last_used


def test_what_is_held_of_a_visitor_goes_some_time_after_the_last_that_was_done() -> None:
    left: list[str | None] = []

    def leave(request: gr.Request) -> None:
        left.append(request.session_hash)

    with gr.Blocks() as page:
        page.unload(leave)
    sessions, now = StateHolder(), [0.0]
    page.queue()
    sessions.set_blocks(page)
    for visitor in ("idle", "busy"):
        sessions[visitor].state_data[0] = "a photo"
    idle = IdleSessions(page, lambda: now[0])
    idle.forget(60)
    now[0] = 61.0
    # something done with the clock set back counts like everything else that is done
    sessions.time_last_used["busy"] -= timedelta(hours=1)
    idle.forget(60)
    assert left == ["idle"]  # as if the page had been closed
    assert set(sessions.session_data) == set(sessions.time_last_used) == {"busy"}
    assert sessions["busy"].state_data[0] == "a photo"


def test_a_result_that_nobody_collects_is_dropped(served: Served) -> None:
    queue, now = served.page._queue, [0.0]
    body = json.dumps({"data": [None, 1, None, None]}).encode()
    call = f"{served.url}gradio_api/call/analyse"
    with urlopen(Request(call, body, {"Content-Type": "application/json"})) as answer:
        event = json.load(answer)["event_id"]
    while event in queue.event_ids_to_events:
        time.sleep(0.05)
    idle = IdleSessions(served.page, lambda: now[0])
    idle.forget(60)
    assert queue.pending_messages_per_session[event].qsize()
    now[0] = 61.0
    idle.forget(60)
    assert event not in queue.pending_messages_per_session
    assert event not in queue.pending_event_ids_session


def test_every_event_counts_as_something_done(served: Served) -> None:
    sessions, session = served.page.state_holder, "a-visitor"
    before = datetime.now()
    body = json.dumps({"data": [], "session_hash": session, "fn_index": 0}).encode()
    headers = {"Content-Type": "application/json"}
    urlopen(Request(f"{served.url}gradio_api/queue/join", body, headers)).close()
    with urlopen(f"{served.url}gradio_api/queue/data?session_hash={session}") as stream:
        stream.read()
    assert sessions.time_last_used[session] >= before
