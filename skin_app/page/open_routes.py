"""Which of gradio's routes are open: those that the page and its API need, and no other.

The others would write files that nobody deletes (`process_recording`, `component_server`), write a
visitor's session to disk (`deep_link`), or reach other machines (`proxy=`, `file=`). No upload can be
fetched again, whoever asks: gradio's field for a photo asks for it, and gets an empty picture instead,
until the page shows its own.
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
      | gradio_api/(info/? | app_id/? | theme\.css | startup-events)
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


class OnlyNeededRoutes:
    """ASGI middleware: 404 for all routes but the needed ones, and for what other sites send."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope):
            await self.app(scope, receive, send)
            return
        is_picture = Headers(scope=scope).get("accept", "").startswith("image/")
        answer: Response = refusal(scope, 404, words.NO_SUCH_PLACE)
        if route_of(scope).startswith("/gradio_api/file=") and is_picture:
            answer = Response(EMPTY_PICTURE, media_type="image/gif")
        await answer(scope, receive, send)


def is_open(scope: Scope) -> bool:
    """Whether a request is answered by its path, as the server decoded it, method and origin."""
    route = route_of(scope)
    if scope["method"] == "POST":
        # a browser says so itself of what another site's page sends; other programs say nothing
        elsewhere = Headers(scope=scope).get("sec-fetch-site") in ("cross-site", "same-site")
        return SEND.fullmatch(route) is not None and not elsewhere
    return READ.fullmatch(route) is not None and scope["method"] in ("GET", "HEAD")


def refusal(scope: Scope, status: int, sentence: str, **values: object) -> JSONResponse:
    """An answer that says why a request is refused, in the visitor's language; as gradio's look."""
    return JSONResponse({"detail": spoken(Request(scope))(sentence, **values)}, status)
