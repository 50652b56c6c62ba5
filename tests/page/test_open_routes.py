from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page

from skin_app.page.open_routes import EMPTY_PICTURE
from tests.page.conftest import Served


@pytest.mark.parametrize(
    "path",
    [
        *("gradio_api/deep_link?session_hash=a", "gradio_api/proxy=https://example.org/", "monitoring"),
        *(
            "gradio_api/file/etc/passwd",
            "gradio_api/stream/a/b/1/playlist-file",
            "gradio_api/vibe-code",
        ),
        *("gradio_api/openapi.json", "openapi.json", "gradio_api//component_server", "gradio_api/"),
        "gradio_api/%63omponent_server",
    ],
)
def test_a_route_that_the_page_does_not_need_is_not_there(served: Served, path: str) -> None:
    for method in ("GET", "POST"):
        with pytest.raises(HTTPError) as refused:
            urlopen(Request(served.url + path, method=method))
        assert refused.value.code == 404


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
    with pytest.raises(HTTPError) as refused:
        urlopen(url)
    assert refused.value.code == 404
    with urlopen(Request(url, headers={"Accept": "image/avif,image/*"})) as answer:
        assert answer.read() == EMPTY_PICTURE


def test_the_name_of_a_session_comes_from_a_source_of_secrets(visit: Page) -> None:
    assert "getRandomValues" in visit.evaluate("Math.random.toString()")
    drawn = visit.evaluate("[...Array(2000)].map(() => Math.random())")
    assert len(set(drawn)) == 2000
    assert 0 <= min(drawn) < 0.01
    assert 0.99 < max(drawn) < 1
