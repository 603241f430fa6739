"""The event loop of a service: gRPC's wake-ups are read all at once."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")

WAKE_UPS = 65536
"""More than a socket pair holds."""


class ServiceLoop(uvloop.Loop):
    """A loop in which a gRPC server keeps up with its clients.

    A thread of gRPC hands its events to the loop in a queue, and writes a byte to a socket pair for
    each. The loop's reader takes all events and reads one byte. So in a loop whose turns bring
    several events each, unread bytes gather; after about 280 of them the socket pair is full, the
    thread waits in its write, and from then on a turn brings one event, however long it takes:
    calls wait where nobody sees them. Here the other bytes are read too.

    Measured with turns of 1 ms: 200 calls/s as it comes, 2200 to 3200 like this and with calls
    taken as in `intake`.

    Attributes:
        reads_all: whether gRPC's reader was found, by its name.
    """

    reads_all = False

    def add_reader(  # type: ignore[override]  # arguments of any type
        self, fd: Any, callback: Callable[..., Any], *args: Any
    ) -> None:
        """As asyncio's."""
        inner = getattr(callback, "func", callback)
        if getattr(inner, "__qualname__", "") == "PollerCompletionQueue._handle_events":
            callback = _drained(fd, callback)
            self.reads_all = True
        super().add_reader(fd, callback, *args)


def _drained(wake_ups: socket.socket, handle_events: Callable[[], None]) -> Callable[[], None]:
    """Leaves one byte, which `handle_events` reads.

    No event is lost: its byte is written after it is in the queue, so that the events whose bytes
    are read here are taken by `handle_events` after it.
    """

    def handle_all() -> None:
        there = len(wake_ups.recv(WAKE_UPS, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        if there > 1:
            wake_ups.recv(there - 1)
        handle_events()

    return handle_all


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs `main` in a loop of its own, as asyncio.run does."""
    with asyncio.Runner(loop_factory=ServiceLoop) as runner:
        return runner.run(main)
