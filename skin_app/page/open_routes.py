"""Answers only those of gradio's routes that the page and the API need, and no others.

The others would write files that nobody deletes (`process_recording`, `component_server`), write a
visitor's session to disk (`deep_link`), or reach other machines (`proxy=`). No upload can be fetched
again, whoever asks: gradio's field for a photo asks for it, and gets an empty picture instead, until
the page shows its own.
"""

from base64 import b64decode

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/gradio_api/"
# what follows `PREFIX`, up to the next "/"
NEEDED = frozenset(
    {
        *("info", "startup-events", "theme.css", "user", "login_check"),
        *("upload", "upload_progress"),
        *("queue", "call", "run", "cancel", "reset", "heartbeat"),
    }
)
FILE = "file="
EMPTY_PICTURE = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")  # one pixel, GIF
CLOSED = ("/monitoring", "/custom_component", "/openapi.json", "/docs", "/redoc")


class OnlyNeededRoutes:
    """ASGI middleware: 404 for all routes of gradio's that are not `NEEDED`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or is_open(path):
            await self.app(scope, receive, send)
            return
        is_picture = Headers(scope=scope).get("accept", "").startswith("image/")
        if path.startswith(PREFIX + FILE) and is_picture:
            answer = Response(EMPTY_PICTURE, media_type="image/gif")
        else:
            answer = PlainTextResponse("Not found", status_code=404)
        await answer(scope, receive, send)


def is_open(path: str) -> bool:
    """Whether a path, as the server decoded it, is answered."""
    if path.startswith(CLOSED):
        return False
    if not path.startswith(PREFIX):
        return True
    return path.removeprefix(PREFIX).partition("/")[0] in NEEDED
