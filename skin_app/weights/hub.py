"""Downloads weights from the Hugging Face Hub, pinned to one commit, with bounded waiting.

Each failure becomes one sentence that says what to do (`skin_app.words.hub`). Proxies from the
environment are used for the Hub, never for this machine itself.
"""

import errno
import json
import logging
import math
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from importlib import import_module
from importlib.util import find_spec
from os import environ
from pathlib import Path
from traceback import walk_tb
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from huggingface_hub import constants, get_session, get_token, set_client_factory, snapshot_download
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,  # pyright: ignore[reportPrivateImportUsage]  # of the http library that it uses
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import hf_raise_for_status

from skin_app.words import hub as words
from skin_app.words.language import SpokenError

HTTP: Any = import_module(HTTPError.__module__.partition(".")[0])  # httpx or httpx2, by the version
FILES = ["*.json", "*.safetensors", "*.csv", "*.md"]
PASSING = (408, 429, 500, 502, 503, 504)  # the client asks again after these
PATIENCE = 5.0  # seconds of retries; by default, the client waits as long as a server says
SILENCE = float(constants.HF_HUB_ETAG_TIMEOUT)  # seconds; by default, the client waits for ever
NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
# All that the client raises; the last two for JSON that is not the Hub's.
FAULTS: tuple[type[Exception], ...] = (
    *(HTTPError, HTTP.InvalidURL, EntryNotFoundError, OSError, ImportError, RuntimeError, ValueError),
    *(KeyError, TypeError),
)
CLIENT = ("huggingface_hub", HTTP.__name__)
OWN = ("skin_app", "train")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
PROXIES = ("http", "https", "all")  # as `getproxies` names them
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


class HubError(SpokenError, RuntimeError):
    """The Hub did not give a repo, or take one; the message is one sentence that says what to do."""


def download_weights(repo: str, commit: str) -> Path:
    """The folder of `repo` at `commit`; from the cache where it is complete. Raises `HubError`."""
    try:
        be_patient(SILENCE, PATIENCE)
        return Path(snapshot_download(repo, revision=commit, allow_patterns=FILES))
    except FAULTS as error:
        raise as_hub_error(error, repo, commit) from error


def be_patient(silence: float, patience: float) -> None:
    """Let the Hub's client wait `silence` seconds for an answer, and try for `patience` seconds.

    Switches Xet off, the Hub's other protocol for large files: its client keeps its own waiting times,
    which are minutes, and its own proxies, and does not say why it fails. The Hub takes and gives all
    files without it, too (https://huggingface.co/docs/hub/xet/legacy-git-lfs).
    """
    constants.HF_HUB_DISABLE_XET = True
    # its log of every retry would hide our error message
    logging.getLogger("huggingface_hub.utils._http").setLevel(logging.ERROR)
    hooks = get_session().event_hooks  # the client's own: offline mode, numbers of requests
    trouble = _Trouble(patience)
    set_client_factory(lambda: _Client(trouble, silence, event_hooks=hooks, follow_redirects=True))


class _Trouble:
    """Tracks since when all requests have failed; shared by all clients."""

    def __init__(self, patience: float) -> None:
        self.patience, self.since = patience, math.inf

    def over(self) -> None:
        self.since = math.inf

    def is_enough(self, wait: float = 0) -> bool:
        """Whether to give up instead of waiting `wait` seconds more."""
        self.since = min(self.since, time.monotonic())
        return time.monotonic() + wait - self.since >= self.patience


class _GaveUp(OfflineModeIsEnabled):
    """Makes the Hub's client stop retrying and use its cache if that is complete."""


class _Client(HTTP.Client):
    def __init__(self, trouble: _Trouble, silence: float, **options: Any) -> None:
        super().__init__(timeout=silence, **options)
        self.trouble, self.silence = trouble, silence

    def send(self, request: Any, **options: Any) -> Any:
        given = request.extensions.get("timeout", {})
        request.extensions["timeout"] = {
            step: min(self.silence, math.inf if given.get(step) is None else given[step])
            for step in ("connect", "read", "write", "pool")
        }
        try:
            response = super().send(request, **options)
        except HTTP.ProxyError:  # the Hub's client does not try again after this
            raise
        except (HTTP.TimeoutException, HTTP.NetworkError, HTTP.RemoteProtocolError) as error:
            if self.trouble.is_enough():
                raise _GaveUp(str(error)) from error
            raise
        if response.status_code == 200 and "range" in request.headers:
            # from the start again: without this, the client would begin a broken file anew for ever
            if self.trouble.is_enough():
                response.close()
                raise _GaveUp("no rest of a file") from HTTP.RemoteProtocolError("no rest of a file")
        elif response.status_code not in PASSING:
            self.trouble.over()
        elif self.trouble.is_enough(wanted_wait(response.headers) or 0):
            hf_raise_for_status(response)
        return response


def as_hub_error(error: Exception, repo: str, commit: str = "") -> HubError:
    """`error` of the Hub's client as one sentence about `repo`, without any token.

    Re-raises `error` if it is a fault of this program.
    """
    if not isinstance(error, OSError) and not _is_of_the_client(error):
        raise error
    chain = list(_causes(error))
    requests = [found for cause in chain if (found := getattr(cause, "_request", None)) is not None]
    asked = urlsplit(str(requests[0].url) if requests else constants.ENDPOINT)
    proxies = getproxies()
    proxy = next((name for name in (asked.scheme, "all") if name in proxies), "")
    by_proxy = bool(proxy) and not proxy_bypass(asked.hostname or "")
    values = {
        "repo": repo,
        "commit": commit,
        "host": asked.hostname or "The Hub",
        "variable": _variable(proxy) if by_proxy else "",
        "fault": _brief(error),
    }
    for cause in chain:
        if isinstance(cause, HfHubHTTPError) and cause.response is not None:
            wait = wanted_wait(cause.response.headers) or 0
            values |= {"status": str(cause.response.status_code), "seconds": str(wait)}
            values |= {"minutes": str(math.ceil(wait / 60))}
            return HubError(_refused(cause, wait), **values)
    return proxy_fault() or HubError(_unreached(chain, by_proxy), **values)


def wanted_wait(headers: Mapping[str, str]) -> int | None:
    """The seconds that a server asks to wait, by Retry-After or the Hub's own header."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return int(text)
    if used_up := re.search(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d+)", headers.get("ratelimit", "")):
        return int(used_up[1])
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    now = datetime.now(until.tzinfo or timezone.utc)
    return max(0, math.ceil((until.replace(tzinfo=now.tzinfo) - now).total_seconds()))


def _refused(error: HfHubHTTPError, wait: int) -> str:
    """The sentence for a refusal by the Hub; `wait`: the seconds that it asks for, or 0."""
    status = error.response.status_code
    unknown = status == 401 and "authorization" in error.response.request.headers
    missing = isinstance(error, RepositoryNotFoundError)
    unit = "" if not wait else "seconds" if wait <= 120 else "minutes"
    return _first_of(
        (isinstance(error, GatedRepoError), words.GATED),
        (isinstance(error, DisabledRepoError), words.CLOSED),
        (isinstance(error, RevisionNotFoundError), words.NO_COMMIT),
        (isinstance(error, EntryNotFoundError), words.NO_FILE),
        (status == 401, words.UNKNOWN_TOKEN if unknown else words.NOT_LOGGED_IN),
        (status == 403, words.FORBIDDEN),
        (status == 404, words.NO_REPO if missing else words.NOT_FOUND),
        (status == 407, words.PROXY_PASSWORD),
        (status == 429, words.TOO_MANY[unit]),
        (status >= 500, words.DOWN[unit]),
        (True, words.REFUSED),
    )


def _unreached(chain: list[BaseException], by_proxy: bool) -> str:
    """The sentence for a request without an answer, or with one that is not the Hub's."""

    def has(*types: type[BaseException]) -> bool:
        return any(isinstance(cause, types) for cause in chain)

    numbers = {cause.errno for cause in chain if isinstance(cause, OSError)}
    texts = " ".join(map(str, chain))
    asked = HTTP.ConnectError, HTTP.ConnectTimeout
    return _first_of(
        (bool(numbers & {errno.ENOSPC, errno.EDQUOT}) or "No space left" in texts, words.DISK_FULL),
        (any(type(cause) is OfflineModeIsEnabled for cause in chain), words.OFFLINE),
        (has(ssl.SSLCertVerificationError), words.CERTIFICATE),
        (has(ssl.SSLError), words.NO_TLS),
        (has(HTTP.ProxyError) and "407" in texts, words.PROXY_PASSWORD),
        (has(HTTP.ProxyError), words.PROXY_FAILS),
        (by_proxy and has(*asked), words.PROXY_AWAY),
        (has(HTTP.TimeoutException), words.NO_ANSWER),
        (has(socket.gaierror), words.NO_NAME),
        (has(ConnectionRefusedError), words.NOBODY_THERE),
        (has(*asked), words.NO_NETWORK),
        (has(HFValidationError), words.WRONG_NAME),
        (has(HTTP.LocalProtocolError, UnicodeEncodeError), words.WRONG_TOKEN),
        (has(HTTP.UnsupportedProtocol, HTTP.InvalidURL), words.WRONG_ENDPOINT),
        (has(FileMetadataError, json.JSONDecodeError, KeyError, TypeError), words.NOT_THE_HUB),
        (has(HTTP.TransportError), words.BROKE_OFF),
        (has(ConnectionError), words.NO_NETWORK),
        (bool(numbers & NOT_WRITABLE), words.NOT_WRITABLE),
        (True, words.FAILED),
    )


def _first_of(*judged: tuple[bool, str]) -> str:
    return next(sentence for is_so, sentence in judged if is_so)


def _is_of_the_client(error: Exception) -> bool:
    """Whether the Hub's client, or what it called, raised `error`, and not this program."""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    packages = [frame.f_globals.get("__name__", "").partition(".")[0] for frame in frames]
    return next((name in CLIENT for name in reversed(packages) if name in (*CLIENT, *OWN)), False)


def _brief(error: Exception) -> str:
    """The first line of an error, without tokens and signatures of addresses."""
    line = next(iter(str(error).splitlines()), "")[:200]
    for secret in filter(None, (re.escape(get_token() or ""), r"hf_\w+", r"\?\S+")):
        line = re.sub(secret, "...", line)
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all its causes."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def bypass_proxies(*hosts: str) -> None:
    """Make this process bypass proxies for requests to itself and to `hosts`, by setting NO_PROXY.

    NO_PROXY keeps its existing entries. If a proxy is unusable, NO_PROXY names all hosts: otherwise
    gradio could not be imported. Pictures of the ISIC Archive are then asked for without a proxy.
    """
    proxies = getproxies()
    if not any(name in proxies for name in PROXIES):
        return
    # if only the system names proxies, setting NO_PROXY alone would hide them
    environ.update({f"{name}_proxy": proxies[name] for name in PROXIES if name in proxies})
    named = [environ.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    spared = [host.strip() for text in named for host in text.split(",") if host.strip()]
    if "*" not in spared:
        spared += [*LOOPBACK, *hosts, *(["*"] if proxy_fault() else [])]
    environ["NO_PROXY"] = environ["no_proxy"] = ",".join(dict.fromkeys(spared))


def proxy_fault() -> HubError | None:
    """What is wrong with a proxy that cannot be used, without its address; None where there is none."""
    for name, address in getproxies().items():
        if name in PROXIES and (sentence := _fault_of(address)):
            return HubError(sentence, variable=_variable(name))
    return None


def _fault_of(address: str) -> str:
    with suppress(ValueError):
        parts = urlsplit(address if "://" in address else f"http://{address}")
        if parts.scheme in PROXY_SCHEMES and parts.hostname and parts.port != 0:
            lacks = parts.scheme.startswith("socks") and find_spec("socksio") is None
            return words.SOCKS if lacks else ""
    return words.NO_PROXY


def _variable(name: str) -> str:
    """The variable that sets the proxy `name` (one of `PROXIES`), as the environment spells it."""
    wanted = f"{name}_proxy"
    return next((own for own in environ if own.lower() == wanted), wanted.upper())
