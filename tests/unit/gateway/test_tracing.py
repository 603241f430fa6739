"""One call that serves several requests is found from each of them."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.chassis import tracing
from services.chassis.tracing_spans import Tracing
from services.domain.outcome import CallError, Failure, Outcome, Reason
from services.gateway.funnel import Funnel
from services.gateway.release import GatewayRelease
from services.gateway.requests import RecommendInput
from services.gateway.resilience.batching import Batching, BatchLimits
from services.gateway.resilience.retry import RetryBudget, Retrying
from services.gateway.tracing.batching import open_batching, traced_client
from tests.unit.gateway.world import World, make_world

NOT_SAMPLED = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}


@dataclass(frozen=True)
class Query:
    remaining: float = 1.0


class Stage:
    """Fails the first `failures` calls, then answers when the gate is open."""

    def __init__(self, failures: int = 0, gate: bool = True) -> None:
        self.failures = failures
        self.entered, self.gate = asyncio.Event(), asyncio.Event()
        if gate:
            self.gate.set()

    async def call(self, queries: Sequence[Query], timeout: float) -> Sequence[Outcome[int]]:
        self.entered.set()
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise CallError(Failure(Reason.UNAVAILABLE, "connection refused"))
        return [Outcome.of(1)] * len(queries)


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def made(spans: InMemorySpanExporter) -> Tracing:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return Tracing(provider)


def batching(stage: Stage) -> Batching[Query, int]:
    retrying = Retrying(traced_client("rank", stage), RetryBudget())
    return open_batching(retrying, BatchLimits(), lambda query: 1, time.monotonic)


async def ask(made: Tracing, client: Batching[Query, int], headers: dict[str, str]) -> None:
    with made.server("request", headers), made.part("rank"):
        await client.call([Query()], 10.0)


def by_name(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


async def test_a_batch_is_part_of_its_first_request_and_linked_with_the_others(
    made: Tracing, spans: InMemorySpanExporter
) -> None:
    with tracing.installed(made):
        client = batching(Stage())
    requests = (ask(made, client, headers) for headers in (NOT_SAMPLED, {}, {}, {}))
    await asyncio.gather(*requests)
    (call,) = by_name(spans, "rank call")
    first, *others = sorted(by_name(spans, "rank"), key=lambda span: span.start_time or 0)
    assert call.parent == first.context
    assert [link.context for link in call.links] == [other.context for other in others]
    assert [[link.context for link in span.links] for span in others] == [[call.context]] * 2
    assert [span.attributes["recstack.batch.queries"] for span in (call, first, *others)] == [4] * 4


async def test_each_try_is_a_call(made: Tracing, spans: InMemorySpanExporter) -> None:
    with tracing.installed(made):
        client = batching(Stage(failures=1))
    await ask(made, client, {})
    failed, good = by_name(spans, "rank call")
    (stage,) = by_name(spans, "rank")
    assert failed.parent == good.parent == stage.context
    assert failed.attributes == {"recstack.batch.queries": 1, "error.type": "UNAVAILABLE"}
    assert failed.status.description == "connection refused"
    assert good.attributes == {"recstack.batch.queries": 1, "recstack.batch.failures": 0}


async def test_who_gave_up_while_waiting_is_in_no_call(
    made: Tracing, spans: InMemorySpanExporter
) -> None:
    with tracing.installed(made):
        client = batching(stage := Stage(gate=False))
    first = asyncio.create_task(ask(made, client, {}))
    await stage.entered.wait()
    gone, stays = (asyncio.create_task(ask(made, client, {})) for _ in range(2))
    await asyncio.sleep(0)  # both are in the queue
    gone.cancel()
    stage.gate.set()
    await asyncio.gather(first, gone, stays, return_exceptions=True)
    calls = by_name(spans, "rank call")
    assert [(len(call.links), call.attributes["recstack.batch.queries"]) for call in calls] == [
        (0, 1),
        (0, 1),
    ]


def test_off_nothing_is_wrapped(release: GatewayRelease) -> None:
    stage = Stage()
    assert traced_client("rank", stage) is stage
    assert type(batching(stage)) is Batching
    assert type(make_world(release).gateway.lanes.stable.funnel) is Funnel


@pytest.fixture
def traced_world(made: Tracing, release: GatewayRelease) -> World:
    with tracing.installed(made):
        return make_world(release, deadline_seconds=60.0)


@pytest.mark.parametrize(
    ("stage", "name"),
    [
        ("contexts", "feature_store"),
        ("recall", "recall"),
        ("prerank", "prerank"),
        ("rank", "rank"),
        ("rerank", "rerank"),
        ("marks", "seen"),
    ],
)
async def test_a_stage_that_is_skipped_says_why(
    traced_world: World, made: Tracing, spans: InMemorySpanExporter, stage: str, name: str
) -> None:
    traced_world[stage].mode = "call_error"
    with made.server("request", {}):
        await traced_world.gateway.recommend(RecommendInput(user_id="u", k=5), "id")
    failed = [span for span in spans.get_finished_spans() if span.status.description]
    assert [span.name for span in failed] == [name]
    assert failed[0].attributes["recstack.skipped"] == "UNAVAILABLE"
    assert failed[0].status.description == "connection refused"
    (root,) = by_name(spans, "request")
    assert root.attributes["recstack.degraded"] == (f"{name}: UNAVAILABLE",)
    assert root.attributes["recstack.items"] == 5


async def test_a_request_that_is_not_sampled_is_answered_alike(
    traced_world: World, made: Tracing, spans: InMemorySpanExporter
) -> None:
    with made.server("request", NOT_SAMPLED):
        answer = await traced_world.gateway.recommend(RecommendInput(user_id="u", k=5), "id")
    assert len(answer.items) == 5
    assert spans.get_finished_spans() == ()
