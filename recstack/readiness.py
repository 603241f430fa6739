"""Hears when a process serves: the other end of services.chassis.notify."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

VARIABLE = "NOTIFY_SOCKET"


@asynccontextmanager
async def readiness() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """The address to tell a process in VARIABLE, and the event that is set when it serves."""
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    with (
        TemporaryDirectory(prefix="recstack-") as folder,  # for its owner alone, and a short name
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver,
    ):
        address = str(Path(folder) / "ready")
        receiver.bind(address)
        loop.add_reader(receiver, ready.set)
        try:
            yield address, ready
        finally:
            loop.remove_reader(receiver)
