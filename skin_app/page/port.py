"""Parses host and port, checks that they can be used, and gives the URL to print."""

import errno
import socket
from dataclasses import dataclass

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # listens to all -> reaches this machine


class ServeError(ValueError):
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
    def told(self) -> str:
        """The URL as a message, which says if other machines can reach the page too."""
        others = f" (other machines reach it by this one's name, port {self.port})"
        return self.url + (others if self.host in EVERYWHERE else "")

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
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise PortError(f"{port} is no port: set GRADIO_SERVER_PORT to a number such as 7860.")
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
        raise _wrong_name(name, "there is no such host")
    for family, type_, protocol, _, address in found:
        try:
            with socket.socket(family, type_, protocol) as probe:
                _try(probe, address)
        except OSError as error:
            if error.errno == errno.EACCES:
                raise PortError(
                    f"Port {port} may not be used by this account ({error.strerror}): set "
                    "GRADIO_SERVER_PORT to one above 1023."
                ) from error
            if error.errno == errno.EADDRINUSE:
                raise PortError(
                    f"The page cannot listen on {_bracketed(host)}:{port} ({error.strerror}): stop the "
                    "program that does, or set GRADIO_SERVER_PORT to another port."
                ) from error
            raise _wrong_name(name, error.strerror or str(error)) from error
    return Listening(host, int(port))


def _try(probe: socket.socket, address: tuple) -> None:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if probe.family == socket.AF_INET6:  # as the server does it: IPv4 may listen beside it
        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    probe.bind(address)


def _wrong_name(name: str, reason: str) -> PortError:
    return PortError(
        f'The page cannot listen on "{name}" ({reason}): set GRADIO_SERVER_NAME to a name or address '
        "of this machine, such as 127.0.0.1, ::1, or 0.0.0.0 to let other machines in, without http:// "
        "and without a port, which GRADIO_SERVER_PORT sets."
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
