"""`python app.py` itself: it serves, says what is wrong in one sentence, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import pytest

from app import main
from skin_app.page.port import ServeError
from skin_app.page.uploads_and_sessions import Desk
from skin_app.words.page import EMBEDDED_INSTEAD
from tests.hub import SOURCE, stand_in
from tests.page.conftest import free_port, needs_ipv6
from tests.tiny import give_trust, write_weights

ROOT = Path(__file__).resolve().parent.parent.parent
OPENER = build_opener(ProxyHandler({}))


def started(weights: str, temporary: Path, **environment: str) -> subprocess.Popen[str]:
    inherited = {k: v for k, v in os.environ.items() if k not in ("PORT", "GRADIO_SERVER_PORT")}
    variables = {"SKIN_APP_WEIGHTS": weights, "GRADIO_TEMP_DIR": str(temporary)}
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


def stopped(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What it said, and what it said was wrong."""
    process.send_signal(signal.SIGTERM)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in errors
    return said, errors


def test_it_serves_asks_only_the_hub_through_the_proxy_and_cleans_up_when_stopped(
    tmp_path: Path,
) -> None:
    port, temporary = free_port(), tmp_path / "made" / "by" / "the page"
    with stand_in(give_trust(write_weights(tmp_path / "weights"))) as proxy:
        process = started(
            SOURCE,
            temporary,
            HTTP_PROXY=proxy.url,
            HF_ENDPOINT="http://hub.example",
            HF_HOME=str(tmp_path / "hub"),
            PORT=str(port),
        )
        assert "Skin lesion decision support" in wait_until_served(process, port)
        assert len(list(temporary.glob("skin-app-uploads-*"))) == 1
        _, errors = stopped(process)
    assert list(temporary.glob("skin-app-uploads-*")) == []
    assert "embedded" not in errors
    assert any("model.safetensors" in path for path in proxy.asked)
    hosts = {urlsplit(path).hostname for path in proxy.asked}
    assert hosts == {"hub.example", "storage.hub.example"}  # of the Hub, and where it sends for files


def test_it_serves_ipv6_behind_a_proxy_that_is_away(tmp_path: Path) -> None:
    needs_ipv6("::")
    weights, port = write_weights(tmp_path / "weights"), free_port()
    away = dict.fromkeys(("HTTP_PROXY", "https_proxy"), "http://127.0.0.1:9")
    own = {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "::"}
    process = started(str(weights), tmp_path, **away, **own)
    wait_until_served(process, port, "[::1]")
    said = ""
    assert process.stdout is not None
    while "is ready" not in said and (line := process.stdout.readline()):
        said += line
    _, errors = stopped(process)
    assert f"Starting the page on http://[::1]:{port}" in said
    assert f"The page is ready: http://[::1]:{port}/" in said
    assert "no password is set" in errors


def test_a_proxy_that_cannot_be_used_is_told_here_and_the_embedded_weights_on_the_page(
    tmp_path: Path,
) -> None:
    port = free_port()
    proxy = "socks://me:password@127.0.0.1:9"  # gradio cannot be imported with it
    home = str(tmp_path / "hub")
    process = started(SOURCE, tmp_path, all_proxy=proxy, HF_HOME=home, GRADIO_SERVER_PORT=str(port))
    page = wait_until_served(process, port)
    _, errors = stopped(process)
    assert EMBEDDED_INSTEAD in page
    assert "all_proxy" not in page
    assert "could not be downloaded. all_proxy is no address of a proxy" in errors
    assert "The page answers with the embedded weights instead." in errors
    assert "warning: all_proxy " in errors
    assert "password" not in errors


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


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Start the app in this process, where it cannot: what it says is wrong."""

    def start(weights: Path, **environment: str) -> str:
        monkeypatch.setattr(sys, "argv", ["app.py"])
        monkeypatch.setattr(signal, "signal", lambda *_: None)
        for name, value in {"SKIN_APP_WEIGHTS": str(weights), **environment}.items():
            monkeypatch.setenv(name, value)
        assert main() == 2
        return capsys.readouterr().err

    return start


def test_missing_weights_are_one_sentence(tmp_path: Path, told: Callable[..., str]) -> None:
    assert f"There are no weights in {tmp_path}" in told(tmp_path)


def test_a_wrong_source_of_pictures_is_one_sentence(tmp_path: Path, told: Callable[..., str]) -> None:
    weights = write_weights(tmp_path / "weights")
    assert "SKIN_APP_PICTURES is “yes”: set it to archive" in told(weights, SKIN_APP_PICTURES="yes")


def test_a_folder_for_uploads_that_cannot_be_made_is_one_sentence(
    tmp_path: Path, told: Callable[..., str]
) -> None:
    (tmp_path / "file").touch()
    weights, port = write_weights(tmp_path / "weights"), str(free_port())
    errors = told(weights, GRADIO_TEMP_DIR=str(tmp_path / "file"), GRADIO_SERVER_PORT=port)
    assert f"No folder for uploads can be made in {tmp_path / 'file'}" in errors


def test_a_taken_port_is_one_sentence(tmp_path: Path, told: Callable[..., str]) -> None:
    weights = write_weights(tmp_path / "weights")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"cannot listen on 127.0.0.1:{port}" in told(weights, GRADIO_SERVER_PORT=port)


def test_a_wrong_setting_of_the_host_is_one_sentence(tmp_path: Path, told: Callable[..., str]) -> None:
    weights = write_weights(tmp_path / "weights")
    errors = told(weights, SKIN_APP_TRUSTED_PROXIES="nginx")
    assert "SKIN_APP_TRUSTED_PROXIES holds “nginx”, which is no address: set it to" in errors


def test_the_page_and_the_sweeper_of_its_uploads_share_one_desk(
    told: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what a visitor chose would be swept before it is started."""
    desks: list[object] = []

    def folder(desk: Desk) -> AbstractContextManager[Path]:
        desks.append(desk)
        return nullcontext(tmp_path)

    def build(*given: object) -> None:
        desks.append(given[-1])
        raise ServeError("Seen.")

    monkeypatch.setattr("app.private_folder", folder)
    monkeypatch.setattr("skin_app.page.build.build_page", build)
    monkeypatch.setattr("skin_app.page.request_log.start_log", lambda *_: None)
    assert "Seen." in told(give_trust(write_weights(tmp_path / "weights")), PORT=str(free_port()))
    assert desks[0] is desks[1]
