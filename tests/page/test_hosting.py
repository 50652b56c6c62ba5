"""The environment's settings of a hosted page; a wrong one is one sentence that names it."""

import os
from ipaddress import ip_network

import pytest

from skin_app.page.hosting import (
    LOOPBACK,
    SPACES_FRAMES,
    SPACES_PROXIES,
    Hosting,
    where_to_listen,
)
from skin_app.page.port import Listening, ServeError
from tests.page.conftest import free_port


def test_an_empty_environment_trusts_no_proxy_and_no_other_site() -> None:
    assert Hosting.from_environment({}) == Hosting()
    assert (Hosting().password, Hosting().proxies, Hosting().frames) == ("", (), ())
    assert Hosting().readers == LOOPBACK


def test_a_space_is_shown_by_hugging_face_behind_its_proxy() -> None:
    hosting = Hosting.from_environment({"SPACE_ID": "owner/page"})
    assert (hosting.frames, hosting.proxies) == (SPACES_FRAMES, SPACES_PROXIES)


def test_every_setting_is_read() -> None:
    hosting = Hosting.from_environment(
        {
            "SKIN_APP_PASSWORD": "correct horse",
            "SKIN_APP_FRAMES": "https://portal.example.org, http://localhost:8080",
            "SKIN_APP_TRUSTED_PROXIES": "192.0.2.7 2001:db8::/32",
            "GRADIO_ROOT_PATH": "/skin/",
            "SKIN_APP_METRICS": "198.51.100.0/24",
            "SKIN_APP_RATE": "20/minute",
            "SKIN_APP_WAITING": "8",
            "SKIN_APP_LOG": "off",
        }
    )
    assert hosting.password == "correct horse"
    assert hosting.frames == ("https://portal.example.org", "http://localhost:8080")
    assert hosting.proxies == (ip_network("192.0.2.7"), ip_network("2001:db8::/32"))
    assert hosting.root_path == "/skin"
    assert hosting.readers == (*LOOPBACK, ip_network("198.51.100.0/24"))
    assert (hosting.rate.amount, hosting.rate.get_expiry(), hosting.waiting) == (20, 60, 8)
    assert hosting.log == "off"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SKIN_APP_PASSWORD", "short"),
        ("SKIN_APP_PASSWORD", os.fsdecode(b"no text \xff\xfe")),
        ("SKIN_APP_FRAMES", "portal.example.org"),
        ("SKIN_APP_FRAMES", "https://a.example; script-src *"),
        ("SKIN_APP_FRAMES", "*"),
        ("SKIN_APP_FRAMES", "https://skóra.example"),
        ("SKIN_APP_TRUSTED_PROXIES", "nginx"),
        ("SKIN_APP_TRUSTED_PROXIES", "*"),
        ("GRADIO_ROOT_PATH", "skin"),
        ("GRADIO_ROOT_PATH", "/skin app"),
        ("GRADIO_ROOT_PATH", "/skóra"),
        ("SKIN_APP_METRICS", "yes"),
        ("SKIN_APP_HOSTS", "https://skin.example.org"),
        ("SKIN_APP_HOSTS", "*"),
        ("SKIN_APP_RATE", "often"),
        ("SKIN_APP_RATE", "0/minute"),
        ("SKIN_APP_RATE", "600/minute; 5/second"),
        ("SKIN_APP_WAITING", "0"),
        ("SKIN_APP_WAITING", "9" * 5000),
        ("SKIN_APP_LOG", "loud"),
    ],
)
def test_a_wrong_setting_is_named_in_one_sentence_without_its_secret(name: str, value: str) -> None:
    with pytest.raises(ServeError, match=f"^{name} .*: (set|choose)") as caught:
        Hosting.from_environment({name: value})
    assert (value in str(caught.value)) == (name not in ("SKIN_APP_PASSWORD", "SKIN_APP_FRAMES")) or (
        name == "SKIN_APP_FRAMES"
    )


@pytest.mark.parametrize(
    ("environ", "host", "names"),
    [
        ({}, "127.0.0.1", ("127.0.0.1",)),
        ({}, "localhost", ("localhost",)),
        ({}, "0.0.0.0", ()),
        ({}, "192.0.2.7", ()),
        ({"SPACE_ID": "owner/page"}, "0.0.0.0", ()),
        ({"SKIN_APP_TRUSTED_PROXIES": "127.0.0.1"}, "127.0.0.1", ()),
        ({"GRADIO_ROOT_PATH": "/skin"}, "127.0.0.1", ()),
        (
            {"SKIN_APP_HOSTS": "Skin.example.org, [2001:db8::7]"},
            "::",
            ("skin.example.org", "2001:db8::7"),
        ),
    ],
)
def test_a_page_on_this_machine_alone_answers_to_no_other_name_unless_a_setting_says_so(
    environ: dict[str, str], host: str, names: tuple[str, ...]
) -> None:
    assert Hosting.from_environment(environ).names(Listening(host, 7860)) == names


def test_gradio_finds_no_address_in_the_environment() -> None:
    port = free_port()
    environ = {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port), "PORT": "1"}
    where = where_to_listen(environ)
    assert (where.host, where.port) == ("127.0.0.1", port)
    assert environ == {"PORT": "1"}


def test_only_a_space_listens_on_all_addresses() -> None:
    port = str(free_port())
    assert where_to_listen({"PORT": port}).host == "127.0.0.1"
    assert where_to_listen({"PORT": port, "SPACE_ID": "owner/page"}).host == "0.0.0.0"
