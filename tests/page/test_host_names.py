"""Under which names the page answers: no site can take it for a part of itself (DNS rebinding)."""

import httpx
import pytest

from skin_app.page.host_names import HostNames
from tests.page.asgi import behind
from tests.page.conftest import Served

OWN = ("skin.example.org", "2001:db8::7")


@pytest.mark.parametrize(
    "host",
    [
        *("skin.example.org", "SKIN.example.org:8443", "skin.example.org.", "[2001:db8::7]:7860"),
        *("localhost:7860", "127.0.0.1", "127.9.9.9:1", "[::1]:7860", "page.localhost", ""),
    ],
)
def test_the_names_of_the_page_and_of_this_machine_pass(host: str) -> None:
    assert behind(HostNames, OWN).get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:7860",
            "skin.example.org.evil.example",
            "localhost.evil.example",
        ),
        *(
            "192.0.2.7",
            "[2001:db8::8]",
            "2001:db8::7",
            "127.0.0.1.evil.example",
            "evil.example@localhost",
        ),
    ],
)
def test_another_name_is_refused_with_a_sentence_unless_any_may_pass(host: str) -> None:
    refused = behind(HostNames, OWN).get("/", headers={"Host": host})
    assert refused.status_code == 421
    assert "SKIN_APP_HOSTS" in refused.json()["detail"]
    assert behind(HostNames, ()).get("/", headers={"Host": host}).status_code == 200


def test_a_page_on_this_machine_alone_refuses_other_names(served: Served) -> None:
    def asked(host: str) -> int:
        return httpx.get(f"{served.url}config", headers={"Host": host}).status_code

    assert [asked(host) for host in ("evil.example", "localhost:7860")] == [421, 200]
