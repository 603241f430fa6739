"""An OpenTelemetry collector in the test's process: keeps the spans it gets by OTLP over gRPC."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as pb_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status

PATIENCE = 30.0


@dataclass(frozen=True)
class Span:
    """A span as it came."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    kind: str
    error: bool
    attributes: dict[str, Any]
    links: frozenset[str]


@dataclass
class Collector:
    """Spans in the order they came; `address` is the endpoint of exporters."""

    address: str = ""
    spans: list[Span] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, enough: Callable[[list[Span]], bool]) -> list[Span]:
        """The spans, when there are enough of them."""
        with self.news:
            assert self.news.wait_for(lambda: enough(self.spans), PATIENCE), self.spans
            return list(self.spans)

    def trace(self, trace: str, *names: str) -> list[Span]:
        """The spans of a trace, when all of these names are among them."""

        def complete(spans: list[Span]) -> bool:
            return set(names) <= {span.name for span in spans if span.trace == trace}

        return [span for span in self.wait(complete) if span.trace == trace]


class _Servicer(pb_grpc.TraceServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(  # noqa: N802
        self, request: pb.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> pb.ExportTraceServiceResponse:
        with self._collector.news:
            for resource in request.resource_spans:
                service = _attributes(resource.resource.attributes)["service.name"]
                for scope in resource.scope_spans:
                    self._collector.spans += [_span(service, span) for span in scope.spans]
            self._collector.news.notify_all()
        return pb.ExportTraceServiceResponse()


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port."""
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(4))
    pb_grpc.add_TraceServiceServicer_to_server(_Servicer(collector), server)
    collector.address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()


def _span(service: str, span: Message) -> Span:
    return Span(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        Message.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        span.status.code == Status.STATUS_CODE_ERROR,
        _attributes(span.attributes),
        frozenset(link.span_id.hex() for link in span.links),
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)
