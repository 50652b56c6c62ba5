"""Under which names the page answers.

A site can have its own name lead to another machine, also to the one of its visitor (DNS rebinding).
The browser then takes the page for a part of that site. Only the name in the request tells them apart.
"""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from skin_app.page.open_routes import refusal
from skin_app.page.port import is_loopback
from skin_app.words import refusals as words


class HostNames:
    """ASGI middleware: refuses requests for another name. `names`: in lower case; none: all may pass.

    Names and addresses of this machine's loopback always pass: no other site can have them.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.names:
            name = name_of(Headers(scope=scope).get("host", ""))
            # no browser leaves it out
            if name and name not in self.names and not is_loopback(name):
                await refusal(scope, 421, words.UNKNOWN_NAME, name=name)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def name_of(host: str) -> str:
    """The name or address in a `Host` header: in lower case, without port, brackets, dot at its end."""
    name = host.strip().lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    return name.removesuffix(".")
