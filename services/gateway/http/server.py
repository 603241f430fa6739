"""The JSON API's server, in the same event loop as gRPC."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from services.chassis.errors import StartupError
from services.chassis.tls import server_context
from services.gateway.http.protocol import Protocol
from services.gateway.settings import GatewaySettings

BACKLOG = 1024
LAST_SECONDS = 0.1


class _Server(uvicorn.Server):
    """Leaves signals to the process, which drains gRPC and HTTP together."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: ASGIApp, settings: GatewaySettings) -> AsyncIterator[int]:
    """Serves while the context is open, then lets running calls end; gives the port.

    Raises:
        StartupError: when the port is taken.
    """
    listener = _listener(settings)
    config = uvicorn.Config(
        app,
        http=Protocol,
        loop="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=max(round(settings.drain_seconds), 1),
    )
    if settings.tls.serves:
        secure = server_context(settings.tls, settings.asks_clients)
        config.ssl_context_factory = lambda _config, _default: secure
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield int(listener.getsockname()[1])
    finally:
        await _listen_no_more(server)
        server.should_exit = True
        await task
        with contextlib.suppress(OSError):
            listener.close()


async def _listen_no_more(server: uvicorn.Server) -> None:
    """Idle connections are closed soon after: those just made have the time to ask."""
    if server.server_state.connections:
        for each in server.servers:
            each.close()
        await asyncio.sleep(LAST_SECONDS)


def _listener(settings: GatewaySettings) -> socket.socket:
    address = (settings.host, settings.http_port)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if settings.reuse_port:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StartupError(
            f"gateway cannot serve HTTP on {settings.host}:{settings.http_port}: {error.strerror}",
            "stop the process that holds the port, or choose another port",
        ) from error
    listener.setblocking(False)
    return listener
