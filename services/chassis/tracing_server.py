"""Traces of a service: where its spans go, and the span of each rpc that it answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc

from services.chassis import tracing
from services.chassis.errors import StartupError
from services.chassis.interceptors import status_name
from services.chassis.settings import ServerSettings
from services.chassis.unary import Handler, UnaryInterceptor

if TYPE_CHECKING:
    from services.chassis.tracing_spans import Tracing

# What a client did wrong is no failure of the server (OpenTelemetry's conventions for rpc spans).
_FAILURES = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)


@contextmanager
def exporting(service: str, settings: ServerSettings) -> Iterator[None]:
    """Sends spans to the endpoint of the settings while the context is open; none: no traces.

    Raises:
        StartupError: the extra is not installed, or the endpoint is no URL.
    """
    if not settings.trace_endpoint:
        yield
        return
    try:
        from services.chassis.tracing_export import opened
    except ImportError as error:
        raise StartupError(
            f"{service} cannot trace: {error}", "install it: pip install 'recstack[tracing]'"
        ) from None
    with opened(service, settings) as made, tracing.installed(made):
        yield


def interceptors() -> Sequence[TracingInterceptor]:
    """What a server puts before its other interceptors; nothing when it is not traced."""
    active = tracing.active()
    return [] if active is None else [TracingInterceptor(active)]


class TracingInterceptor(UnaryInterceptor):
    """A span around every rpc of a service."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    def wrapped(self, method: str, inner: Handler) -> Handler:
        name = method.removeprefix("/")

        async def traced(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            headers = {
                key: value
                for key, value in context.invocation_metadata() or ()
                if isinstance(value, str)
            }
            with self._tracing.server(name, headers) as span:
                span.set_attribute("rpc.system.name", "grpc")
                code = "CANCELLED"  # what is left when the client went away
                try:
                    response = await inner(request, context)
                    code = status_name(context.code())
                    return response
                except grpc.aio.AbortError:
                    code = status_name(context.code())
                    raise
                finally:
                    span.set_attribute("rpc.response.status_code", code)
                    if code in _FAILURES:
                        self._tracing.failed(span, code)

        return traced
