"""How much one client may send: bytes, files and requests, and how many of them may wait.

A client is an address (`forwarded`): all visitors of a clinic may share one. The limits let a batch of
`batch.MOST` photos through, and leave room for dozens of visitors at once.
"""

import time
from collections import Counter
from collections.abc import Callable

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skin_app.page.forwarded import client_of
from skin_app.page.open_routes import refusal, route_of
from skin_app.page.unnamed_uploads import IN_SCOPE, UnnamedUploads
from skin_app.page.visitor_language import spoken
from skin_app.words import refusals as words

MB = 1_000_000
UPLOAD = 2_000 * MB  # of one request: a batch at 10 MB a photo
CALL = 2 * MB  # of any other request: it names files and holds none
# In MB. A file that nobody reads lies on disk for five minutes at most, so one client can hold no more
# there; what it chose on the page and has not started lies for 15, so of that it can hold three times.
SENT = RateLimitItemPerMinute(2 * UPLOAD // MB, 5)
OPEN = 256  # requests of one client at once, event streams included
AGAIN_AFTER = 10  # seconds, where the end of a wait is not known


class RequestLimits:
    """Pure ASGI middleware; cuts off what is too large while it comes.

    `rate`: uploads, and as many calls, of one client; `most_waiting`: of its calls and page events that
    wait; `waiting`: how many of a client's wait now.
    """

    def __init__(
        self,
        app: ASGIApp,
        rate: RateLimitItem,
        most_waiting: int,
        waiting: Callable[[str], int],
    ) -> None:
        self.app, self.rate, self.most_waiting, self.waiting = app, rate, most_waiting, waiting
        self.counted = SlidingWindowCounterRateLimiter(MemoryStorage())
        self.open: Counter[str] = Counter()
        self.unnamed = UnnamedUploads(waiting)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        client = client_of(scope)
        refused = self._refused(scope, client)
        if refused is not None:
            answer = refusal(scope, refused.status_code, refused.detail)
            answer.headers.update(refused.headers or {})
            await answer(scope, receive, send)
            if not self.open[client]:
                self.unnamed.leaves(client, float(answer.headers.get("Retry-After", 0)))
            return
        self.open[client] += 1
        self.unnamed.returns(client)
        scope[IN_SCOPE] = self.unnamed
        try:
            await self.app(scope, self._measured(scope, receive, client), send)
        finally:
            self.open[client] -= 1
            self.open += Counter()  # drops the clients that have none
            if not self.open[client]:
                self.unnamed.leaves(client)

    def _refused(self, scope: Scope, client: str) -> HTTPException | None:
        """Why a request is refused before it is read; the sentence is not translated yet."""
        if self.open[client] >= OPEN:
            return _later(words.TOO_MANY_AT_ONCE)
        if scope["method"] != "POST":
            return None
        route = route_of(scope)
        is_upload = _is_upload(route)
        if _stated_length(scope) > (UPLOAD if is_upload else CALL):
            return HTTPException(413, words.TOO_LARGE_A_REQUEST)
        if is_upload or _is_call(route):
            kind = "upload" if is_upload else "call"
            if not self.counted.hit(self.rate, kind, client):
                return _later(words.TOO_OFTEN, self._wait(self.rate, kind, client))
        if _is_call(route) and self.waiting(client) >= self.most_waiting:
            return _later(words.TOO_MANY_WAIT)
        return None

    def _measured(self, scope: Scope, receive: Receive, client: str) -> Receive:
        """`receive`, until more has come than one request, or this client, may send."""
        is_upload = _is_upload(route_of(scope))
        most, come, told = (UPLOAD if is_upload else CALL), 0, 0
        say = spoken(Request(scope))

        async def measured() -> Message:
            nonlocal come, told
            message = await receive()
            come += len(message.get("body", b""))
            if come > most:
                raise HTTPException(413, say(words.TOO_LARGE_A_REQUEST))
            if is_upload and come // MB > told:
                if not self.counted.hit(SENT, "sent", client, cost=come // MB - told):
                    wait = self._wait(SENT, "sent", client)
                    raise HTTPException(429, say(words.TOO_OFTEN), {"Retry-After": str(wait)})
                told = come // MB
            return message

        return measured

    def _wait(self, limit: RateLimitItem, *key: str) -> int:
        """Seconds until a client may try again."""
        return max(1, round(self.counted.get_window_stats(limit, *key).reset_time - time.time()))


def _is_upload(route: str) -> bool:
    return route == "/gradio_api/upload"


def _is_call(route: str) -> bool:
    return route.startswith(("/gradio_api/queue/join", "/gradio_api/call/", "/gradio_api/run/"))


def _stated_length(scope: Scope) -> int:
    stated = Headers(scope=scope).get("content-length", "")
    return int(stated) if stated.isdecimal() else 0


def _later(sentence: str, wait: int = AGAIN_AFTER) -> HTTPException:
    return HTTPException(429, sentence, {"Retry-After": str(wait)})
