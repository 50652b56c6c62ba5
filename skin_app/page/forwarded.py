"""Who a visitor is: the address of the connection, or the one that a trusted proxy names."""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

# What a proxy says of the visitor. gradio takes all of it from anyone, also to build its addresses.
SAID_BY_PROXIES = frozenset(
    {
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-gradio-server",
        b"x-real-ip",
    }
)
IS_RELAYED = "skin_app.is_relayed"  # in the scope: came through a proxy that is not trusted
SHARED_PREFIX = 64  # bits; one visitor may use every IPv6 address of such a network


class TrustedProxies:
    """ASGI middleware: takes the visitor's address from `trusted` proxies, and from no one else.

    `trusted`: addresses and networks. Headers of others that name a visitor or a host are dropped.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[str]) -> None:
        self.app = app
        self.proxied = ProxyHeadersMiddleware(app, list(trusted))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        peer = scope.get("client")
        if peer and peer[0] in self.proxied.trusted_hosts:
            await self.proxied(scope, receive, send)  # type: ignore[arg-type]
            return
        kept = [(name, value) for name, value in scope["headers"] if name not in SAID_BY_PROXIES]
        scope[IS_RELAYED] = len(kept) < len(scope["headers"])
        scope["headers"] = kept
        await self.app(scope, receive, send)


def client_of(scope: Scope) -> str:
    """The visitor's address, for limits; all of an IPv6 visitor's own network count as one."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, SHARED_PREFIX), strict=False))
    return host
