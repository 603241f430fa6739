"""Sends spans to an OpenTelemetry collector: OTLP over gRPC, from a thread of its own."""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import random

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)

from services.chassis.credentials import channel_credentials
from services.chassis.log import get_logger
from services.chassis.settings import ServerSettings
from services.chassis.tracing_spans import Tracing

QUEUE_SPANS = 8192  # that wait for a slow collector; beyond, the oldest are dropped
EXPORT_SECONDS = 2.0  # for a batch; then it is dropped
EVERY_MILLISECONDS = 1000


@contextmanager
def opened(service: str, settings: ServerSettings) -> Iterator[Tracing]:
    """Spans go to the endpoint while the context is open; what is left is sent at its end."""
    resource = Resource.create(
        {
            "service.namespace": "recstack",
            "service.name": service,
            "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        }
    )
    provider = TracerProvider(sampler_of(settings), resource, shutdown_on_exit=False)
    exporter = Patient(_exporter(settings))
    processor = BatchSpanProcessor(
        exporter, max_queue_size=QUEUE_SPANS, schedule_delay_millis=EVERY_MILLISECONDS
    )
    provider.add_span_processor(processor)
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it would tell of each batch
    try:
        yield Tracing(provider)
    finally:
        exporter.closing = True
        provider.shutdown()


def sampler_of(settings: ServerSettings) -> Sampler:
    """Which requests are traced; below a span of this process, what that one is."""
    if settings.trace_parents:
        return ParentBased(TraceIdRatioBased(settings.trace_ratio))
    drawn = Drawn(settings.trace_ratio)
    return ParentBased(drawn, remote_parent_sampled=drawn, remote_parent_not_sampled=drawn)


class Drawn(Sampler):
    """A share of the requests, whatever their trace ids: a caller chooses its own."""

    def __init__(self, ratio: float, draw: Callable[[], float] = random) -> None:
        """`draw`: gives numbers of [0, 1)."""
        self._ratio = ratio
        self._draw = draw

    def should_sample(self, *_: object, **__: object) -> SamplingResult:
        """Drawn anew for each request."""
        sampled = self._draw() < self._ratio
        return SamplingResult(Decision.RECORD_AND_SAMPLE if sampled else Decision.DROP)

    def get_description(self) -> str:
        return f"Drawn{{{self._ratio}}}"


class Patient(SpanExporter):
    """Says once that the collector is away and once that it is back, and ends soon without it."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.closing = False
        self._exporter = exporter
        self._away = False
        self._log = get_logger("tracing")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends the spans; FAILURE drops them."""
        if self.closing and self._away:
            return SpanExportResult.FAILURE
        result = self._exporter.export(spans)
        away = result is not SpanExportResult.SUCCESS
        if away and not self._away:
            self._log.warning("the trace collector does not answer; spans are dropped")
        elif self._away and not away:
            self._log.info("the trace collector is back")
        self._away = away
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _exporter(settings: ServerSettings) -> OTLPSpanExporter:
    """http:// is not encrypted; https:// trusts the CA of the settings, else the system's."""
    endpoint = settings.trace_endpoint
    if endpoint.startswith("http://"):
        return OTLPSpanExporter(endpoint, insecure=True, timeout=EXPORT_SECONDS)
    credentials = channel_credentials(settings.tls)
    return OTLPSpanExporter(endpoint, credentials=credentials, timeout=EXPORT_SECONDS)
