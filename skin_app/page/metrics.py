"""`/metrics`: counts and durations for Prometheus; no label holds a visitor's data.

Answered only to this machine, and to the addresses that the environment names: how busy a practice is
concerns nobody else. A request that came through a proxy that is not trusted may be from anywhere.
"""

from collections.abc import Callable
from ipaddress import ip_address

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import ProcessCollector as Process
from prometheus_client import generate_latest as written
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skin_app.page.finished import Finished
from skin_app.page.forwarded import IS_RELAYED
from skin_app.page.hosting import Networks
from skin_app.page.open_routes import refusal
from skin_app.words.refusals import NO_SUCH_PLACE

SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)


class Metrics:
    """Counts what `observe` is given. `queue`: how many requests wait now."""

    def __init__(self, readers: Networks, queue: Callable[[], int]) -> None:
        self.readers = readers
        self.registry = CollectorRegistry()
        Process(registry=self.registry)  # memory, processor time, open files
        own = {"namespace": "skin_app", "registry": self.registry}
        self.photos = Counter("photos", "Photos answered, by outcome.", ("kind", "outcome"), **own)
        self.requests = Counter("requests", "Requests that ended, by error.", ("kind", "error"), **own)
        self.seconds = Histogram(
            "stage_seconds", "Durations, by stage.", ("kind", "stage"), buckets=SECONDS, **own
        )
        self.refusals = Counter("refusals", "HTTP requests refused, by status.", ("status",), **own)
        Gauge("queue_length", "Requests that wait.", **own).set_function(queue)

    def observe(self, finished: Finished) -> None:
        """Count one request."""
        for outcome, count in finished.outcomes.items():
            self.photos.labels(finished.kind, outcome).inc(count)
        self.requests.labels(finished.kind, finished.error or "none").inc()
        for stage, seconds in finished.durations.items():
            self.seconds.labels(finished.kind, stage).observe(seconds)

    def refused(self, status: int) -> None:
        """Count one refusal, such as 401 (no or a wrong password) or 429 (too much at once)."""
        self.refusals.labels(status).inc()

    def respond(self, request: Request) -> Response:
        """The counts as text, or 404 for those who may not read them."""
        if not self._may_read(request):
            return refusal(request.scope, 404, NO_SUCH_PLACE)
        return Response(written(self.registry), media_type=CONTENT_TYPE_LATEST)

    def _may_read(self, request: Request) -> bool:
        if request.scope.get(IS_RELAYED) or request.client is None:
            return False
        try:
            address = ip_address(request.client.host)
        except ValueError:
            return False
        own = getattr(address, "ipv4_mapped", None) or address
        return any(own in network for network in self.readers)


class CountedRefusals:
    """ASGI middleware: tells `refused` the status of each answer that is an error, 400 or above."""

    def __init__(self, app: ASGIApp, refused: Callable[[int], None]) -> None:
        self.app, self.refused = app, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                self.refused(message["status"])
            await send(message)

        await self.app(scope, receive, sent)
