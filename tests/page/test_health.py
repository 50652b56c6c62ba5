"""Whether the networks answer, by a real inference that cannot be used to load the server."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.testclient import TestClient

from skin_app.ensemble import Ensemble
from skin_app.page.health import KEPT_FOR, Health


def client_of_health(health: Health) -> TestClient:
    return TestClient(Starlette(routes=[Route("/healthz", health.respond)]))


def test_networks_that_answer_are_healthy(ensemble: Ensemble) -> None:
    answer = client_of_health(Health(ensemble)).get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_queue_that_has_stopped_is_told(ensemble: Ensemble) -> None:
    answer = client_of_health(Health(ensemble, lambda: True)).get("/healthz")
    assert (answer.status_code, "queue" in answer.json()["status"]) == (503, True)


def test_networks_that_fail_are_told_until_they_answer_again(
    ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, analyse_all = [0.0], ensemble.analyse_all
    client = client_of_health(Health(ensemble, clock=lambda: now[0]))

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory: Jane Doe.jpg")

    monkeypatch.setattr(ensemble, "analyse_all", fail)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "The networks fail (RuntimeError).")
    monkeypatch.setattr(ensemble, "analyse_all", analyse_all)
    assert client.get("/healthz").status_code == 503
    now[0] += KEPT_FOR
    assert client.get("/healthz").status_code == 200


def test_asking_often_runs_the_networks_once(
    ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, analyse_all = [], ensemble.analyse_all

    def counted(*given: object, **named: object) -> object:
        runs.append(1)
        return analyse_all(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(ensemble, "analyse_all", counted)
    client = client_of_health(Health(ensemble, clock=lambda: 0.0))
    assert {client.get("/healthz").status_code for _ in range(20)} == {200}
    assert len(runs) == 1


def test_many_who_ask_while_the_networks_are_busy_take_one_thread(
    ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    health, free, waiting = Health(ensemble), threading.Event(), []

    def busy() -> str:
        waiting.append(1)
        free.wait(60)
        return ""

    async def asked() -> int:
        asking = [asyncio.create_task(health.respond(Request({"type": "http"}))) for _ in range(50)]
        while not waiting:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        at_once = len(waiting)
        free.set()
        await asyncio.gather(*asking)
        return at_once

    monkeypatch.setattr(health, "fault", busy)
    with ThreadPoolExecutor(1) as apart:  # the browser's loop runs in this thread
        assert apart.submit(asyncio.run, asked()).result() == 1
    assert len(waiting) == 50
