"""A service process: gRPC server, health, reflection, metrics, graceful drain."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.chassis import fit, log, loop, metrics, notify, port, tracing_server
from services.chassis.address import joined
from services.chassis.channel import MAX_MESSAGE_BYTES
from services.chassis.credentials import server_credentials
from services.chassis.errors import StartupError
from services.chassis.intake import TrueNames, make_server
from services.chassis.interceptors import BoundaryInterceptor
from services.chassis.redact import redacted
from services.chassis.settings import ServerSettings


class Lifetime(AsyncExitStack):
    """What a server holds while it lives. `leaving`: it ends soon, clients shall go elsewhere."""

    leaving = False

    def __init__(self) -> None:
        super().__init__()
        self._doors: list[AsyncExitStack] = []

    def door(self) -> AsyncExitStack:
        """Holds a port where calls come in: it ends with the running calls, before the rest."""
        door = AsyncExitStack()
        self._doors.append(door)
        self.push_async_callback(door.aclose)
        return door

    async def close_doors(self) -> None:
        """All at the same time, so that none takes from the time of another."""
        await asyncio.gather(*(door.aclose() for door in self._doors))


Mount = Callable[[grpc.aio.Server, Lifetime], Awaitable[Sequence[str]]]
"""Registers servicers, enters resources on the stack, returns the full names of the services."""

Interceptors = Callable[[], Sequence[grpc.aio.ServerInterceptor]]  # type: ignore[type-arg]
"""What decides about calls before all else, such as by a token; may raise StartupError."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers. `port` is the one it listens on, `metrics` holds that of /metrics."""

    server: grpc.aio.Server
    health: Any
    port: int
    lifetime: Lifetime
    metrics: ExitStack = field(default_factory=ExitStack)

    async def leave(self) -> None:
        """Tells clients to go elsewhere, and goes on answering those that do not: a lame duck.

        /metrics is closed: of two processes at one port, a scrape would see now one, now the other.
        """
        self.lifetime.leaving = True
        await self.health.enter_graceful_shutdown()
        await asyncio.to_thread(self.metrics.close)

    async def drain(self, seconds: float) -> None:
        """Takes no more calls, has clients open other connections, lets running calls end."""
        await self.leave()
        await asyncio.gather(self.server.stop(seconds), self.lifetime.close_doors())


@asynccontextmanager
async def started(
    service: str, settings: ServerSettings, mount: Mount, first: Interceptors = tuple
) -> AsyncIterator[RunningServer]:
    """A running server; drained when the context ends.

    It listens when all is mounted: on a shared port the kernel gives connections to each process
    that listens, also to one that loads a release for seconds.

    Raises:
        StartupError: when it cannot listen, or from `mount` or `first`.
    """
    _check(service, settings)
    around = (*tracing_server.interceptors(), BoundaryInterceptor(service))
    server = make_server(
        interceptors=[TrueNames(), *first(), *around],
        options=(
            ("grpc.so_reuseport", int(settings.reuse_port)),
            ("grpc.max_receive_message_length", settings.max_request_bytes),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ),
    )
    async with Lifetime() as stack:
        metrics.BUILD_INFO.labels(service, version("recstack")).set(1)
        names = [
            *await mount(server, stack),
            health.SERVICE_NAME,
        ]
        servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
        number = listen(service, server, (settings.host, settings.port), settings)
        await server.start()
        running = RunningServer(server, servicer, number, stack)
        try:
            running.metrics.enter_context(metrics.endpoint(settings))
            for name in ["", *names]:
                await servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
            yield running
        finally:
            await running.drain(settings.drain_seconds)


def _check(service: str, settings: ServerSettings) -> None:
    """Finds out what `listen` would, before anything is loaded.

    Raises:
        StartupError: a port cannot be had, or the files of TLS cannot be read.
    """
    port.check(service, (settings.host, settings.port), settings.reuse_port)
    if settings.metrics_port:
        port.check(f"{service}: /metrics", settings.metrics_place, settings.reuse_port)
    if settings.tls.serves:
        server_credentials(settings.tls, settings.asks_clients)


def listen(
    service: str, server: grpc.aio.Server, place: tuple[str, int], settings: ServerSettings
) -> int:
    """Opens a port at host and port, by TLS where the settings say so; the port it has.

    Raises:
        StartupError: it cannot be had, or the files of TLS cannot be read.
    """
    address, tls = joined(*place), settings.tls
    try:
        if not tls.serves:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, server_credentials(tls, settings.asks_clients))
    except RuntimeError as error:
        raise port.refused(service, place) from error


def run(service: str, settings: ServerSettings, mount: Mount, first: Interceptors = tuple) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code of the process.

    SIGTERM: health says NOT_SERVING, calls are taken for `lame_duck_seconds` more; then, as with
    SIGINT at once, running calls have `drain_seconds` to end. A second signal ends the process.
    """
    log.configure(service, settings.log_level)
    log.capture()
    try:
        with tracing_server.exporting(service, settings):
            loop.run(_serve(service, settings, mount, first))
    except StartupError as error:
        hint = f"\n  {error.hint}" if error.hint else ""
        print(redacted(f"{service}: {error}{hint}"), file=sys.stderr)
        return 2
    return 0


async def _serve(service: str, settings: ServerSettings, mount: Mount, first: Interceptors) -> None:
    logger = log.get_logger("server")
    signals = _signals()
    async with started(service, settings, mount, first) as running:
        logger.info("serving", host=settings.host, port=running.port)
        if lacking := fit.missing(asyncio.get_running_loop()):
            logger.warning("gRPC is not the one expected: calls wait under load", missing=lacking)
        notify.ready(settings.notify_socket)
        if await signals.get() == signal.SIGTERM:
            logger.info("leaving", seconds=settings.lame_duck_seconds)
            await running.leave()
            await asyncio.sleep(settings.lame_duck_seconds)
        logger.info("draining", seconds=settings.drain_seconds)
    logger.info("stopped")


def _signals() -> asyncio.Queue[int]:
    """The first signal to end; from then on signals have their usual effect, which is the end."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def first(number: int) -> None:
        queue.put_nowait(number)
        for each in numbers:
            asyncio.get_running_loop().remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)

    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, first, number)
    return queue
