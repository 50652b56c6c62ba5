"""A small application in gradio's place, to try what stands before it."""

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp


async def echo(request: Request) -> JSONResponse:
    """Who asked for what, and how much came with it."""
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
    except ClientDisconnect:
        pass
    return JSONResponse(
        {
            "client": request.client and request.client.host,
            "path": request.url.path,
            "scheme": request.url.scheme,
            "headers": sorted(request.headers),
            "size": size,
        }
    )


def behind(
    middleware: Callable[..., ASGIApp], *arguments: Any, client: str = "192.0.2.1", **named: Any
) -> TestClient:
    """A client, with the address `client`, of an application that answers everything with `echo`."""
    routes = [Route("/{path:path}", echo, methods=["GET", "POST", "HEAD", "PUT", "DELETE"])]
    app = Starlette(routes=routes, middleware=[Middleware(middleware, *arguments, **named)])
    return TestClient(app, client=(client, 50_000), raise_server_exceptions=False)
