"""Who holds a TCP port of this machine."""

import contextlib
import errno
import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_LISTEN = "0A"  # state of a listening socket in /proc/net/tcp


def taken(host: str, ports: Iterable[int]) -> list[int]:
    """Those of the ports that somebody listens on.

    Raises:
        OSError: they cannot be had for another reason, such as a host that is not this machine's.
    """
    return [port for port in ports if not _free(host, port)]


def _free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
        return True


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that listens. Its arguments may be secrets: people are shown its program alone."""

    pid: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        program = next(iter(" ".join(self.words[:1]).split()), "unknown")  # a title is one word
        module = "".join(f" -m {name}" for name in self.words[2:3] if self.words[1] == "-m")
        return f"process {self.pid}: {program}{module}"


def holder(port: int) -> Holder | None:
    """The process that listens on the port; None when it cannot be told."""
    inodes = _listening_inodes(port)
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        if not inodes.isdisjoint(_open_files(process)):
            with contextlib.suppress(OSError):  # ended meanwhile
                words = (process / "cmdline").read_text("utf-8", "replace").split("\0")
                return Holder(int(process.name), tuple(words))
    return None


def _open_files(process: Path) -> Iterator[str]:
    """What the file descriptors of a process are; those that may not be read are left out."""
    with contextlib.suppress(OSError):
        for link in (process / "fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                yield os.readlink(link)


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rsplit(":", 1)[1], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return inodes
