"""How much one client may send."""

from collections.abc import Iterator

import pytest
from limits import RateLimitItemPerMinute
from starlette.testclient import TestClient

from skin_app.page import request_limits
from skin_app.page.request_limits import RequestLimits
from tests.page.asgi import behind

UPLOAD, JOIN = "/gradio_api/upload", "/gradio_api/queue/join"
MANY = RateLimitItemPerMinute(1000)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """One request may hold 5,000 bytes, and a client may send 20,000 in five minutes."""
    monkeypatch.setattr(request_limits, "MB", 1000)
    monkeypatch.setattr(request_limits, "UPLOAD", 5000)
    monkeypatch.setattr(request_limits, "CALL", 100)
    monkeypatch.setattr(request_limits, "SENT", RateLimitItemPerMinute(20, 5))


def limited(rate: RateLimitItemPerMinute = MANY, waiting: int = 0) -> TestClient:
    return behind(RequestLimits, rate, 3, lambda _client: waiting)


def piecewise(size: int) -> Iterator[bytes]:
    """Sent without a stated length."""
    for _ in range(size // 100):
        yield b"x" * 100


def test_a_request_within_the_limits_passes() -> None:
    assert limited().post(UPLOAD, content=b"x" * 5000).json()["size"] == 5000
    assert limited().post(JOIN, content=b"x" * 100).json()["size"] == 100


@pytest.mark.parametrize(("path", "size"), [(UPLOAD, 5100), (JOIN, 200)])
def test_one_that_is_too_large_is_refused_by_its_length_or_while_it_comes(path: str, size: int) -> None:
    for content in (b"x" * size, piecewise(size)):
        answer = limited().post(path, content=content)
        assert answer.status_code == 413
        assert "send fewer photos" in answer.text


@pytest.mark.parametrize("path", [UPLOAD, JOIN, "/gradio_api/call/analyse"])
def test_a_client_that_asks_too_often_is_told_when_to_come_again(path: str) -> None:
    client = limited(RateLimitItemPerMinute(3))
    assert [client.post(path).status_code for _ in range(4)] == [200] * 3 + [429]
    late = client.post(path, headers={"Accept-Language": "de"})
    assert 1 <= int(late.headers["Retry-After"]) <= 60
    assert "warten Sie" in late.json()["detail"]
    assert client.get("/").status_code == 200
    other = TestClient(client.app, client=("192.0.2.2", 1))
    assert other.post(path).status_code == 200


def test_a_client_that_sends_too_much_is_cut_off() -> None:
    client = limited()
    sizes = [client.post(UPLOAD, content=piecewise(4000)).status_code for _ in range(6)]
    assert sizes == [200] * 5 + [429]


def test_a_client_whose_requests_wait_cannot_fill_the_queue() -> None:
    assert limited(waiting=2).post(JOIN).status_code == 200
    refused = limited(waiting=3).post(JOIN)
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, True)
    assert limited(waiting=3).post(UPLOAD).status_code == 200


def test_a_client_cannot_hold_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_limits, "OPEN", 0)
    assert limited().get("/").status_code == 429
