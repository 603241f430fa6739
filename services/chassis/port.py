"""Whether a port can be listened on, before what is slow begins."""

import socket

from services.chassis.address import joined
from services.chassis.errors import StartupError


def check(what: str, place: tuple[str, int], reuse: bool) -> None:
    """Binds to host and port, and lets go; it never listens, so no connection comes to it.

    `reuse`: other processes of this user may have the port, if they share it too.

    Raises:
        StartupError: none of the addresses of the host has the port to give.
    """
    problem: OSError | None = None
    try:
        for family, _, _, _, address in socket.getaddrinfo(*place, type=socket.SOCK_STREAM):
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if reuse:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                try:
                    probe.bind(address)
                except OSError as error:
                    problem = error
                else:
                    return
    except OSError as error:  # no such host, or no such family on this machine
        problem = error
    raise refused(what, place) from problem


def refused(what: str, place: tuple[str, int]) -> StartupError:
    """Says that the port cannot be had."""
    return StartupError(
        f"{what} cannot listen on {joined(*place)}",
        "stop the process that holds the port, or choose another port or host",
    )
