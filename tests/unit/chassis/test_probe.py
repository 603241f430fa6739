"""The probe of health checks, against a real server."""

import asyncio
import socket
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

import grpc

from services.chassis.probe import status
from services.chassis.server import started
from services.chassis.settings import ServerSettings


async def mount(_server: grpc.aio.Server, _stack: AsyncExitStack) -> Sequence[str]:
    return []


async def exit_code(address: str) -> int:
    command = (sys.executable, "-m", "services.chassis.probe", address)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    return await process.wait()


async def test_a_server_serves_until_it_drains() -> None:
    async with started("t", ServerSettings(port=0), mount) as server:
        address = f"127.0.0.1:{server.port}"
        assert await status(address) == "SERVING"
        assert await exit_code(address) == 0
        await server.health.enter_graceful_shutdown()
        assert await status(address) == "NOT_SERVING"
        assert await exit_code(address) == 1


async def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    assert (await status(address)).startswith("UNAVAILABLE: ")
