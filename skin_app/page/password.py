"""One password for the page and its API, where the environment sets one: HTTP Basic authentication.

The browser asks for it and sends it with every request, so nothing of the page is open before. The user
name does not matter.
"""

import hmac
import time
from base64 import b64decode
from hashlib import sha256

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from skin_app.page.forwarded import client_of
from skin_app.page.open_routes import refusal, route_of
from skin_app.words import refusals as words

GUESSES = RateLimitItemPerMinute(10, 5)  # wrong passwords of one client
# Asked by whoever watches the server (/metrics knows its readers), and by gradio itself when it starts.
WITHOUT = frozenset({"/healthz", "/metrics", "/gradio_api/startup-events"})
ASK = 'Basic realm="Skin lesion decision support", charset="UTF-8"'


class Password:
    """ASGI middleware: lets only those in who know `password`; "": everyone."""

    def __init__(self, app: ASGIApp, password: str, guesses: RateLimitItem = GUESSES) -> None:
        self.app, self.guesses = app, guesses
        self.expected = _hashed(password) if password else b""
        self.wrong = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.expected or scope["type"] != "http" or route_of(scope) in WITHOUT:
            await self.app(scope, receive, send)
            return
        given, client = _given(scope), client_of(scope)
        # before it is compared, as a guess that is right must wait, too
        if given is not None and not self.wrong.test(self.guesses, client):
            reset = self.wrong.get_window_stats(self.guesses, client).reset_time
            answer = refusal(scope, 429, words.TOO_MANY_GUESSES)
            answer.headers["Retry-After"] = str(max(1, round(reset - time.time())))
        elif given is not None and hmac.compare_digest(_hashed(given), self.expected):
            await self.app(scope, receive, send)
            return
        else:
            if given is not None:
                self.wrong.hit(self.guesses, client)
            answer = refusal(scope, 401, words.NO_PASSWORD)
            answer.headers["WWW-Authenticate"] = ASK
        await answer(scope, receive, send)


def _hashed(password: str) -> bytes:
    """Of one length, so that comparing takes one time."""
    return sha256(password.encode()).digest()


def _given(scope: Scope) -> str | None:
    """The password that a request brings; None: none."""
    scheme, _, encoded = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return b64decode(encoded, validate=True).decode().partition(":")[2]
    except ValueError:  # no Base64, no ASCII, or no UTF-8 in it
        return ""
