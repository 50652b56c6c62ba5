"""Who a visitor is, behind a proxy and without one."""

import pytest

from skin_app.page.forwarded import TrustedProxies, client_of
from tests.page.asgi import behind

SAID = {
    "X-Forwarded-For": "203.0.113.9, 198.51.100.4",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
}


def test_a_stranger_cannot_name_another_address_or_host() -> None:
    seen = behind(TrustedProxies, ["10.0.0.0/8"]).get("/", headers=SAID).json()
    assert (seen["client"], seen["scheme"]) == ("192.0.2.1", "http")
    assert not [name for name in seen["headers"] if name.startswith("x-forwarded")]


def test_a_trusted_proxy_names_the_nearest_address_that_is_not_its_own() -> None:
    proxied = behind(TrustedProxies, ["10.0.0.0/8", "198.51.100.4"], client="10.1.2.3")
    seen = proxied.get("/", headers=SAID).json()
    assert (seen["client"], seen["scheme"]) == ("203.0.113.9", "https")


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("a socket", "a socket"),
    ],
)
def test_a_client_is_an_address_or_an_ipv6_network(address: str, client: str) -> None:
    assert client_of({"type": "http", "client": (address, 1)}) == client


def test_a_connection_without_an_address_is_one_client() -> None:
    assert client_of({"type": "http", "client": None}) == ""
