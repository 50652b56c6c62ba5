"""Only the routes that the page and its API need are open."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from skin_app.page.open_routes import OpenRoutes
from tests.page.asgi import behind


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    folder = tmp_path / "uploads"
    (folder / "a1b2").mkdir(parents=True)
    (folder / "a1b2" / "lesion.jpg").write_bytes(b"photo")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "a1b2" / "link.jpg").symlink_to(tmp_path / "secret.txt")
    return folder


@pytest.fixture
def client(uploads: Path) -> TestClient:
    return behind(OpenRoutes, uploads)


def test_what_the_page_and_its_api_need_is_open(client: TestClient, uploads: Path) -> None:
    for path in (
        *("/", "/config", "/assets/index-DphvyggB.js", "/healthz", "/gradio_api/info"),
        *("/gradio_api/queue/data", "/gradio_api/heartbeat/abc", "/gradio_api/call/analyse/abc"),
        f"/gradio_api/file={uploads}/a1b2/lesion.jpg",
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
        "/gradio_api/file={uploads}/../secret.txt",
        "/gradio_api/file={uploads}/%2e%2e/secret.txt",
        "/gradio_api/file={uploads}/a1b2/link.jpg",
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
def test_all_else_is_not_found(client: TestClient, uploads: Path, path: str) -> None:
    answer = client.get(path.format(uploads=uploads))
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
