"""Traces of requests, for an OpenTelemetry collector. Off unless an endpoint is set.

Whoever puts a service together asks `active()` once and takes a traced part or the plain one: what
is not traced runs the code it would run if there were no traces. Only `tracing_spans` and
`tracing_export` import opentelemetry, and a service that is not traced imports neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.chassis.tracing_spans import Tracing

_active: Tracing | None = None


def active() -> Tracing | None:
    """Makes spans in this process; None: it is not traced."""
    return _active


def headers() -> tuple[tuple[str, str], ...]:
    """W3C trace context of the current span, as metadata of a call; empty outside a trace."""
    return () if _active is None else _active.headers()


@contextmanager
def installed(tracing: Tracing) -> Iterator[None]:
    """Parts that are put together within the context are traced."""
    global _active
    before, _active = _active, tracing
    try:
        yield
    finally:
        _active = before
