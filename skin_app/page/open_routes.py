"""Which of gradio's routes are open: those that the page and its API need, and no other.

gradio also has routes that fetch addresses, keep a session on disk, or show its own source. All others
answer "not found" here, whatever gradio would do.
"""

import re
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
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
      | gradio_api/file=(?P<file>/.+)
    )""",
    re.VERBOSE,
)
SEND = re.compile(
    r"""/gradio_api/(
        upload | queue/join | cancel | reset/? | run/predict/? | call/(v2/)?(analyse|score)/?
    )""",
    re.VERBOSE,
)


def route_of(scope: Scope) -> str:
    """The path of a request within the page, decoded, without the path under which a proxy shows it."""
    path, root = scope["path"], scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


class OpenRoutes:
    """ASGI middleware: refuses all routes but the open ones, and what other sites send.

    `uploads`: the private folder of gradio's uploads; no file outside of it is served by its path.
    """

    def __init__(self, app: ASGIApp, uploads: Path) -> None:
        self.app, self.uploads = app, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._is_open(scope):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        await refusal(scope, 404, words.NO_SUCH_PLACE)(scope, receive, send)

    def _is_open(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        route = route_of(scope)
        if scope["method"] == "POST":
            # a browser says so itself of what another site's page sends; other programs say nothing
            elsewhere = Headers(scope=scope).get("sec-fetch-site") in ("cross-site", "same-site")
            return SEND.fullmatch(route) is not None and not elsewhere
        found = READ.fullmatch(route)
        if found is None or scope["method"] not in ("GET", "HEAD"):
            return False
        return found["file"] is None or self._is_upload(found["file"])

    def _is_upload(self, path: str) -> bool:
        try:
            return Path(path).resolve().is_relative_to(self.uploads)
        except (
            OSError,
            ValueError,
            RuntimeError,
        ):  # no path: a zero byte, thousands of letters, a circle
            return False


def refusal(scope: Scope, status: int, sentence: str, **values: object) -> JSONResponse:
    """An answer that says why a request is refused, in the visitor's language; as gradio's look."""
    return JSONResponse({"detail": spoken(Request(scope))(sentence, **values)}, status)
