"""Traces are off unless an endpoint is set, and then a server begins them."""

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import ValidationError
from structlog.testing import capture_logs

from services.chassis import tracing, tracing_server
from services.chassis.errors import StartupError
from services.chassis.settings import ServerSettings
from services.chassis.tracing_export import Drawn, Patient, sampler_of
from services.chassis.tracing_http import traced
from services.chassis.tracing_spans import Tracing

PARENT = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def made(spans: InMemorySpanExporter) -> Tracing:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return Tracing(provider)


async def app(scope: object, receive: object, send: object) -> None:
    """An ASGI application."""


def test_off_nothing_is_wrapped() -> None:
    with tracing_server.exporting("rank", ServerSettings(port=0)):
        assert tracing.active() is None
        assert tracing.headers() == ()
        assert list(tracing_server.interceptors()) == []
        assert traced(app, "/v1/") is app


def test_off_no_service_imports_what_makes_and_sends_spans() -> None:
    """Whatever FastAPI and redis-py import of it by themselves."""
    program = (
        "import sys, services.gateway.__main__ as _, services.rank.__main__, recstack.standalone\n"
        "ours = {m for m in sys.modules if m.startswith('services.chassis.tracing')}\n"
        "theirs = ('opentelemetry.sdk.trace', 'opentelemetry.exporter')\n"
        "print(*sorted(ours), *(m for m in sys.modules if m.startswith(theirs)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == [
        "services.chassis.tracing",
        "services.chassis.tracing_http",
        "services.chassis.tracing_server",
    ], done.stderr


def test_without_the_extra_a_service_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "services.chassis.tracing_export", None)
    settings = ServerSettings(port=0, trace_endpoint="http://127.0.0.1:4317")
    with pytest.raises(StartupError) as caught, tracing_server.exporting("rank", settings):
        pass
    assert "recstack[tracing]" in caught.value.hint


@pytest.mark.parametrize(
    "endpoint", ["127.0.0.1:4317", "grpc://collector", "http://", "https://a/b"]
)
def test_an_endpoint_is_a_url_without_a_path(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="trace_endpoint"):
        ServerSettings(port=0, trace_endpoint=endpoint)


def test_only_a_server_begins_a_trace(made: Tracing, spans: InMemorySpanExporter) -> None:
    with made.part("alone") as part, made.call("call", []) as call:
        assert (part, call, made.headers()) == (None, None, ())
    assert spans.get_finished_spans() == ()


def test_a_trace_goes_on_from_header_to_header(made: Tracing, spans: InMemorySpanExporter) -> None:
    with tracing.installed(made):
        with made.server("edge", PARENT), made.part("stage"):
            headers = dict(tracing.headers())
        with made.server("far", headers):
            pass
    stage, edge, far = spans.get_finished_spans()
    assert edge.parent is not None
    assert f"{edge.parent.span_id:016x}" == "00f067aa0ba902b7"
    assert stage.parent == edge.context
    assert far.parent is not None
    assert far.parent.span_id == stage.context.span_id
    assert {span.context.trace_id for span in (stage, edge, far)} == {edge.parent.trace_id}


class Collector(SpanExporter):
    """Answers as the test says."""

    def __init__(self) -> None:
        self.result = SpanExportResult.SUCCESS
        self.exports = 0

    def export(self, spans: object) -> SpanExportResult:
        self.exports += 1
        return self.result

    def shutdown(self) -> None:
        """Nothing to end."""


def test_a_collector_that_is_away_is_told_once_and_not_waited_for() -> None:
    collector = Collector()
    exporter = Patient(collector)
    with capture_logs() as logs:
        for result in ("SUCCESS", "FAILURE", "FAILURE", "SUCCESS", "FAILURE"):
            collector.result = SpanExportResult[result]
            exporter.export([])
    assert [entry["log_level"] for entry in logs] == ["warning", "info", "warning"]
    exporter.closing = True
    assert exporter.export([]) is SpanExportResult.FAILURE
    assert collector.exports == 5


def sampled(settings: ServerSettings, parent: str) -> bool:
    """Whether a request with this trace id and flag is traced, and a part of it too."""
    spans = InMemorySpanExporter()
    provider = TracerProvider(sampler_of(settings))
    provider.add_span_processor(SimpleSpanProcessor(spans))
    made = Tracing(provider)
    with tracing.installed(made), made.server("edge", {"traceparent": parent}), made.part("stage"):
        ((_, handed_on),) = tracing.headers()
    assert handed_on.split("-")[1] == parent.split("-")[1]
    finished = spans.get_finished_spans()
    assert handed_on.endswith("-01") is (len(finished) == 2)
    return bool(finished)


@pytest.mark.parametrize("ratio", [0.0, 1.0])
@pytest.mark.parametrize("flag", ["00", "01"])
@pytest.mark.parametrize("trace", ["f" * 32, "0" * 31 + "1"])  # by id: the last, then the first
def test_a_caller_decides_what_is_traced_only_where_it_is_trusted(
    ratio: float, flag: str, trace: str
) -> None:
    parent = f"00-{trace}-00f067aa0ba902b7-{flag}"
    trusting = ServerSettings(port=0, trace_ratio=ratio)
    assert sampled(trusting, parent) is (flag == "01")
    assert sampled(trusting.model_copy(update={"trace_parents": False}), parent) is (ratio == 1)


def test_no_trace_id_is_sure_to_be_traced() -> None:
    draws = iter((0.1, 0.25, 0.9))
    drawn = Drawn(0.25, lambda: next(draws))
    decisions = [drawn.should_sample(None, 1, "edge").decision.is_sampled() for _ in range(3)]
    assert decisions == [True, False, False]
