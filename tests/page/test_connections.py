"""Connections that bring no request, and too many of one address."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_network
from urllib.parse import urlsplit

import httpx
import pytest

from skin_app.page import connections
from skin_app.page.connections import Connection
from tests.page.conftest import Served

ASK = b"GET /gradio_api/app_id HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as kept:
        yield kept


def connect(served: Served, opened: ExitStack) -> socket.socket:
    where = ("127.0.0.1", urlsplit(served.url).port or 0)
    return opened.enter_context(socket.create_connection(where, timeout=60))


def answer(connection: socket.socket) -> bytes:
    """The first line, or nothing where the server has closed the connection."""
    with connection.makefile("rb") as stream:
        return stream.readline()


def test_a_connection_without_a_whole_request_is_closed_and_one_under_way_is_not(
    served: Served, opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_WITHIN", 1.0)
    under_way = opened.enter_context(
        httpx.stream("GET", f"{served.url}gradio_api/heartbeat/visitor", timeout=60)
    )
    silent, begun, again = (connect(served, opened) for _ in range(3))
    begun.sendall(ASK[:-2])
    again.sendall(ASK)
    assert again.recv(1000).startswith(b"HTTP/1.1 200")
    again.sendall(ASK[:10])
    assert [answer(silent), answer(begun)] == [b"", b""]
    while again.recv(1000):  # ends, as the server closes it
        pass
    assert under_way.status_code == 200
    assert next(under_way.iter_raw())  # still sends signs of life


def test_one_address_holds_only_so_many_connections_unless_it_is_a_trusted_proxy(
    served: Served, opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST", 0)
    refused = connect(served, opened)
    assert answer(refused) == b"HTTP/1.1 503 Service Unavailable\r\n"
    monkeypatch.setattr(Connection, "trusted", (ip_network("127.0.0.0/8"),))
    taken = connect(served, opened)
    taken.sendall(ASK)
    assert answer(taken) == b"HTTP/1.1 200 OK\r\n"
