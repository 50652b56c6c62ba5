"""Which connections stay open: an address holds only so many, and none waits long for its request.

Without a limit, one visitor could take all file descriptors: uvicorn waits for ever for the rest of a
request's headers.
"""

from asyncio import TimerHandle, Transport
from ipaddress import ip_address
from typing import Any, ClassVar

from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from skin_app.page.exhausted import sentence_of_too_many
from skin_app.page.forwarded import client_of
from skin_app.page.hosting import Networks

MOST = 512  # of one client; its requests have a lower limit of their own
REQUEST_WITHIN = 30.0  # seconds for all headers of one request, as usual for web servers
UVICORNS: Any = AutoHTTPProtocol


class Connection(UVICORNS):
    """uvicorn's connection, closed where its client has too many, or sends no request in time."""

    trusted: ClassVar[Networks] = ()
    deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:
        super().connection_made(transport)
        if self._is_one_too_many():
            transport.write(sentence_of_too_many())
            transport.close()
        else:
            self._expect_a_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._expect_a_request()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._cancel()

    def _is_one_too_many(self) -> bool:
        """Whether the client had `MOST` before. A trusted proxy may have any number."""
        client = client_of({"client": self.client})
        if any(ip_address(self.client[0]) in network for network in self.trusted if self.client):
            return False
        # uvicorn's own set, in which web sockets stay, too
        return sum(client_of({"client": other.client}) == client for other in self.connections) > MOST

    def _expect_a_request(self) -> None:
        """Begin to wait for a request, unless one is under way or awaited already."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._cancel()
        elif self.deadline is None:
            self.deadline = self.loop.call_later(REQUEST_WITHIN, self._close)

    def _close(self) -> None:
        if self in self.connections:  # a web socket has another protocol by now
            self.transport.close()

    def _cancel(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None


def limit_connections(trusted: Networks) -> None:
    """Limit those of servers to come, which gradio starts; `trusted`: the proxies in front of them."""
    Connection.trusted = trusted
    HTTP_PROTOCOLS["auto"] = f"{__name__}:{Connection.__name__}"
