"""The Hugging Face Hub: a pinned download that gives up in time, and one sentence for each fault."""

import errno
import json
import logging
import math
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from importlib import import_module
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

from skin_app.weights.proxies import unusable, variable
from skin_app.words import hub as words

_HTTP: Any = import_module(HTTPError.__module__.partition(".")[0])  # httpx or httpx2, by the version
FILES = ["*.json", "*.safetensors", "*.csv", "*.md", "thumbnails/*"]
PASSING = (408, 429, 500, 502, 503, 504)  # what the client asks again after
PATIENCE = 5.0  # seconds of asking again; without this the client waits as long as a server says
SILENCE = float(constants.HF_HUB_ETAG_TIMEOUT)  # seconds; without this it waits for ever
NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
# All that the client raises; the last two for JSON that is not the Hub's.
FAULTS: tuple[type[Exception], ...] = (
    *(HTTPError, _HTTP.InvalidURL, EntryNotFoundError, OSError, ImportError, RuntimeError, ValueError),
    *(KeyError, TypeError),
)
CLIENT = ("huggingface_hub", _HTTP.__name__)
OWN = ("skin_app", "train")


class HubError(RuntimeError):
    """The Hub did not give a repo, or take one; the message is one sentence that says what to do."""


def download(repo: str, commit: str) -> Path:
    """The folder of `repo` at `commit`; from the cache where it is complete. Raises `HubError`."""
    try:
        be_patient(SILENCE, PATIENCE)
        return Path(snapshot_download(repo, revision=commit, allow_patterns=FILES))
    except FAULTS as error:
        raise explained(error, repo, commit) from error


def be_patient(silence: float, patience: float) -> None:
    """Let the Hub's client wait `silence` seconds for a word, and ask again for `patience` seconds."""
    # its own words about every try would stand before the one sentence that counts
    logging.getLogger("huggingface_hub.utils._http").setLevel(logging.ERROR)
    hooks = get_session().event_hooks  # the client's own: offline mode, numbers of requests
    trouble = _Trouble(patience)
    set_client_factory(lambda: _Client(trouble, silence, event_hooks=hooks, follow_redirects=True))


class _Trouble:
    """How long requests have failed, one after the other."""

    def __init__(self, patience: float) -> None:
        self.patience, self.since = patience, math.inf

    def over(self) -> None:
        self.since = math.inf

    def is_enough(self, wait: float = 0) -> bool:
        """Whether to give up rather than to wait `wait` seconds more."""
        self.since = min(self.since, time.monotonic())
        return time.monotonic() + wait - self.since >= self.patience


class _GaveUp(OfflineModeIsEnabled):
    """Not asked again after; the client then looks whether its cache is complete."""


class _Client(_HTTP.Client):
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
        except _HTTP.ProxyError:  # not asked again after anyway
            raise
        except (_HTTP.TimeoutException, _HTTP.NetworkError, _HTTP.RemoteProtocolError) as error:
            if self.trouble.is_enough():
                raise _GaveUp(str(error)) from error
            raise
        if response.status_code not in PASSING:
            self.trouble.over()
        elif self.trouble.is_enough(wanted_wait(response.headers) or 0):
            hf_raise_for_status(response)
        return response


def explained(error: Exception, repo: str, commit: str = "") -> HubError:
    """What the Hub's client raised, as one sentence about `repo` without any token.

    Raises `error` itself where it is a fault of this program.
    """
    if not isinstance(error, OSError) and not _is_of_the_client(error):
        raise error
    chain = list(_chain(error))
    requests = [found for cause in chain if (found := getattr(cause, "_request", None)) is not None]
    asked = urlsplit(str(requests[0].url) if requests else constants.ENDPOINT)
    name = _proxy_variable(asked.scheme, asked.hostname or "")
    values = {"repo": repo, "commit": commit, "host": asked.hostname or "The Hub", "variable": name}
    for cause in chain:
        if isinstance(cause, HfHubHTTPError) and cause.response is not None:
            wait = wanted_wait(cause.response.headers) or 0
            times = {"seconds": wait, "minutes": math.ceil(wait / 60)}
            sentence = _refused(cause, wait)
            return HubError(sentence.format(**values, **times, status=cause.response.status_code))
    sentence = unusable() or _unreached(chain, bool(name)).format(**values, fault=_brief(error))
    return HubError(sentence)


def wanted_wait(headers: Mapping[str, str]) -> int | None:
    """The seconds that a server wants to be left alone, by Retry-After or the Hub's own header."""
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
    """The sentence for an answer that is a refusal; `wait`: the seconds that it asks for, or 0."""
    status = error.response.status_code
    for kind, sentence in (
        (GatedRepoError, words.GATED),
        (DisabledRepoError, words.CLOSED),
        (RevisionNotFoundError, words.NO_COMMIT),
        (EntryNotFoundError, words.NO_FILE),
    ):
        if isinstance(error, kind):
            return sentence
    if status == 401:
        logged_in = "authorization" in error.response.request.headers
        return words.UNKNOWN_TOKEN if logged_in else words.NOT_LOGGED_IN
    if status == 404:
        missing = isinstance(error, RepositoryNotFoundError)
        return words.NO_REPO if missing else words.NOT_FOUND
    if status == 429 or status >= 500:
        unit = "" if not wait else "seconds" if wait <= 120 else "minutes"
        return (words.TOO_MANY if status == 429 else words.DOWN)[unit]
    return {403: words.FORBIDDEN, 407: words.PROXY_PASSWORD}.get(status, words.REFUSED)


def _unreached(chain: list[BaseException], by_proxy: bool) -> str:
    """The sentence for a request that had no answer, or not the Hub's."""

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in chain)

    numbers = {cause.errno for cause in chain if isinstance(cause, OSError)}
    texts = " ".join(map(str, chain))
    asked = _HTTP.ConnectError, _HTTP.ConnectTimeout
    judged: tuple[tuple[bool, str], ...] = (
        (bool(numbers & {errno.ENOSPC, errno.EDQUOT}) or "No space left" in texts, words.DISK_FULL),
        (any(type(cause) is OfflineModeIsEnabled for cause in chain), words.OFFLINE),
        (has(ssl.SSLCertVerificationError), words.CERTIFICATE),
        (has(ssl.SSLError), words.NO_TLS),
        (has(_HTTP.ProxyError) and "407" in texts, words.PROXY_PASSWORD),
        (has(_HTTP.ProxyError), words.PROXY_FAILS),
        (by_proxy and has(*asked), words.PROXY_AWAY),
        (has(_HTTP.TimeoutException), words.NO_ANSWER),
        (has(socket.gaierror), words.NO_NAME),
        (has(ConnectionRefusedError), words.NOBODY_THERE),
        (has(*asked), words.NO_NETWORK),
        (has(HFValidationError), words.WRONG_NAME),
        (has(_HTTP.LocalProtocolError, UnicodeEncodeError), words.WRONG_TOKEN),
        (has(_HTTP.UnsupportedProtocol, _HTTP.InvalidURL), words.WRONG_ENDPOINT),
        (has(FileMetadataError, json.JSONDecodeError, KeyError, TypeError), words.NOT_THE_HUB),
        (has(_HTTP.TransportError), words.BROKE_OFF),
        (has(ConnectionError), words.NO_NETWORK),
        (bool(numbers & NOT_WRITABLE), words.NOT_WRITABLE),
    )
    return next((sentence for is_so, sentence in judged if is_so), words.FAILED)


def _is_of_the_client(error: Exception) -> bool:
    """Whether the Hub's client raised `error`, or what it called, rather than this program."""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    packages = [frame.f_globals.get("__name__", "").partition(".")[0] for frame in frames]
    return next((name in CLIENT for name in reversed(packages) if name in (*CLIENT, *OWN)), False)


def _proxy_variable(scheme: str, host: str) -> str:
    """The variable that names the proxy to `host`; "" where there is none."""
    proxies = getproxies()
    kind = next((kind for kind in (scheme, "all") if kind in proxies), "")
    return variable(kind) if kind and not proxy_bypass(host) else ""


def _brief(error: Exception) -> str:
    """The first line of an error, without a token and without what signs an address."""
    line = next(iter(str(error).splitlines()), "")[:200]
    for secret in filter(None, (re.escape(get_token() or ""), r"hf_\w+", r"\?\S+")):
        line = re.sub(secret, "...", line)
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what it came from, what that came from, and so on."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__
