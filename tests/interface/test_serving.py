import json
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import gradio as gr
import pytest

from skin_app.interface.serving import NO_ADDRESSES, PortError, serve
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
