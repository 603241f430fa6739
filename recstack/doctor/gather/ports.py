"""Whose the ports of this machine are."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recstack import ports

CONNECT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Owner:
    """Who should listen.

    Attributes:
        programs: words of its command line, one of which is there.
        variable: of its environment, which says its gRPC port; not set there: nobody can tell.
        port: what it should say.
    """

    programs: tuple[str, ...]
    variable: str = ""
    port: int = 0

    def is_process(self, pid: int, command: str) -> bool:
        """Whether a process is it, and not the same service of another stack."""
        if not any(program in command for program in self.programs):
            return False
        told = _environment(pid).get(self.variable)
        return told is None or told == str(self.port)


def strangers(host: str, numbers: Sequence[int], owner: Owner) -> dict[int, str]:
    """Port → process that has it and is not the owner; none for the ports of another machine."""
    try:
        who = {port: ports.holder(port) for port in ports.taken(host, numbers)}
    except OSError:
        return {}
    found = {port: _stranger(host, port, process, owner) for port, process in who.items()}
    return {port: stranger for port, stranger in found.items() if stranger}


def _stranger(host: str, port: int, process: ports.Holder | None, owner: Owner) -> str:
    """Who has a port that should be the owner's; empty: the owner, or nobody can tell."""
    if process is not None:
        return "" if owner.is_process(process.pid, " ".join(process.words)) else str(process)
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except ConnectionRefusedError:
        return "a connection that a program of this machine has opened to elsewhere"
    except OSError:
        pass
    return ""


def _environment(pid: int) -> dict[str, str]:
    """Of a process; empty when it may not be read."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    pairs = (variable.decode(errors="replace").partition("=") for variable in variables)
    return {name: value for name, _, value in pairs}
