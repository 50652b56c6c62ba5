"""Ends the program in order: what is under way is answered, and what is new is refused in a sentence.

SIGTERM or SIGINT (Ctrl-C) begins it; a second one ends the program at once. Uploads are deleted either
way, by `private_folder`.
"""

import json
import signal
import time
from collections.abc import Callable

import gradio as gr
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skin_app.page.exhausted import turned_away
from skin_app.page.queues import STOPPING
from skin_app.words import server as words
from skin_app.words.language import Plural

# Docker kills a program 10 seconds after SIGTERM: uploads must be deleted before.
FINISH_WITHIN = 8.0
# A step of the page follows the one before it when the browser has its answer.
SETTLES_IN = 1.0
LOOK_EVERY = 0.05
API = "/gradio_api"
JOIN = f"{API}/queue/join"
ENTRANCES = ("/", "/healthz")  # whoever watches the server learns there that it takes nothing more
STILL_TAKEN = (f"{API}/cancel", f"{API}/reset")
ENDLESS = (f"{API}/heartbeat", f"{API}/upload_progress")


class GracefulStop:
    """Stays until the program is asked to end, and then until all is answered, for a time.

    `told`: gets what there is to say about it, a sentence that counts, and the count.
    `code`: for the end of the program; 0 also where requests were broken off because time was up.
    """

    def __init__(
        self,
        page: gr.Blocks,
        told: Callable[[Plural, int], object] = lambda *_: None,
        finish_within: float = FINISH_WITHIN,
    ) -> None:
        self.page, self.told, self.finish_within = page, told, finish_within
        self.signals: list[int] = []
        self.open = 0  # requests, without those that last as long as a page is open
        self.code = 0

    def stay(self) -> None:
        """Block until the end; to be called in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: self.signals.append(number))
        while self.page.is_running and not self.signals:
            time.sleep(LOOK_EVERY)
        STOPPING.set()
        if self.under_way:
            self.told(words.FINISHING, self.under_way)
        left = self._wait()
        if left:
            self.told(words.BROKEN_OFF, left)
        if len(self.signals) > 1:
            self.code = 128 + self.signals[1]

    def _wait(self) -> int:
        """Until nothing has been under way for a moment; returns what still is when time is up."""
        ends = time.monotonic() + self.finish_within
        busy = time.monotonic()
        while len(self.signals) < 2 and time.monotonic() < ends:
            if self.under_way:
                busy = time.monotonic()
            elif time.monotonic() - busy >= SETTLES_IN:
                return 0
            time.sleep(LOOK_EVERY)
        return self.under_way

    @property
    def under_way(self) -> int:
        """How many requests are not answered yet, in the queue or on their way."""
        return max(self.open, len(self.page._queue.event_ids_to_events))

    def refuses(self, method: str, path: str, body: bytes) -> bool:
        """Whether a request would begin something new; `body`: of a step of the page."""
        if method == "GET":
            return path in ENTRANCES
        if path != JOIN:
            return not path.startswith(STILL_TAKEN)
        try:
            step = self.page.fns.get(json.loads(body)["fn_index"])
        except (ValueError, KeyError, TypeError):
            return True
        return step is None or step.trigger_after is None  # the first step of something new


class StoppingRequests:
    """ASGI middleware that counts requests for `stop`, and refuses new ones once it has begun.

    It must stand behind what limits requests, because it reads the bodies of some.
    """

    def __init__(self, app: ASGIApp, stop: GracefulStop) -> None:
        self.app, self.stop = app, stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or path.startswith(ENDLESS):
            await self.app(scope, receive, send)
            return
        if self.stop.signals:
            try:
                body = await Request(scope, receive).body() if path == JOIN else b""
            except HTTPException as error:  # more than `RequestLimits` lets through
                answer = JSONResponse({"detail": error.detail}, error.status_code)
                await answer(scope, receive, send)
                return
            except ClientDisconnect:
                return
            if self.stop.refuses(scope["method"], path, body):
                await turned_away(scope, 503, words.STOPPING)(scope, receive, send)
                return
            receive = _again(body, receive) if path == JOIN else receive
        self.stop.open += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.stop.open -= 1


def _again(body: bytes, receive: Receive) -> Receive:
    """`receive` for a request whose body was read already."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return messages.pop() if messages else await receive()

    return received
