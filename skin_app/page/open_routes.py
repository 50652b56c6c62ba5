"""Which of gradio's routes are open: those that the page and its API need, and no other.

gradio also has routes that fetch addresses, keep a session on disk, or show its own source. All others
answer "not found" here, whatever gradio would do. No upload can be fetched again, whoever asks.
gradio's field for a photo asks for it, and gets an empty picture until the page shows its own.
"""

import re
from base64 import b64decode

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from skin_app.page.visitor_language import spoken
from skin_app.words import refusals as words

READ = re.compile(
    r"""/(
      | healthz | metrics | config/? | theme\.css | favicon\.ico | robots\.txt
      | (assets|static)/[\w./-]+
      | gradio_api/(info/? | openapi\.json | app_id/? | theme\.css | startup-events)
      | gradio_api/(queue/data | upload_progress)
      | gradio_api/heartbeat/\w+
      | gradio_api/call/(v2/)?(analyse|score)/\w+
    )""",
    re.VERBOSE,
)
SEND = re.compile(
    r"""/gradio_api/(
        upload | queue/join | cancel | reset/? | run/predict/? | call/(v2/)?(analyse|score)/?
    )""",
    re.VERBOSE,
)
EMPTY_PICTURE = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")  # one pixel, GIF


def route_of(scope: Scope) -> str:
    """The path of a request within the page, decoded, without the path under which a proxy shows it."""
    path, root = scope["path"], scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


class OpenRoutes:
    """ASGI middleware: refuses all routes but the open ones, and what other sites send."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._is_open(scope):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        answer = Response(EMPTY_PICTURE, media_type="image/gif")
        if not _asks_for_a_picture(scope):
            answer = refusal(scope, 404, words.NO_SUCH_PLACE)
        await answer(scope, receive, send)

    def _is_open(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        route = route_of(scope)
        if scope["method"] == "POST":
            # a browser says so itself of what another site's page sends; other programs say nothing
            elsewhere = Headers(scope=scope).get("sec-fetch-site") in ("cross-site", "same-site")
            return SEND.fullmatch(route) is not None and not elsewhere
        return READ.fullmatch(route) is not None and scope["method"] in ("GET", "HEAD")


def _asks_for_a_picture(scope: Scope) -> bool:
    """Whether a browser's `img` asks for a file; a link or a program is told that there is none."""
    accepts = Headers(scope=scope).get("accept", "")
    return route_of(scope).startswith("/gradio_api/file=") and accepts.startswith("image/")


def refusal(scope: Scope, status: int, sentence: str, **values: object) -> JSONResponse:
    """An answer that says why a request is refused, in the visitor's language; as gradio's look."""
    return JSONResponse({"detail": spoken(Request(scope))(sentence, **values)}, status)
