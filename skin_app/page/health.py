"""`/healthz`: whether the networks answer, by a real inference on a tiny image, and the queue runs."""

import time
from collections.abc import Callable
from threading import Lock

import numpy as np
from anyio import CapacityLimiter, fail_after, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse

from skin_app.ensemble import Ensemble
from skin_app.photo.limits import MIN_SIDE
from skin_app.photo.read import Photo

KEPT_FOR = 5.0  # seconds, so that asking often does not load the server
PATIENCE = 30.0  # seconds; a busy server answers late


class Health:
    """Asks the networks at most once in `KEPT_FOR` seconds, whoever asks.

    `has_stopped`: whether the queue of requests has, so that none is answered; `clock`: in seconds.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        has_stopped: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ensemble, self.has_stopped, self.clock = ensemble, has_stopped, clock
        self._lock = Lock()
        # one thread for all who ask: on a busy server, many would wait in those that the page needs
        self._thread = CapacityLimiter(1)
        self._asked: float | None = None
        self._fault = ""

    def fault(self) -> str:
        """Why the networks do not answer; "" if they do."""
        with self._lock:
            if self._asked is None or self.clock() - self._asked >= KEPT_FOR:
                self._fault = self._ask()
                self._asked = self.clock()
            return self._fault

    def _ask(self) -> str:
        grey = Photo(np.full((MIN_SIDE, MIN_SIDE, 3), 128, np.uint8))
        try:
            (analysis,) = self.ensemble.analyse_all([grey], 1, with_maps=False)
        except (RuntimeError, OSError, ValueError, MemoryError) as error:
            return f"The networks fail ({type(error).__name__})."
        total = float(analysis.probabilities.sum())
        return "" if abs(total - 1) < 1e-3 else "The networks answer with no probabilities."

    async def respond(self, request: Request) -> JSONResponse:  # noqa: ARG002
        """200 and "ok", or 503 and why."""
        if self.has_stopped():
            return JSONResponse({"status": "The queue of requests has stopped."}, 503)
        try:
            with fail_after(PATIENCE):
                fault = await to_thread.run_sync(
                    self.fault, abandon_on_cancel=True, limiter=self._thread
                )
        except TimeoutError:
            fault = f"The networks did not answer within {PATIENCE:.0f} seconds."
        return JSONResponse({"status": fault or "ok"}, 503 if fault else 200)
