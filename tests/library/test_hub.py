"""The Hub over real HTTP on this machine: what is fetched, and what is said of each way to fail."""

import errno
import os
import socket
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest
from huggingface_hub import constants
from huggingface_hub.lfs import _validate_batch_actions

from skin_app.weights import folder as weights
from skin_app.weights import hub
from skin_app.weights.folder import WeightsError, open_weights
from skin_app.weights.hub import HubError, bypass_proxies, download_weights, proxy_fault, wanted_wait
from skin_app.words.language import GERMAN
from tests.hub import COMMIT, REPO, SOURCE, StandIn, stand_in, use_hub
from tests.tiny import write_weights

TOKEN = "hf_" + "secret" * 6
LARGE = "member-0/model.safetensors"
TREE, FILE = "/api/models", f"/{REPO}/resolve/{COMMIT}/"
PROXIES = [f"{kind}_proxy" for kind in ("http", "https", "all", "no")]
PROXY, NO_ADDRESS = "http://proxy.example:3128", "is no address of a proxy"
PointTo = Callable[[str], None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("hub") / "weights")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*PROXIES, *map(str.upper, PROXIES)]:
        monkeypatch.setenv(name, "")  # so that what a test sets is undone
        monkeypatch.delenv(name)


@pytest.fixture
def point_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PointTo:
    """Sets the Hub's address; the cache is empty."""
    monkeypatch.setattr(hub, "PATIENCE", 0.0)
    monkeypatch.setattr(hub, "SILENCE", 0.5)
    return lambda endpoint: use_hub(monkeypatch, endpoint, tmp_path / "cache", TOKEN)


@pytest.fixture
def there(folder: Path, point_to: PointTo) -> Iterator[StandIn]:
    """The stand-in, which the client takes for the Hub; with an empty cache."""
    with stand_in(folder) as standing:
        point_to(standing.url)
        yield standing


def said() -> str:
    """What the client's failure is told as: one sentence, without the token."""
    with pytest.raises(HubError) as caught:
        download_weights(REPO, COMMIT)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert TOKEN not in sentence
    assert "{" not in sentence
    return sentence


def test_what_was_downloaded_is_verified_and_opened_again_without_the_hub(there: StandIn) -> None:
    opened = open_weights(SOURCE)
    assert opened.source == f"{REPO}@{COMMIT[:8]}"
    assert any("model.safetensors" in path for path in there.asked)
    there.answers[""] = (503, {})
    assert open_weights(SOURCE).hash == opened.hash


def test_a_download_that_breaks_off_goes_on_from_there(
    there: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    there.answers[f"{FILE}{LARGE}"] = "dropped"
    assert open_weights(SOURCE).hash == open_weights(folder).hash
    (first,) = there.ranges
    half = (folder / LARGE).stat().st_size // 2
    assert half - 1000 < int(first.removeprefix("bytes=").rstrip("-")) <= half
    assert there.with_token == []
    assert not any("xet" in path for path in there.asked)


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        (TREE, (401, {}), "does not know your token (401)"),
        (TREE, (403, {}), "Your token may not read someone/skin (403)"),
        (TREE, (403, {"X-Error-Code": "GatedRepo"}), "ask for access on its page"),
        (TREE, (403, {"X-Error-Message": "Access to this resource is disabled."}), "has closed"),
        (TREE, (404, {"X-Error-Code": "RepoNotFound"}), "has no repo someone/skin"),
        (TREE, (404, {"X-Error-Code": "RevisionNotFound"}), f"has no commit {COMMIT}"),
        (FILE, (404, {"X-Error-Code": "EntryNotFound"}), "A file of someone/skin is missing"),
        (TREE, (404, {}), "check the name, the commit, and HF_ENDPOINT"),
        (TREE, (429, {}), "too many requests (429): try again later"),
        (TREE, (429, {"Retry-After": "37"}), "try again in 37 seconds"),
        (TREE, (429, {"Retry-After": "3600"}), "try again in 60 minutes (3600 s)"),
        (TREE, (429, {"RateLimit": '"api";r=0;t=280'}), "try again in 5 minutes (280 s)"),
        (TREE, (500, {}), "fault of its own (500)"),
        (TREE, (503, {"Retry-After": "90"}), "fault of its own (503): try again in 90 seconds"),
        (TREE, (418, {}), "refuses someone/skin (418)"),
        (TREE, (200, {"Content-Type": "text/html"}), "is not the Hub"),
        (TREE, "silent", "does not answer in time"),
        (FILE, "silent", "does not answer in time"),
        (f"{FILE}member-0/model.safetensors", "cut", "broke off: start the same command again"),
    ],
)
def test_each_refusal_says_what_to_do(
    there: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    answer: tuple[int, dict[str, str]] | str,
    words: str,
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)  # a part of the file does arrive
    there.answers[path] = answer
    assert words in said()
    assert len([asked for asked in there.asked if path in asked]) < 20


def test_without_a_token_one_is_asked_to_log_in(
    there: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    there.answers[TREE] = (401, {})
    assert "nobody who is not logged in (401)" in said()


def test_a_short_fault_is_waited_for(there: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PATIENCE", 20.0)
    there.answers[TREE] = (503, {"Retry-After": "0"})
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: there.answers.clear())
    assert download_weights(REPO, COMMIT).is_dir()
    assert len([path for path in there.asked if path.startswith(TREE)]) == 2


def test_a_wrong_address_of_the_hub_is_told(there: StandIn, point_to: PointTo) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        point_to(f"http://127.0.0.1:{unused.getsockname()[1]}")
        assert "127.0.0.1 refuses connections" in said()
    point_to("http://no-such-hub.invalid")
    assert "The name no-such-hub.invalid is not found" in said()
    point_to("huggingface.co")
    assert "HF_ENDPOINT is no address" in said()
    point_to(there.url.replace("http:", "https:"))
    assert "does not speak TLS" in said()


def test_a_proxy_that_is_away_or_wrong_is_told_without_its_password(
    there: StandIn, point_to: PointTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to("https://hub.example")
    for address, words in (
        ("http://me:password@127.0.0.1:9", "The proxy that https_proxy names cannot be reached"),
        ("htp://me:password@proxy", "https_proxy is no address of a proxy"),
    ):
        monkeypatch.setenv("https_proxy", address)
        sentence = said()
        assert words in sentence
        assert "password" not in sentence
    monkeypatch.setenv("https_proxy", there.url)
    there.answers[""] = (407, {})
    assert "wants a name and a password (407)" in said()
    there.answers[""] = (502, {})
    assert "does not let requests through to hub.example" in said()


def test_the_download_goes_through_the_proxy(
    there: StandIn, point_to: PointTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to("http://hub.example")
    monkeypatch.setenv("http_proxy", there.url)
    assert download_weights(REPO, COMMIT).is_dir()
    assert {urlsplit(path).hostname for path in there.asked} == {"hub.example", "storage.hub.example"}


def test_offline_what_was_downloaded_is_opened_without_asking(
    there: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_weights(SOURCE)
    there.asked.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert open_weights(SOURCE).hash == opened.hash
    assert there.asked == []


def test_offline_without_a_cache_is_told(there: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in said()
    assert there.asked == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (OSError(errno.ENOSPC, "No space left"), "The disk is full"),
        (OSError(errno.EACCES, "Permission denied"), "set HF_HOME to a folder"),
        (
            lambda *_, **__: _validate_batch_actions({}),  # a ValueError
            "not transferred (ValueError: lfs_batch_actions is improperly formatted)",
        ),
    ],
)
@pytest.mark.usefixtures("there")
def test_a_fault_of_the_client_is_told(
    monkeypatch: pytest.MonkeyPatch, fault: OSError | Callable[..., None], words: str
) -> None:
    monkeypatch.setattr(hub, "snapshot_download", Mock(side_effect=fault))
    assert words in said()


@pytest.mark.usefixtures("there")
def test_a_token_with_a_line_break_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.utils._auth._clean_token", lambda token: token)
    monkeypatch.setenv("HF_TOKEN", f"{TOKEN}\n{TOKEN}")
    assert "characters that no token has" in said()


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, KeyError, TypeError, ImportError])
@pytest.mark.usefixtures("there")
def test_a_fault_of_this_program_is_not_told_as_one_of_the_hub(
    monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def fail(_: object) -> None:  # inside the client's call
        raise kind("our own")

    monkeypatch.setattr(hub._Trouble, "over", fail)
    with pytest.raises(kind, match="our own"):
        download_weights(REPO, COMMIT)


def test_a_wanted_wait_is_read_in_seconds_as_a_date_and_from_the_hubs_own_header() -> None:
    soon = datetime.now(timezone.utc) + timedelta(seconds=100)
    assert wanted_wait({"retry-after": "12"}) == 12
    assert wanted_wait({"retry-after": format_datetime(soon, usegmt=True)}) in range(95, 101)
    assert wanted_wait({"ratelimit": '"api";r=0;t=55'}) == 55
    assert wanted_wait({"ratelimit": '"api";r=7;t=55'}) is None
    assert wanted_wait({"retry-after": "soon"}) is None


def test_only_who_asks_for_it_gets_the_embedded_weights_instead(
    there: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.answers[TREE] = (429, {"Retry-After": "37"})
    with pytest.raises(WeightsError, match=r"could not be downloaded\. .*in 37 seconds\.$"):
        open_weights(SOURCE)
    monkeypatch.setattr(weights, "EMBEDDED", folder)
    opened = open_weights(SOURCE, or_embedded=True)
    assert opened.source == "embedded"
    told = str(opened.instead)
    assert told.endswith("37 seconds. The page answers with the embedded weights instead.")
    assert opened.instead is not None
    german = opened.instead.said(GERMAN)  # the sentence, and the reason inside it
    assert german.startswith("Die Gewichte someone/skin konnten nicht heruntergeladen werden.")
    assert german.endswith("Die Seite antwortet stattdessen mit den eingebetteten Gewichten.")
    assert "in 37 Sekunden noch einmal versuchen" in german
    monkeypatch.setattr(weights, "EMBEDDED", folder / "nothing")  # as on a Space
    with pytest.raises(WeightsError, match="37 seconds"):
        open_weights(SOURCE, or_embedded=True)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_this_machine_is_spared_beside_what_no_proxy_names(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, PROXY)
    monkeypatch.setenv("NO_PROXY", "corp.example, localhost")
    for _ in range(2):
        bypass_proxies("my-machine")
        for spared in (os.environ["NO_PROXY"], os.environ["no_proxy"]):
            assert spared == "corp.example,localhost,127.0.0.1,::1,my-machine"


def test_without_a_proxy_nothing_is_set_and_a_star_stays_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    bypass_proxies("my-machine")
    assert "NO_PROXY" not in os.environ
    monkeypatch.setenv("http_proxy", PROXY)
    monkeypatch.setenv("no_proxy", "*")
    bypass_proxies("my-machine")
    assert os.environ["no_proxy"] == "*"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (PROXY, ""),
        ("proxy.example:3128", ""),
        ("https://me:password@[::1]:3128", ""),
        ("htp://me:password@proxy.example", NO_ADDRESS),
        ("http://me:password@[proxy", NO_ADDRESS),
        ("http://me:password@proxy.example:99999", NO_ADDRESS),
        ("http://", NO_ADDRESS),
        ("socks5h://me:password@proxy.example", "pip install socksio"),
    ],
)
def test_a_proxy_that_cannot_be_asked_is_told_without_its_password(
    address: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "find_spec", lambda _: None)
    monkeypatch.setenv("HTTPS_PROXY", address)
    told = str(proxy_fault() or "")
    assert told.startswith("HTTPS_PROXY ") if words else told == ""
    assert words in told
    assert "password" not in told
    bypass_proxies()
    assert ("*" in os.environ["NO_PROXY"]) == bool(words)
