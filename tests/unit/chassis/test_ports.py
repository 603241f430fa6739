"""When a server has its ports: none before it can serve, /metrics for one of two, one drain."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis.channel import open_channel
from services.chassis.errors import StartupError
from services.chassis.server import Lifetime, started
from services.chassis.settings import ServerSettings
from tests.redis import free_port

CONNECTIONS = 16
PATIENCE = 20.0


async def nothing(_server: grpc.aio.Server, _lifetime: Lifetime) -> Sequence[str]:
    return []


async def asked(port: int) -> int:
    """The health, by a connection of this call alone."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        return int((await stub.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)).status)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


async def test_who_loads_takes_no_connection_from_who_serves() -> None:
    settings = ServerSettings(port=free_port(), reuse_port=True)
    answers: list[int] = []

    async def slow(_server: grpc.aio.Server, _lifetime: Lifetime) -> Sequence[str]:
        answers.extend(await asyncio.gather(*(asked(settings.port) for _ in range(CONNECTIONS))))
        return []

    async with started("first", settings, nothing), started("second", settings, slow):
        assert answers == [health_pb2.HealthCheckResponse.SERVING] * CONNECTIONS


@pytest.mark.parametrize("field", ["port", "metrics_port"])
@pytest.mark.parametrize("reuse_port", [False, True])
async def test_a_port_that_is_taken_is_told_before_anything_is_loaded(
    field: str, reuse_port: bool
) -> None:
    async def loads(_server: grpc.aio.Server, _lifetime: Lifetime) -> Sequence[str]:
        raise AssertionError("it loads")

    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        number = taken.getsockname()[1]
        settings = ServerSettings(**{"port": 0, "reuse_port": reuse_port, field: number})
        with pytest.raises(StartupError, match=f"cannot listen on 127.0.0.1:{number}$"):
            async with started("t", settings, loads):
                pass


async def test_metrics_are_those_of_the_process_that_serves() -> None:
    settings = ServerSettings(port=0, metrics_port=free_port())
    seen: list[bool] = []

    async def looks(_server: grpc.aio.Server, _lifetime: Lifetime) -> Sequence[str]:
        seen.append(listens(settings.metrics_port))
        return []

    async with started("t", settings, looks) as running:
        async with httpx.AsyncClient(trust_env=False) as http:
            page = await http.get(f"http://127.0.0.1:{settings.metrics_port}/metrics")
        assert page.is_success
        await running.leave()
        seen.append(listens(settings.metrics_port))
        assert await asked(running.port) == health_pb2.HealthCheckResponse.NOT_SERVING
    assert seen == [False, False]


async def test_all_ports_drain_at_the_same_time() -> None:
    """Here none ends before all have begun to: one after another they would never."""
    begun, running = asyncio.Barrier(3), asyncio.Event()

    async def all_begun() -> None:
        async with asyncio.timeout(PATIENCE):
            await begun.wait()

    async def call(_request: bytes, _context: object) -> bytes:
        running.set()
        await all_begun()
        return b"done"

    async def doors(server: grpc.aio.Server, lifetime: Lifetime) -> Sequence[str]:
        handler = grpc.unary_unary_rpc_method_handler(call, bytes, bytes)
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("t.Slow", {"Call": handler})]
        )
        for _ in range(2):
            lifetime.door().push_async_callback(all_begun)
        return []

    async with (
        started("t", ServerSettings(port=0), doors) as server,
        open_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        method: Any = channel.unary_unary
        answer = asyncio.ensure_future(method("/t.Slow/Call")(b""))
        async with asyncio.timeout(PATIENCE):
            await running.wait()
            await server.drain(PATIENCE * 2)
        assert await answer == b"done"
