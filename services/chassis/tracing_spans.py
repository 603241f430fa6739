"""Spans by OpenTelemetry: begun at the edge, handed on as W3C trace context, sent by OTLP.

A trace begins in a server alone, for the share of requests that is sampled; inside of a request
that is not sampled no span is made.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    StatusCode,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_W3C = TraceContextTextMapPropagator()


class Tracing:
    """Makes the spans of this process. Its provider is made no library's default: their spans
    would tell what a path holds, ids of users among it.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("recstack")

    @contextmanager
    def server(self, name: str, headers: Mapping[str, str]) -> Iterator[Span]:
        """The span of a request with these headers; of its caller's trace, if they name one."""
        span = self._tracer.start_span(name, _W3C.extract(headers, Context()), SpanKind.SERVER)
        with _current(span):
            yield span

    @contextmanager
    def part(self, name: str, client: bool = False) -> Iterator[Span | None]:
        """A part of the current span; None outside of a sampled request.

        `client`: the part is a call of another process.
        """
        if self.current() is None:
            yield None
            return
        kind = SpanKind.CLIENT if client else SpanKind.INTERNAL
        with _current(self._tracer.start_span(name, kind=kind)) as span:
            yield span

    @contextmanager
    def call(self, name: str, askers: Sequence[Span]) -> Iterator[Span | None]:
        """One call made for several requests: a part of the first one's span, linked with the rest.

        The others link to it, so that each trace leads to the call that answered it. None when no
        asker is sampled, or none waits any more.
        """
        waiting = [asker for asker in askers if asker.is_recording()]
        if not waiting:
            yield None
            return
        first, *others = waiting
        links = [Link(other.get_span_context()) for other in others]
        parent = set_span_in_context(first, Context())
        with _current(self._tracer.start_span(name, parent, SpanKind.CLIENT, links=links)) as span:
            for other in others:
                other.add_link(span.get_span_context())
            yield span

    def current(self) -> Span | None:
        """The span that attributes may be put on; None outside of a sampled request."""
        span = get_current_span()
        return span if span.is_recording() else None

    def headers(self) -> tuple[tuple[str, str], ...]:
        """W3C trace context of the current span; empty when there is none."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return tuple(carrier.items())

    def failed(self, span: Span, reason: str, message: str = "") -> None:
        """Marks a span as failed; `reason`: one of a few words, `message`: for engineers."""
        span.set_attribute("error.type", reason)
        span.set_status(StatusCode.ERROR, message)


@contextmanager
def _current(span: Span) -> Iterator[Span]:
    """The span is the current one within, and ends with it, however that is left."""
    token = contexts.attach(set_span_in_context(span))
    try:
        yield span
    finally:
        contexts.detach(token)
        span.end()
