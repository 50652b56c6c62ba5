import os

import pytest

from skin_app.weights.proxies import spare, unusable

NAMES = [f"{kind}_proxy" for kind in ("http", "https", "all", "no")]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*NAMES, *map(str.upper, NAMES)]:
        monkeypatch.setenv(name, "")  # so that what a test sets is undone
        monkeypatch.delenv(name)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_this_machine_is_spared_beside_what_no_proxy_names(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "corp.example, localhost")
    spare("my-machine")
    spare("my-machine")
    for spared in (os.environ["NO_PROXY"], os.environ["no_proxy"]):
        assert spared == "corp.example,localhost,127.0.0.1,::1,my-machine"


def test_without_a_proxy_nothing_is_set_and_a_star_stays_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    spare("my-machine")
    assert "NO_PROXY" not in os.environ
    monkeypatch.setenv("http_proxy", "proxy.example")
    monkeypatch.setenv("no_proxy", "*")
    spare("my-machine")
    assert os.environ["no_proxy"] == "*"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://proxy.example:3128", ""),
        ("proxy.example:3128", ""),
        ("https://me:password@[::1]:3128", ""),
        ("htp://me:password@proxy.example", "is no address of a proxy"),
        ("http://me:password@[proxy", "is no address of a proxy"),
        ("http://me:password@proxy.example:99999", "is no address of a proxy"),
        ("http://", "is no address of a proxy"),
        ("socks5h://me:password@proxy.example", "pip install socksio"),
    ],
)
def test_a_proxy_that_cannot_be_asked_is_told_without_its_password(
    address: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skin_app.weights.proxies.find_spec", lambda _: None)
    monkeypatch.setenv("HTTPS_PROXY", address)
    assert unusable().startswith("HTTPS_PROXY ") if words else unusable() == ""
    assert words in unusable()
    assert "password" not in unusable()
