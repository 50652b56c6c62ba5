"""What Prometheus may read, and who."""

from ipaddress import ip_network

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.testclient import TestClient

from skin_app.page.finished import Finished
from skin_app.page.forwarded import TrustedProxies
from skin_app.page.hosting import LOOPBACK
from skin_app.page.metrics import CountedRefusals, Metrics
from skin_app.page.password import Password


def reader(metrics: Metrics, address: str, trusted: tuple[str, ...] = ()) -> TestClient:
    routes = [Route("/metrics", metrics.respond)]
    app = Starlette(routes=routes, middleware=[Middleware(TrustedProxies, trusted)])
    return TestClient(app, client=(address, 1))


def test_requests_are_counted_by_outcome_error_and_stage() -> None:
    metrics = Metrics(LOOPBACK, lambda: 7)
    metrics.observe(Finished("batch", {"suspicious": 2, "unreadable": 1}, {"total": 2.0}))
    metrics.observe(Finished("analyse", {}, {"decode": 0.5, "total": 0.5}, "PhotoError"))
    text = reader(metrics, "127.0.0.1").get("/metrics").text
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in parsed(text)
        for sample in family.samples
    }
    assert found["skin_app_photos_total", "batch", "suspicious"] == 2
    assert found["skin_app_requests_total", "batch", "none"] == 1
    assert found["skin_app_requests_total", "PhotoError", "analyse"] == 1
    assert found["skin_app_stage_seconds_count", "analyse", "decode"] == 1
    assert found["skin_app_queue_length",] == 7
    assert found["process_resident_memory_bytes",] > 0


def test_refusals_are_counted_by_status() -> None:
    metrics = Metrics(LOOPBACK, lambda: 0)
    middleware = [Middleware(CountedRefusals, metrics.refused), Middleware(Password, "right password")]
    client = TestClient(Starlette(routes=[Route("/metrics", metrics.respond)], middleware=middleware))
    for number in range(12):
        client.get("/", auth=("", f"guess {number}"))
    text = reader(metrics, "127.0.0.1").get("/metrics").text
    samples = [sample for family in parsed(text) for sample in family.samples]
    refusals = {
        sample.labels["status"]: sample.value
        for sample in samples
        if sample.name == "skin_app_refusals_total"
    }
    assert refusals == {"401": 10, "429": 2}


@pytest.mark.parametrize(
    ("address", "trusted", "forwarded", "status"),
    [
        ("127.0.0.1", (), "", 200),
        ("::1", (), "", 200),
        ("192.0.2.7", (), "", 200),
        ("192.0.2.8", (), "", 404),
        ("127.0.0.1", (), "203.0.113.9", 404),  # by a proxy on this machine that is not named
        ("10.0.0.1", ("10.0.0.1",), "203.0.113.9", 404),
        ("10.0.0.1", ("10.0.0.1",), "192.0.2.7", 200),
    ],
)
def test_only_this_machine_and_those_named_read_them(
    address: str, trusted: tuple[str, ...], forwarded: str, status: int
) -> None:
    metrics = Metrics((*LOOPBACK, ip_network("192.0.2.7")), lambda: 0)
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert reader(metrics, address, trusted).get("/metrics", headers=headers).status_code == status
