"""What the page tells the browser it may do; other tests fail on any refusal in its console."""

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256

import httpx
import pytest

from skin_app.page.security_headers import FIXED, SecurityHeaders
from skin_app.page.theme import head
from tests.page.asgi import behind
from tests.page.conftest import Served


def policy(headers: Mapping[str, str]) -> dict[str, str]:
    """Directive -> its sources."""
    parts = (part.partition(" ") for part in headers["Content-Security-Policy"].split("; "))
    return {name: sources for name, _, sources in parts}


def test_every_script_of_the_page_is_allowed_by_its_nonce_or_hash(served: Served) -> None:
    answer = httpx.get(served.url)
    sources = policy(answer.headers)["script-src"]
    found = re.search(r"'nonce-([\w-]+)'", sources)
    assert found
    opening = re.findall(r"<script[^>]*>", answer.text)
    assert opening
    assert all(f'nonce="{found[1]}"' in tag for tag in opening)
    own = head().partition("<script>")[2].removesuffix("</script>")
    assert f"'sha256-{b64encode(sha256(own.encode()).digest()).decode()}'" in sources
    assert "unsafe-inline" not in sources
    assert found[1] not in httpx.get(served.url).text


def test_nothing_comes_from_another_host(served: Served) -> None:
    allowed = policy(httpx.get(served.url).headers)
    assert allowed["default-src"] == "'none'"
    assert not re.search(r"https?:|\*", " ".join(allowed.values()))


@pytest.mark.parametrize(
    "path", ["config", "monitoring", "gradio_api/heartbeat/abc", "healthz", "metrics"]
)
def test_every_answer_has_the_headers(served: Served, path: str) -> None:
    with httpx.stream("GET", f"{served.url}{path}") as answer:
        assert FIXED.items() <= {name.title(): value for name, value in answer.headers.items()}.items()
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_only_sites_that_are_named_may_show_the_page_in_a_frame() -> None:
    assert policy(behind(SecurityHeaders).get("/").headers)["frame-ancestors"] == "'self'"
    named = behind(SecurityHeaders, ["https://*.hf.space"]).get("/").headers
    assert policy(named)["frame-ancestors"] == "'self' https://*.hf.space"
    assert "X-Frame-Options" not in named


def test_only_gradios_own_files_stay_in_a_cache() -> None:
    client = behind(SecurityHeaders)
    assert "Cache-Control" not in client.get("/assets/index.js").headers
    assert client.get("/gradio_api/file=/a.jpg").headers["Cache-Control"] == "no-store"
