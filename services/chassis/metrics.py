"""Metrics of every service, and the HTTP endpoint that shows them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Gauge, Histogram, start_http_server

from services.chassis.address import joined
from services.chassis.errors import StartupError

RPC_SECONDS = Histogram(
    "recstack_rpc_seconds",
    "Time to answer an rpc, by its status code; failures included.",
    ["service", "rpc", "code"],
    buckets=(
        0.0005,
        0.001,
        0.002,
        0.003,
        0.005,
        0.0075,
        0.01,
        0.015,
        0.02,
        0.03,
        0.05,
        0.075,
        0.1,
        0.15,
        0.2,
        0.3,
        0.5,
        0.75,
        1.0,
        2.0,
        5.0,
    ),
)

MODULE_LOADED = Gauge(
    "recstack_module_loaded",
    "1 when the Python module is in sys.modules of this process; serving never loads torch.",
    ["module"],
)
MODULE_LOADED.labels("torch").set_function(lambda: float("torch" in sys.modules))


@contextmanager
def endpoint(host: str, port: int) -> Iterator[None]:
    """Serves /metrics while the context is open; port 0: none.

    Raises:
        StartupError: when it cannot listen.
    """
    if not port:
        yield
        return
    try:
        server, thread = start_http_server(port, host)
    except OSError as error:
        raise StartupError(f"cannot serve metrics on {joined(host, port)}: {error}") from error
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
