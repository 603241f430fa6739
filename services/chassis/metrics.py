"""Metrics of every service, and the HTTP endpoint that shows them."""

import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import REGISTRY, Histogram, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from services.chassis.address import joined
from services.chassis.certificate import in_use_until
from services.chassis.errors import StartupError
from services.chassis.settings import ServerSettings
from services.chassis.tls import server_context
from services.telemetry.instruments import gauge, histogram

_RPC = histogram("recstack_rpc_duration_seconds")
BUILD_INFO = gauge("recstack_build_info")
MODULE_LOADED = gauge("recstack_module_loaded")
_CERTIFICATE = gauge("recstack_tls_certificate_expiry_timestamp_seconds")

MODULE_LOADED.labels("torch").set_function(lambda: float("torch" in sys.modules))


@cache
def rpc_seconds(service: str, rpc: str, code: str) -> Histogram:
    """Where the time of an rpc is counted; the label lookup is paid once."""
    return _RPC.labels(service, rpc, code)


@contextmanager
def endpoint(settings: ServerSettings) -> Iterator[None]:
    """Serves /metrics while the context is open, by TLS if the service does; port 0: none.

    Raises:
        StartupError: when it cannot listen.
    """
    _CERTIFICATE.set_function(partial(_expires_at, settings.tls.certificate))
    if not settings.metrics_port:
        yield
        return
    host, port = settings.metrics_place
    secure = server_context(settings.tls, settings.asks_clients) if settings.tls.serves else None
    try:
        server = _server(host, port, secure, settings.reuse_port)
    except OSError as error:
        raise StartupError(f"cannot serve metrics on {joined(host, port)}: {error}") from error
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _expires_at(certificate: Path | None) -> float:
    """Unix seconds; -1 without a certificate, 0 when its file cannot be read."""
    try:
        return -1.0 if certificate is None else in_use_until(certificate)
    except StartupError:
        return 0.0


def _server(
    host: str, port: int, secure: ssl.SSLContext | None, reuse_port: bool
) -> ThreadingWSGIServer:
    """Listens. TLS begins in the thread of its connection: a silent client holds up no other."""
    kind = _SixServer if ":" in host else _Server
    server = kind((host, port), _Handler, bind_and_activate=False)
    server.allow_reuse_port = reuse_port
    try:
        server.server_bind()
        server.server_activate()
    except OSError:
        server.server_close()
        raise
    server.set_app(make_wsgi_app(REGISTRY))
    if secure is not None:
        server.socket = secure.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    return server


class _Handler(WSGIRequestHandler):
    timeout = 10.0  # seconds until a silent client is given up

    def log_message(self, *_: object) -> None:
        """Calls are not logged."""


class _Server(ThreadingWSGIServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away, or has no certificate, is no trouble of this service."""


class _SixServer(_Server):
    address_family = socket.AF_INET6
