"""`python app.py` itself: it serves, says what is wrong in one sentence, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest

from app import main
from tests.hub import SOURCE, stand_in
from tests.interface.conftest import free_port, needs_ipv6
from tests.tiny import give_trust, write_weights

ROOT = Path(__file__).resolve().parent.parent.parent
OPENER = build_opener(ProxyHandler({}))


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


def wait_until_served(process: subprocess.Popen[str], port: int, host: str = "127.0.0.1") -> str:
    for _ in range(2400):
        assert process.poll() is None, process.communicate()
        try:
            with OPENER.open(f"http://{host}:{port}/", timeout=5) as answer:
                return answer.read().decode()
        except (URLError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError("the page was not served")


@pytest.mark.parametrize("variable", ["GRADIO_SERVER_PORT", "PORT"])
def test_it_serves_on_the_port_asked_for_and_cleans_up_when_stopped(
    tmp_path: Path, variable: str
) -> None:
    weights, port = write_weights(tmp_path / "weights"), free_port()
    temporary = tmp_path / "made" / "by" / "the page"
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


@pytest.mark.parametrize("name", ["::1", "::"])
def test_it_serves_ipv6_and_starts_behind_a_proxy_that_is_away(tmp_path: Path, name: str) -> None:
    needs_ipv6(name)
    weights, port = write_weights(tmp_path / "weights"), free_port()
    away = dict.fromkeys(("HTTP_PROXY", "https_proxy"), "http://127.0.0.1:9")
    own = {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": name}
    process = started(weights, tmp_path, **away, **own)
    wait_until_served(process, port, "[::1]")
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"Starting the page on http://[::1]:{port}" in said


def test_a_proxy_that_cannot_be_used_is_told_and_the_page_starts(tmp_path: Path) -> None:
    weights, port = write_weights(tmp_path / "weights"), free_port()
    proxy = "socks://me:password@127.0.0.1:9"  # gradio cannot be imported with it
    process = started(weights, tmp_path, all_proxy=proxy, GRADIO_SERVER_PORT=str(port))
    wait_until_served(process, port)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "warning: all_proxy " in errors
    assert "password" not in errors
    assert "Traceback" not in errors


def test_the_hub_is_asked_through_the_proxy_and_the_page_is_not(tmp_path: Path) -> None:
    port = free_port()
    with stand_in(give_trust(write_weights(tmp_path / "weights"))) as proxy:
        process = started(
            Path(SOURCE),
            tmp_path,
            HTTP_PROXY=proxy.url,
            HF_ENDPOINT="http://hub.example",
            HF_HOME=str(tmp_path / "hub"),
            GRADIO_SERVER_PORT=str(port),
        )
        wait_until_served(process, port)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert "embedded" not in errors
    assert any("model.safetensors" in path for path in proxy.asked)
    assert [path for path in proxy.asked if not path.startswith("http://hub.example/")] == []


def test_weights_that_the_hub_does_not_give_are_replaced_on_the_page_and_it_says_why(
    tmp_path: Path,
) -> None:
    port = free_port()
    with stand_in(tmp_path) as hub:
        hub.answers[""] = (429, {"Retry-After": "37"})
        process = started(
            Path(SOURCE),
            tmp_path,
            HF_ENDPOINT=hub.url,
            HF_HOME=str(tmp_path / "hub"),
            GRADIO_SERVER_PORT=str(port),
        )
        page = wait_until_served(process, port)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    for said in (page, errors):
        assert "try again in 37 seconds" in said
        assert "These answers come from the embedded weights instead." in said


def test_a_folder_for_uploads_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    process = started(write_weights(tmp_path / "weights"), tmp_path / "file")
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 2
    assert f"No folder for uploads can be made in {tmp_path / 'file'}" in errors
    assert "Traceback" not in errors


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
