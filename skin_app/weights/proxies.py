"""Proxies from the environment: used for the Hub, never for this machine itself."""

from importlib.util import find_spec
from os import environ
from urllib.parse import urlsplit
from urllib.request import getproxies

from skin_app.words import hub as words

LOOPBACK = ("localhost", "127.0.0.1", "::1")
NAMES = ("http", "https", "all")  # as `getproxies` has them
SCHEMES = ("http", "https", "socks5", "socks5h")


def spare(*hosts: str) -> None:
    """Make this process bypass proxies for requests to itself and to `hosts`, by setting NO_PROXY.

    NO_PROXY keeps its existing entries. If a proxy is unusable, NO_PROXY names all hosts: otherwise
    gradio could not be imported, and the page sends no other requests.
    """
    proxies = getproxies()
    if not any(name in proxies for name in NAMES):
        return
    # if only the system names proxies, setting NO_PROXY alone would hide them
    environ.update({f"{name}_proxy": proxies[name] for name in NAMES if name in proxies})
    named = [environ.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    spared = [host.strip() for text in named for host in text.split(",") if host.strip()]
    if "*" not in spared:
        spared += [*LOOPBACK, *hosts, *(["*"] if unusable() else [])]
    environ["NO_PROXY"] = environ["no_proxy"] = ",".join(dict.fromkeys(spared))


def unusable() -> str:
    """One sentence about a proxy that cannot be used, without its address; "" where there is none."""
    for name, address in getproxies().items():
        if name in NAMES and (sentence := _fault(address)):
            return sentence.format(variable=variable(name))
    return ""


def variable(name: str) -> str:
    """The variable that sets the proxy `name` (one of `NAMES`), as the environment spells it."""
    wanted = f"{name}_proxy"
    return next((own for own in environ if own.lower() == wanted), wanted.upper())


def _fault(address: str) -> str:
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        known = parts.scheme in SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        return words.NO_PROXY
    if not known:
        return words.NO_PROXY
    return words.SOCKS if parts.scheme.startswith("socks") and find_spec("socksio") is None else ""
