import json
import socket
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import gradio as gr
import pytest
from gradio.state_holder import StateHolder

from skin_app.interface.serving import NO_ADDRESSES, PortError, forget_idle, serve
from tests.interface.conftest import Served

APP = Path(__file__).parents[2] / "app.py"


def test_port_in_use_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortError, match=f"cannot listen on 127.0.0.1:{port}"):
            serve(gr.Blocks(), "127.0.0.1", port, block=False)


@pytest.mark.parametrize("port", ["x", "0", "70000", ""])
def test_no_port_is_one_sentence(port: str) -> None:
    with pytest.raises(PortError, match="is no port"):
        serve(gr.Blocks(), "127.0.0.1", port, block=False)


def test_missing_weights_are_one_sentence_and_status_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, APP],
        env={"PATH": "", "SKIN_APP_WEIGHTS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "There are no weights in" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_named_by_an_address_is_not_fetched(served: Served) -> None:
    photo = {"path": "https://example.org/lesion.jpg", "meta": {"_type": "gradio.FileData"}}
    call = f"{served.url}gradio_api/call/analyse"
    body = json.dumps({"data": [photo, 8]}).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(call, body, headers)) as answer:
        event = json.load(answer)["event_id"]
    with urlopen(f"{call}/{event}") as stream:
        said = stream.read().decode()
    assert "event: error" in said
    assert NO_ADDRESSES in said


def test_what_is_held_of_a_visitor_goes_some_time_after_the_last_that_was_done() -> None:
    page, sessions = gr.Blocks(), StateHolder()
    sessions.set_blocks(page)
    for visitor in ("idle", "busy"):
        sessions[visitor].state_data[0] = "a photo"
    now = datetime.now()
    sessions.time_last_used["idle"] = now - timedelta(seconds=61)
    forget_idle(page, now, held_for=60)
    assert set(sessions.session_data) == set(sessions.time_last_used) == {"busy"}
    assert sessions["busy"].state_data[0] == "a photo"


def test_every_event_counts_as_something_done(served: Served) -> None:
    sessions, session = served.page.state_holder, "a-visitor"
    before = datetime.now()
    body = json.dumps({"data": [], "session_hash": session, "fn_index": 0}).encode()
    headers = {"Content-Type": "application/json"}
    urlopen(Request(f"{served.url}gradio_api/queue/join", body, headers)).close()
    with urlopen(f"{served.url}gradio_api/queue/data?session_hash={session}") as stream:
        stream.read()
    assert sessions.time_last_used[session] >= before
