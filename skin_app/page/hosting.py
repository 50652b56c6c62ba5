"""How the page is hosted: what the environment says of its address, password, proxy, limits and log.

The one place where these settings are read; app.py passes the environment. docs/publishing.md explains
each of them.
"""

import logging
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from limits import RateLimitItem, parse, parse_many

from skin_app.page.port import Listening, ServeError, is_loopback, listening

Networks = tuple[IPv4Network | IPv6Network, ...]
LOOPBACK: Networks = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
# A Space is reached only through Hugging Face's own proxy, which has a private address.
SPACES_PROXIES: Networks = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
SPACES_FRAMES = ("https://huggingface.co", "https://*.hf.space")
HOST = re.compile(r"[\w-]+(\.[\w-]+)*|\[?[\da-f]*:[\da-f:.]*\]?", re.ASCII | re.IGNORECASE)
ORIGIN = re.compile(r"https?://(\*\.)?[\w-]+(\.[\w-]+)*(:\d+)?", re.ASCII)  # it goes into a header
SHORTEST_PASSWORD = 10
RATE = parse("600/minute")
# what SKIN_APP_LOG may say: requests and faults, faults alone, nothing
LOG_LEVELS = {"info": logging.INFO, "error": logging.ERROR, "off": logging.CRITICAL + 1}


@dataclass(frozen=True)
class Hosting:
    """The settings of a server; the defaults are those of an empty environment.

    `password`: "" for none; `frames`: other sites that may show the page in a frame; `proxies`: who may
    name a visitor's address; `root_path`: where a proxy shows the page; `readers`: who may read
    /metrics; `rate`: uploads, and as many calls, of one client; `waiting`: how many of one client's
    calls and page events may wait in the queue; `log`: a name in `LOG_LEVELS`; `hosts`: names that the
    page answers to, in lower case; none: any.
    """

    password: str = ""
    frames: tuple[str, ...] = ()
    proxies: Networks = ()
    root_path: str = ""
    readers: Networks = LOOPBACK
    rate: RateLimitItem = RATE
    waiting: int = 64
    log: str = "info"
    hosts: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Hosting":
        """The settings in `environ`. Raises `ServeError` for one that cannot be used."""
        is_space = bool(environ.get("SPACE_ID"))
        readers = _networks("SKIN_APP_METRICS", environ)
        return cls(
            _password(environ.get("SKIN_APP_PASSWORD", "")),
            (*(SPACES_FRAMES if is_space else ()), *_frames(environ.get("SKIN_APP_FRAMES", ""))),
            _networks("SKIN_APP_TRUSTED_PROXIES", environ) or (SPACES_PROXIES if is_space else ()),
            _root_path(environ.get("GRADIO_ROOT_PATH", "")),
            (*LOOPBACK, *readers),
            _rate(environ.get("SKIN_APP_RATE", "")),
            _waiting(environ.get("SKIN_APP_WAITING", "")),
            _log(environ.get("SKIN_APP_LOG", "")),
            _hosts(environ.get("SKIN_APP_HOSTS", "")),
        )

    def names(self, where: Listening) -> tuple[str, ...]:
        """The names that a page at `where` answers to; none: any.

        On loopback alone, and where no setting speaks of a proxy, nobody else's name is right.
        """
        proxied = self.hosts or self.proxies or self.root_path
        return self.hosts if proxied or not is_loopback(where.host) else (where.host,)


def where_to_listen(environ: MutableMapping[str, str]) -> Listening:
    """The host and port in `environ`, or the usual ones. Raises `PortError` if they cannot be used.

    Takes gradio's two variables out: gradio would read them when it is imported, and fail on some that
    are right.
    """
    name = environ.pop("GRADIO_SERVER_NAME", "")
    port = environ.pop("GRADIO_SERVER_PORT", "")
    return listening(
        name or ("0.0.0.0" if environ.get("SPACE_ID") else "127.0.0.1"),
        port or environ.get("PORT") or "7860",
    )


def _listed(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _networks(name: str, environ: Mapping[str, str]) -> Networks:
    found = []
    for value in _listed(environ.get(name, "")):
        try:
            found.append(ip_network(value))
        except ValueError:
            raise ServeError(
                "{name} holds “{value}”, which is no address: set it to addresses or networks such as "
                "192.0.2.7 or 10.0.0.0/8.",
                name=name,
                value=value,
            ) from None
    return tuple(found)


def _frames(text: str) -> tuple[str, ...]:
    for value in _listed(text):
        if not ORIGIN.fullmatch(value):
            raise ServeError(
                "SKIN_APP_FRAMES holds “{value}”, which is no site: set it to sites such as "
                "https://portal.example.org.",
                value=value,
            )
    return tuple(_listed(text))


def _hosts(text: str) -> tuple[str, ...]:
    for value in _listed(text):
        if not HOST.fullmatch(value):
            raise ServeError(
                "SKIN_APP_HOSTS holds “{value}”, which is no name: set it to names such as "
                "skin.example.org.",
                value=value,
            )
    return tuple(value.lower().strip("[]") for value in _listed(text))


def _password(text: str) -> str:
    if text and len(text) < SHORTEST_PASSWORD:
        raise ServeError(
            "SKIN_APP_PASSWORD has fewer than {least} characters: choose a longer one.",
            least=SHORTEST_PASSWORD,
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ServeError("SKIN_APP_PASSWORD is no text in UTF-8: choose another one.") from None
    return text


def _root_path(text: str) -> str:
    if text and not re.fullmatch(r"/[\w./~-]*|https?://[\w.:-]+[\w./~-]*", text, re.ASCII):
        raise ServeError(
            "GRADIO_ROOT_PATH is “{value}”: set it to a path such as /skin, or to a whole address.",
            value=text,
        )
    return text.rstrip("/")


def _rate(text: str) -> RateLimitItem:
    try:
        rates = parse_many(text) if text else [RATE]
    except ValueError:
        rates = []
    if len(rates) != 1 or not rates[0].amount:
        raise ServeError("SKIN_APP_RATE is “{value}”: set it to a rate such as 600/minute.", value=text)
    return rates[0]


def _waiting(text: str) -> int:
    if text and not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise ServeError("SKIN_APP_WAITING is “{value}”: set it to a number such as 64.", value=text)
    return int(text) if text else Hosting.waiting


def _log(level: str) -> str:
    if level and level not in LOG_LEVELS:
        raise ServeError("SKIN_APP_LOG is “{level}”: set it to info, error or off.", level=level)
    return level or Hosting.log
