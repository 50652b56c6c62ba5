"""Only the routes that the page and its API need are open."""

from shutil import rmtree
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page
from starlette.testclient import TestClient

from skin_app.page.open_routes import EMPTY_PICTURE, OpenRoutes
from tests.page.asgi import behind
from tests.page.conftest import Served


@pytest.fixture
def client() -> TestClient:
    return behind(OpenRoutes)


def test_what_the_page_and_its_api_need_is_open(client: TestClient) -> None:
    for path in (
        *("/", "/config", "/assets/index-DphvyggB.js", "/healthz", "/gradio_api/info"),
        *("/gradio_api/queue/data", "/gradio_api/heartbeat/abc", "/gradio_api/call/analyse/abc"),
    ):
        assert client.get(path).status_code == 200, path
    for path in ("/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/call/score"):
        assert client.post(path).status_code == 200, path


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/proxy=https://owner.hf.space/x",
        "/gradio_api/file=https://example.org/x",
        "/gradio_api/file=http://169.254.169.254/latest",
        "/gradio_api/file=file:///etc/passwd",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=%2Fetc%2Fpasswd",
        "/gradio_api/file=a%00b",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/deep_link?session_hash=abc",
        "/gradio_api/custom_component/x/client/y/z",
        "/gradio_api/stream/a/b/1/playlist.m3u8",
        "/gradio_api/queue/status",
        "/gradio_api/token",
        "/gradio_api/dev/reload",
        "/gradio_api/vibe-code/",
        "/gradio_api/runs",
        "/monitoring",
        "/monitoring/summary",
        "/svelte/index.js",
        "//gradio_api/info",
        "/docs",
        "/openapi.json",
    ],
)
def test_all_else_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "open the page" in answer.json()["detail"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(client: TestClient, method: str) -> None:
    assert client.request(method, "/").status_code == 404


@pytest.mark.parametrize("path", ["process_recording", "component_server", "stream/abc", "run/other"])
def test_other_routes_take_nothing(client: TestClient, path: str) -> None:
    assert client.post(f"/gradio_api/{path}").status_code == 404


@pytest.mark.parametrize(("site", "status"), [("cross-site", 404), ("same-origin", 200)])
def test_another_site_cannot_use_the_page_in_a_visitors_name(
    client: TestClient, site: str, status: int
) -> None:
    answer = client.post("/gradio_api/upload", headers={"Sec-Fetch-Site": site})
    assert answer.status_code == status


def test_a_refusal_is_in_the_visitors_language(client: TestClient) -> None:
    assert "Hier ist nichts" in client.get("/docs", headers={"Accept-Language": "de"}).json()["detail"]


def test_nobody_goes_past_the_queue(served: Served) -> None:
    call = Request(
        f"{served.url}gradio_api/run/analyse",
        b'{"data": [null, 1, null, null]}',
        {"Content-Type": "application/json"},
    )
    with pytest.raises(HTTPError) as refused:
        urlopen(call)
    assert refused.value.code == 404


def test_no_upload_can_be_fetched_again(served: Served) -> None:
    folder = served.uploads / "0123"
    folder.mkdir()
    (folder / "lesion.jpg").write_bytes(b"planted")
    url = f"{served.url}gradio_api/file={folder}/lesion.jpg"
    try:
        with pytest.raises(HTTPError) as refused:
            urlopen(url)
        assert refused.value.code == 404
        with urlopen(Request(url, headers={"Accept": "image/avif,image/*"})) as answer:
            assert answer.read() == EMPTY_PICTURE
    finally:
        rmtree(folder)  # other tests of this page look for files that are left


def test_the_name_of_a_session_comes_from_a_source_of_secrets(visit: Page) -> None:
    assert "getRandomValues" in visit.evaluate("Math.random.toString()")
    drawn = visit.evaluate("[...Array(2000)].map(() => Math.random())")
    assert len(set(drawn)) == 2000
    assert 0 <= min(drawn) < 0.01
    assert 0.99 < max(drawn) < 1
