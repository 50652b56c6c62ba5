"""The optional password of the page and its API."""

import pytest
from limits import RateLimitItemPerMinute
from starlette.testclient import TestClient

from skin_app.page.password import Password
from tests.page.asgi import behind

RIGHT = "correct horse Ähre"


def test_without_a_password_all_is_open() -> None:
    assert behind(Password, "").get("/").status_code == 200


@pytest.mark.parametrize("path", ["/", "/config", "/assets/index.js", "/gradio_api/call/analyse/abc"])
def test_nothing_is_open_without_it(path: str) -> None:
    answer = behind(Password, RIGHT).get(path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert "asks for a password" in answer.json()["detail"]


def test_whoever_knows_it_gets_in_by_any_name() -> None:
    client = behind(Password, RIGHT)
    for name in ("", "doctor"):
        assert client.get("/", auth=(name.encode(), RIGHT.encode())).status_code == 200


@pytest.mark.parametrize(
    "header",
    [b"Basic ", b"Basic !!!", b"Basic /w==", b"Bearer abc", b"Basic cGFzcw==", b"Basic \xe4"],
)
def test_what_is_no_password_is_none(header: bytes) -> None:
    assert behind(Password, RIGHT).get("/", headers={b"Authorization": header}).status_code == 401


def test_guesses_are_counted_and_a_right_one_must_wait_then() -> None:
    client = behind(Password, RIGHT, RateLimitItemPerMinute(3))
    assert [client.get("/", auth=("", f"guess {n}")).status_code for n in range(4)] == [401] * 3 + [429]
    late = client.get("/", auth=(b"", RIGHT.encode()))
    assert late.status_code == 429
    assert 1 <= int(late.headers["Retry-After"]) <= 60
    assert client.get("/").status_code == 401  # no guess
    other = TestClient(client.app, client=("192.0.2.2", 1))
    assert other.get("/", auth=(b"", RIGHT.encode())).status_code == 200


def test_who_watches_the_server_needs_none() -> None:
    assert behind(Password, RIGHT).get("/healthz").status_code == 200
