"""Answers only those of gradio's routes that the page and the API need, and no others.

The others would write files that nobody deletes (`process_recording`, `component_server`), write a
visitor's session to disk (`deep_link`), or reach other machines (`proxy=`).
"""

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/gradio_api/"
# what follows `PREFIX`, up to the next "/" or "="
NEEDED = frozenset(
    {
        *("info", "startup-events", "theme.css", "user", "login_check"),
        *("upload", "upload_progress", "file"),
        *("queue", "call", "run", "cancel", "reset", "heartbeat"),
    }
)
CLOSED = ("/monitoring", "/custom_component", "/openapi.json", "/docs", "/redoc")


class OnlyNeededRoutes:
    """ASGI middleware: 404 for all routes of gradio's that are not `NEEDED`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"].removeprefix(scope.get("root_path", ""))):
            await self.app(scope, receive, send)
        else:
            await PlainTextResponse("Not found", status_code=404)(scope, receive, send)


def is_open(path: str) -> bool:
    """Whether a path, as the server decoded it, is answered."""
    if path.startswith(CLOSED):
        return False
    if not path.startswith(PREFIX):
        return True
    route = path.removeprefix(PREFIX)
    return route.partition("/")[0].partition("=")[0] in NEEDED and not route.startswith("file/")
