"""Serves the page with its fixed settings, behind `gradio_guards`, and forgets idle sessions."""

import os
import threading
from collections.abc import Sequence
from typing import Any

import gradio as gr
import httpx
from fastapi.exceptions import RequestValidationError
from gradio import queueing
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from skin_app.ensemble import Ensemble
from skin_app.page.connections import limit_connections
from skin_app.page.exhausted import Exhausted
from skin_app.page.finished import observe
from skin_app.page.forwarded import TrustedProxies
from skin_app.page.graceful_stop import GracefulStop, StoppingRequests
from skin_app.page.gradio_guards import put_up_guards, waiting_of
from skin_app.page.health import Health
from skin_app.page.host_names import HostNames
from skin_app.page.hosting import Hosting
from skin_app.page.metrics import CountedRefusals, Metrics
from skin_app.page.open_routes import OpenRoutes, refusal
from skin_app.page.password import Password
from skin_app.page.port import Listening, PortError
from skin_app.page.queues import MOST_WAITING
from skin_app.page.request_limits import RequestLimits
from skin_app.page.security_headers import SecurityHeaders
from skin_app.page.theme import head, theme
from skin_app.page.uploads_and_sessions import HELD_FOR, IdleSessions
from skin_app.page.visitor_language import FixedTexts, state_language
from skin_app.page.waiting_line import WaitingLine
from skin_app.page.wrong_files import tell_of_wrong_files
from skin_app.photo.limits import MAX_BYTES
from skin_app.words import refusals

# A session holds a photo of up to 4.5 MB with its analysis, or a batch of small photos. Each client of
# the API counts as a session, too, and holds nothing.
SESSIONS = 256
MOST_QUEUED = 10 * MOST_WAITING  # steps of pages, of which few wait for the networks
# Larger than the limit for photos, so that our own sentence refuses a file slightly above that limit.
LARGEST_UPLOAD = 5 * MAX_BYTES
LOOK_EVERY = 30.0  # seconds between two looks for sessions that nobody uses any more
# Workers in other processes would take uploads without the guards, so there are none.
SETTINGS: dict[str, Any] = {
    "share": False,
    "ssr_mode": False,
    "num_workers": 0,
    "run_history": False,
    "enable_monitoring": False,
    "footer_links": [],
    "max_file_size": LARGEST_UPLOAD,
    "state_session_capacity": SESSIONS,
    "mcp_server": False,
    "pwa": False,
    "quiet": True,
}


def serve(
    page: gr.Blocks,
    where: Listening,
    labels: FixedTexts | None = None,
    stop: GracefulStop | None = None,
    hosting: Hosting | None = None,
    ensemble: Ensemble | None = None,
) -> str:
    """Launch the page with its fixed settings; returns its address, for a browser on this machine.

    `where`: must bypass proxies already, because gradio requests its own page; `labels`: the page's
    fixed texts; `stop`: what ends it; `hosting`: password, proxies, limits; `ensemble`: whose health
    `/healthz` tells. Raises `PortError` if another program listens
    there by now, `ServeError` if this gradio has no place for the guards or for the language.
    """
    put_up_guards(SETTINGS)
    tell_of_wrong_files()
    state_language()
    stop, hosting = stop or GracefulStop(page), hosting or Hosting()
    metrics = Metrics(hosting.readers, lambda: waiting_of(page))
    observe(metrics.observe)
    # uvicorn would take a visitor's address from any proxy on this machine; `TrustedProxies` decides
    os.environ["FORWARDED_ALLOW_IPS"] = ""
    limit_connections(hosting.proxies)
    queueing.Queue = WaitingLine
    # the line of photos ends long before: gradio would refuse any step in English, and in the midst of
    # an answer, so that the page would still show an older result or "analysing"
    # not open: nobody goes past the queue
    page.queue(max_size=MOST_QUEUED, api_open=False)
    try:
        page.launch(
            server_name=where.server_name,
            server_port=where.port,
            prevent_thread_lock=True,
            theme=theme(),
            head=head(),
            i18n=(labels or FixedTexts()).translations(),
            root_path=hosting.root_path,
            app_kwargs={
                "middleware": _before_every_route(page, hosting, stop, metrics, hosting.names(where)),
                "exception_handlers": {RequestValidationError: _wrong_request},
                "routes": _watched_from_outside(page, metrics, ensemble),
            },
            **SETTINGS,
        )
    except (OSError, httpx.TransportError) as error:
        raise PortError(
            "The page cannot be served on {url} ({reason}): set GRADIO_SERVER_PORT to another port, or "
            "GRADIO_SERVER_NAME to 127.0.0.1.",
            url=where.url,
            reason=error,
        ) from error
    threading.Thread(target=_forget_while_running, args=(page,), daemon=True).start()
    return f"{where.url}/"


def _before_every_route(
    page: gr.Blocks,
    hosting: Hosting,
    stop: GracefulStop,
    metrics: Metrics,
    names: Sequence[str] = (),
) -> list[Middleware]:
    """What a request passes on its way to gradio, outermost first."""
    return [
        Middleware(TrustedProxies, [str(network) for network in hosting.proxies]),
        Middleware(CountedRefusals, metrics.refused),
        Middleware(SecurityHeaders, hosting.frames),
        Middleware(HostNames, names),
        Middleware(Exhausted),
        Middleware(OpenRoutes),
        Middleware(Password, hosting.password),
        Middleware(
            RequestLimits, hosting.rate, hosting.waiting, lambda client: waiting_of(page, client)
        ),
        Middleware(StoppingRequests, stop),
    ]


async def _wrong_request(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    """FastAPI's own answer repeats what was sent, and fails where JSON cannot hold that."""
    return refusal(request.scope, 422, refusals.WRONG_VALUE)


def _watched_from_outside(page: gr.Blocks, metrics: Metrics, ensemble: Ensemble | None) -> list[Route]:
    """`/healthz` and `/metrics`."""
    routes = [Route("/metrics", metrics.respond)]
    health = Health(ensemble, lambda: page._queue.stopped) if ensemble else None
    return routes if health is None else [*routes, Route("/healthz", health.respond)]


def _forget_while_running(page: gr.Blocks) -> None:
    stopped, idle = threading.Event(), IdleSessions(page)
    while page.is_running and not stopped.wait(LOOK_EVERY):
        # first seen up to one look late, and dropped up to one look late
        idle.forget(HELD_FOR - 2 * LOOK_EVERY)
