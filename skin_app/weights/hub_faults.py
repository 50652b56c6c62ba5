"""Turns errors of the Hub's client into one sentence that says what to do (`skin_app.words.hub`)."""

import errno
import json
import math
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from importlib import import_module
from traceback import walk_tb
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from huggingface_hub import constants, get_token
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

from skin_app.weights.proxies import unusable, variable
from skin_app.words import hub as words

HTTP: Any = import_module(HTTPError.__module__.partition(".")[0])  # httpx or httpx2, by the version
NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
# All that the client raises; the last two for JSON that is not the Hub's.
FAULTS: tuple[type[Exception], ...] = (
    *(HTTPError, HTTP.InvalidURL, EntryNotFoundError, OSError, ImportError, RuntimeError, ValueError),
    *(KeyError, TypeError),
)
CLIENT = ("huggingface_hub", HTTP.__name__)
OWN = ("skin_app", "train")


class HubError(RuntimeError):
    """The Hub did not give a repo, or take one; the message is one sentence that says what to do."""


def explained(error: Exception, repo: str, commit: str = "") -> HubError:
    """`error` of the Hub's client as one sentence about `repo`, without any token.

    Re-raises `error` if it is a fault of this program.
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
    for error_type, sentence in (
        (GatedRepoError, words.GATED),
        (DisabledRepoError, words.CLOSED),
        (RevisionNotFoundError, words.NO_COMMIT),
        (EntryNotFoundError, words.NO_FILE),
    ):
        if isinstance(error, error_type):
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
    """The sentence for a request without an answer, or with one that is not the Hub's."""

    def has(*types: type[BaseException]) -> bool:
        return any(isinstance(cause, types) for cause in chain)

    numbers = {cause.errno for cause in chain if isinstance(cause, OSError)}
    texts = " ".join(map(str, chain))
    asked = HTTP.ConnectError, HTTP.ConnectTimeout
    judged: tuple[tuple[bool, str], ...] = (
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
    )
    return next((sentence for is_so, sentence in judged if is_so), words.FAILED)


def _is_of_the_client(error: Exception) -> bool:
    """Whether the Hub's client, or what it called, raised `error`, and not this program."""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    packages = [frame.f_globals.get("__name__", "").partition(".")[0] for frame in frames]
    return next((name in CLIENT for name in reversed(packages) if name in (*CLIENT, *OWN)), False)


def _proxy_variable(scheme: str, host: str) -> str:
    """The variable that names the proxy to `host`; "" where there is none."""
    proxies = getproxies()
    used = next((name for name in (scheme, "all") if name in proxies), "")
    return variable(used) if used and not proxy_bypass(host) else ""


def _brief(error: Exception) -> str:
    """The first line of an error, without tokens and signatures of addresses."""
    line = next(iter(str(error).splitlines()), "")[:200]
    for secret in filter(None, (re.escape(get_token() or ""), r"hf_\w+", r"\?\S+")):
        line = re.sub(secret, "...", line)
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all its causes."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__
