"""A service process: gRPC server, health, reflection, metrics, graceful drain."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.chassis import log, metrics
from services.chassis.address import joined
from services.chassis.channel import MAX_MESSAGE_BYTES
from services.chassis.errors import StartupError
from services.chassis.interceptors import BoundaryInterceptor
from services.chassis.settings import ServerSettings

Mount = Callable[[grpc.aio.Server, AsyncExitStack], Awaitable[Sequence[str]]]
"""Registers servicers, enters resources on the stack, returns the full names of the services."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers. `port` is the one it listens on."""

    server: grpc.aio.Server
    health: Any
    port: int

    async def drain(self, seconds: float) -> None:
        """Tells health checks to go elsewhere, then lets running calls end."""
        await self.health.enter_graceful_shutdown()
        await self.server.stop(seconds)


@asynccontextmanager
async def started(
    service: str, settings: ServerSettings, mount: Mount
) -> AsyncIterator[RunningServer]:
    """A running server; drained when the context ends.

    Raises:
        StartupError: when it cannot listen, or from `mount`.
    """
    server = grpc.aio.server(
        interceptors=[BoundaryInterceptor(service)],
        options=(
            ("grpc.so_reuseport", int(settings.reuse_port)),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ),
    )
    address = joined(settings.host, settings.port)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise StartupError(
            f"{service} cannot listen on {address}",
            "stop the process that holds the port, or choose another port or host",
        ) from error
    async with AsyncExitStack() as stack:
        stack.enter_context(metrics.endpoint(settings.host, settings.metrics_port))
        names = [
            *await mount(server, stack),
            health.SERVICE_NAME,
        ]
        servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
        await server.start()
        for name in ["", *names]:
            await servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
        running = RunningServer(server, servicer, port)
        try:
            yield running
        finally:
            await running.drain(settings.drain_seconds)


def run(service: str, settings: ServerSettings, mount: Mount) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code of the process."""
    log.configure(service, settings.log_level)
    try:
        uvloop.run(_serve(service, settings, mount))
    except StartupError as error:
        hint = f"\n  {error.hint}" if error.hint else ""
        print(f"{service}: {error}{hint}", file=sys.stderr)
        return 2
    return 0


async def _serve(service: str, settings: ServerSettings, mount: Mount) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    logger = log.get_logger("server")
    async with started(service, settings, mount) as running:
        logger.info("serving", host=settings.host, port=running.port)
        await stop.wait()
        logger.info("draining", seconds=settings.drain_seconds)
    logger.info("stopped")
