"""Parses host and port, checks that they can be used, and gives the URL to print."""

import errno
import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from skin_app.words.command_line import NO_HOST, STARTING, STARTING_FOR_ALL, WRONG_HOST
from skin_app.words.language import Say, SpokenError

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # listens to all -> reaches this machine


class ServeError(SpokenError, ValueError):
    """The page cannot be served with the given settings; the message is one sentence."""


class PortError(ServeError):
    """The page cannot listen on the given host and port."""


@dataclass(frozen=True)
class Listening:
    """`host`: name or address to listen on, IPv6 without brackets."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The page's address for a browser on this machine, without a slash at its end."""
        return f"http://{_bracketed(EVERYWHERE.get(self.host, self.host))}:{self.port}"

    @property
    def is_for_others(self) -> bool:
        """Whether other machines may connect: the host is not this machine's own, such as localhost."""
        try:
            return not ip_address(self.host).is_loopback
        except ValueError:
            return self.host != "localhost"

    def said(self, say: Say) -> str:
        """Where the page starts, and whether other machines can reach it too."""
        sentence = STARTING_FOR_ALL if self.host in EVERYWHERE else STARTING
        return say(sentence, address=self.url, port=self.port)

    @property
    def server_name(self) -> str:
        """As gradio wants it: it makes an address of it without looking."""
        return _bracketed(self.host)


def listening(name: str, port: str | int) -> Listening:
    """Whether the page can listen on host `name`, an IPv6 address with or without brackets.

    Raises `PortError` with advice for a port that is taken, not allowed or not a port number, and for a
    host name that this machine does not have.
    """
    port = str(port).strip()
    if not re.fullmatch(r"\d{1,5}", port) or not 0 < int(port) < 65536:
        raise PortError(
            "{port} is no port: set GRADIO_SERVER_PORT to a number such as 7860.", port=port
        )
    host = name.strip().removeprefix("[").removesuffix("]")
    try:
        found = (
            socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
            if host not in ("", "*")
            else []
        )
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise PortError(NO_HOST, name=name)
    for family, type_, protocol, _, address in found:
        try:
            with socket.socket(family, type_, protocol) as probe:
                _try(probe, address)
        except OSError as error:
            if error.errno == errno.EACCES:
                raise PortError(
                    "Port {port} may not be used by this account ({reason}): set GRADIO_SERVER_PORT to "
                    "one above 1023.",
                    port=port,
                    reason=error.strerror,
                ) from error
            if error.errno == errno.EADDRINUSE:
                raise PortError(
                    "The page cannot listen on {host}:{port} ({reason}): stop the program that does, "
                    "or set GRADIO_SERVER_PORT to another port.",
                    host=_bracketed(host),
                    port=port,
                    reason=error.strerror,
                ) from error
            raise PortError(WRONG_HOST, name=name, reason=error.strerror or error) from error
    return Listening(host, int(port))


def is_loopback(name: str) -> bool:
    """Whether a name or address leads to the own machine, wherever it is looked up."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _try(probe: socket.socket, address: tuple) -> None:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if probe.family == socket.AF_INET6:  # as the server does it: IPv4 may listen beside it
        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    probe.bind(address)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
