"""The proxies that the environment names: the Hub is reached through them, this machine never."""

from importlib.util import find_spec
from os import environ
from urllib.parse import urlsplit
from urllib.request import getproxies

from skin_app.words import hub as words

LOOPBACK = ("localhost", "127.0.0.1", "::1")
KINDS = ("http", "https", "all")
SCHEMES = ("http", "https", "socks5", "socks5h")


def spare(*hosts: str) -> None:
    """From here on, what this process asks of itself or of `hosts` goes to no proxy.

    What NO_PROXY names already stays named. A proxy that no request could be sent to is left out
    altogether: the page asks nobody else, and gradio could not even be imported with it.
    """
    proxies = getproxies()
    if not any(kind in proxies for kind in KINDS):
        return
    # where the system names proxies and the environment does not, a NO_PROXY alone would hide them
    environ.update({f"{kind}_proxy": proxies[kind] for kind in KINDS if kind in proxies})
    named = [environ.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    spared = [host.strip() for text in named for host in text.split(",") if host.strip()]
    if "*" not in spared:
        spared += [*LOOPBACK, *hosts, *(["*"] if unusable() else [])]
    environ["NO_PROXY"] = environ["no_proxy"] = ",".join(dict.fromkeys(spared))


def unusable() -> str:
    """One sentence about a proxy that no request can be sent to; "" where there is none.

    Not its address, in which a password may stand.
    """
    for kind, address in getproxies().items():
        if kind in KINDS and (sentence := _fault(address)):
            return sentence.format(variable=variable(kind))
    return ""


def variable(kind: str) -> str:
    """The name of the variable that sets the proxy `kind`, as the environment spells it."""
    return next((name for name in environ if name.lower() == f"{kind}_proxy"), f"{kind}_proxy".upper())


def _fault(address: str) -> str:
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        known = parts.scheme in SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        return words.NO_PROXY
    if not known:
        return words.NO_PROXY
    return words.SOCKS if parts.scheme.startswith("socks") and find_spec("socksio") is None else ""
