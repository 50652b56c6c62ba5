"""`python app.py` itself: it serves, says what is wrong in one sentence, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from app import main
from tests.tiny import write_weights

ROOT = Path(__file__).resolve().parent.parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def started(weights: Path, temporary: Path, **environment: str) -> subprocess.Popen[str]:
    inherited = {k: v for k, v in os.environ.items() if k not in ("PORT", "GRADIO_SERVER_PORT")}
    variables = {"SKIN_APP_WEIGHTS": str(weights), "GRADIO_TEMP_DIR": str(temporary)}
    return subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**inherited, **variables, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until_served(process: subprocess.Popen[str], port: int) -> str:
    for _ in range(2400):
        assert process.poll() is None, process.communicate()
        try:
            with urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return answer.read().decode()
        except (URLError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError("the page was not served")


@pytest.mark.parametrize("variable", ["GRADIO_SERVER_PORT", "PORT"])
def test_it_serves_on_the_port_asked_for_and_cleans_up_when_stopped(
    tmp_path: Path, variable: str
) -> None:
    weights, port = write_weights(tmp_path / "weights"), free_port()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = started(weights, temporary, **{variable: str(port)})
    assert "Skin lesion decision support" in wait_until_served(process, port)
    assert len(list(temporary.glob("skin-app-uploads-*"))) == 1
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert list(temporary.glob("skin-app-uploads-*")) == []


@pytest.mark.parametrize(
    ("argument", "code", "words"), [("--help", 0, "SKIN_APP_WEIGHTS"), ("8080", 2, "unrecognized")]
)
def test_arguments_are_refused_and_help_says_what_can_be_set(
    argument: str,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py", argument])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == code
    said = capsys.readouterr()
    assert words in said.out + said.err
    assert "Starting" not in said.out


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "weights")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        process = started(weights, tmp_path, GRADIO_SERVER_PORT=port)
        _, errors = process.communicate(timeout=240)
    assert process.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in errors
    assert "Traceback" not in errors
