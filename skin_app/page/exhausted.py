"""Tells visitors when the disk is full or no more files may be opened, and goes on when it can."""

import asyncio
import errno
import logging
import os
import socket
import time
from contextlib import suppress
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skin_app.page.visitor_language import spoken
from skin_app.words import server as words
from skin_app.words.language import ENGLISH

NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
NO_DESCRIPTOR = {errno.EMFILE, errno.ENFILE}
SAY_EVERY = 60.0  # seconds between two lines of the log about one lasting fault
TURNED_AWAY = (
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nConnection: close\r\n"
    "Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{sentence}"
)
LOG = logging.getLogger(__name__)


class Exhausted:
    """ASGI middleware: a full disk and a lack of descriptors are told in a sentence, as 507 and 503.

    A stream that gradio breaks off as "not found" ends here. The session that it was asked for is not
    there, which is no fault of the program.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            asyncio.get_running_loop().set_exception_handler(TurnAway())
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, sent)
        except RuntimeError as error:  # as starlette reports it
            if not (begun and isinstance(error.__cause__, HTTPException)):
                raise
            await send({"type": "http.response.body", "body": b""})
        except OSError as error:
            if begun or error.errno not in NO_SPACE | NO_DESCRIPTOR:
                raise
            full = error.errno in NO_SPACE
            LOG.error(os.strerror(error.errno))
            told = words.DISK_FULL if full else words.TOO_MANY_OPEN
            await turned_away(scope, 507 if full else 503, told)(scope, receive, send)


def turned_away(scope: Scope, status: int, sentence: str) -> Response:
    """The sentence in the visitor's language; plain text for an upload: the page shows it as it is."""
    said = spoken(Request(scope))(sentence)
    headers = {"Connection": "close", "Retry-After": "60"}
    if scope["path"].endswith("/upload"):
        return PlainTextResponse(said, status, headers)
    return JSONResponse({"detail": said}, status, headers)


def sentence_of_too_many() -> bytes:
    """A whole answer, for a connection of which no request is read."""
    sentence = ENGLISH(words.TOO_MANY_OPEN)
    return TURNED_AWAY.format(length=len(sentence), sentence=sentence).encode()


class TurnAway:
    """Handler of the event loop's errors: turns visitors away while no descriptor is left for them.

    Without it, asyncio tries 2,048 times in a row to accept a connection, logs each failure with a
    traceback, 7 MB a second, and leaves the visitors waiting. One descriptor is kept in reserve to
    accept and close their connections, as libuv does it.
    """

    def __init__(self) -> None:
        self.reserve: int | None = None
        self.said = -SAY_EVERY
        self._keep_one()

    def _keep_one(self) -> None:
        with suppress(OSError):
            self.reserve = os.open(os.devnull, os.O_RDONLY)

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error, listener = context.get("exception"), context.get("socket")
        if not (isinstance(error, OSError) and error.errno in NO_DESCRIPTOR and listener is not None):
            loop.default_exception_handler(context)
            return
        if time.monotonic() - self.said >= SAY_EVERY:
            self.said = time.monotonic()
            LOG.error("%s (%s)", ENGLISH(words.TOO_MANY_OPEN), os.strerror(error.errno or 0))
        if self.reserve is None:
            self._keep_one()
        if self.reserve is not None:
            os.close(self.reserve)
            self.reserve = None
            with suppress(OSError):  # a thread may have taken what was free
                _turn_away(listener.fileno())
            self._keep_one()


def _turn_away(listener: int) -> None:
    """Accept one of the waiting connections, and close it with a sentence."""
    listening = socket.socket(fileno=listener)
    try:
        connection, _ = listening.accept()
    finally:
        listening.detach()
    with connection:
        connection.setblocking(False)
        connection.send(sentence_of_too_many())
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1 << 16)  # what is closed unread is reset, and the sentence lost with it
