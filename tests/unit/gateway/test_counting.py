"""What the gateway exports of its answers and of its stages, from real calls."""

import asyncio
import time
from contextlib import nullcontext

import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from services.chassis.errors import InvalidArgumentError
from services.domain.outcome import CallError, Reason
from services.domain.traffic import Arm
from services.gateway.collectors import BreakerCollector, StatsCollector, register
from services.gateway.counted import Counted
from services.gateway.errors import NotFoundError, UnavailableError
from services.gateway.metrics import retries
from services.gateway.release import GatewayRelease
from services.gateway.requests import EventInput, RecommendInput
from services.gateway.resilience.retry import RetryBudget, Retrying
from services.gateway.stats import Stats
from tests.unit.gateway.clock import Clock
from tests.unit.gateway.test_retry import Flaky
from tests.unit.gateway.world import IDS, World, make_world

PREFIX = "recstack_gateway_"


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"{PREFIX}{name}_total", labels) or 0.0


@pytest.fixture
def own(world: World) -> CollectorRegistry:
    """What is read from the gateway's arrays."""
    registry = CollectorRegistry()
    register(registry, StatsCollector(world.gateway.stats))
    return registry


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, "OK"),
        (NotFoundError("item_id", "no such item"), "NOT_FOUND"),
        (UnavailableError("recall did not answer"), "UNAVAILABLE"),
        (InvalidArgumentError("k", "at least 1"), "INVALID_ARGUMENT"),
        (asyncio.CancelledError(), "CANCELLED"),
        (ZeroDivisionError(), "INTERNAL"),
    ],
)
def test_a_call_is_counted_by_its_code(error: BaseException | None, code: str) -> None:
    meter = Stats(Clock()).meter("SimilarItems")
    labels = {"rpc": "SimilarItems", "code": code, "release": "r7"}
    before = count("requests", **labels)
    raised = nullcontext() if error is None else pytest.raises(type(error))
    with raised, Counted(meter, Clock(), "r7"):
        if error is not None:
            raise error
    assert count("requests", **labels) == before + 1


async def test_a_degraded_list_is_counted_with_what_is_missing(
    world: World, own: CollectorRegistry
) -> None:
    world["rank"].mode = "call_error"
    missing = {"part": "rank", "reason": "UNAVAILABLE"}
    failed = {"stage": "rank", "reason": "UNAVAILABLE"}
    before = count("degraded_parts", **missing), count("stage_failures", **failed)
    answer = await world.gateway.recommend(RecommendInput(user_id="u", k=3), "id")
    assert [stage for stage, _ in answer.degraded] == ["rank"]
    assert count("degraded_parts", **missing) == before[0] + 1
    assert count("stage_failures", **failed) == before[1] + 1
    value = own.get_sample_value
    assert value(f"{PREFIX}degraded_total", {"rpc": "Recommend"}) == 1
    assert value(f"{PREFIX}short_lists_total", {"rpc": "Recommend"}) == 0
    kept = value(f"{PREFIX}stage_kept_candidates_total", {"stage": "recall"})
    assert kept
    received = value(f"{PREFIX}stage_received_candidates_total", {"stage": "prerank"})
    assert received == kept
    assert value(f"{PREFIX}stage_kept_candidates_total", {"stage": "rerank"}) == 3


async def test_a_list_of_all_items_is_short(world: World, own: CollectorRegistry) -> None:
    answer = await world.gateway.recommend(RecommendInput(user_id="u", k=100), "id")
    assert 0 < len(answer.items) < 100
    assert own.get_sample_value(f"{PREFIX}short_lists_total", {"rpc": "Recommend"}) == 1
    assert own.get_sample_value(f"{PREFIX}empty_lists_total", {"rpc": "Recommend"}) == 0


async def test_a_breaker_says_that_it_is_open(release: GatewayRelease) -> None:
    clock, own = Clock(), CollectorRegistry()
    world = make_world(release, clock)
    register(own, BreakerCollector(world.gateway.lanes))
    world["rank"].mode = "call_error"
    skipped = {"stage": "rank", "reason": "BREAKER_OPEN"}
    before = count("stage_failures", **skipped)
    world.gateway.lanes.lane(release.id, Arm.CONTROL)
    for _ in range(7):
        await world.gateway.recommend(RecommendInput(user_id="u", k=3), "id")
        clock.move(0.03)
    control = {"arm": "control", "stage": "rank"}
    assert own.get_sample_value(f"{PREFIX}lane_breaker_open", control) == 0
    for stage, is_open in (("rank", 1), ("recall", 0)):
        labels = {"stage": stage}
        assert own.get_sample_value(f"{PREFIX}breaker_open", labels) == is_open
        assert own.get_sample_value(f"{PREFIX}breaker_trips_total", labels) == is_open
    assert count("stage_failures", **skipped) == before + 2


async def test_events_that_are_not_stored_are_failures(world: World) -> None:
    world["events"].mode = "call_error"
    labels = {"rpc": "RecordEvents", "code": "UNAVAILABLE", "release": ""}
    before = count("requests", **labels)
    event = EventInput("e1", "u", IDS[0], 2, int(time.time()))
    recorded = await world.gateway.record([event])
    assert [fault.retryable for fault in recorded.faults] == [True]
    assert count("requests", **labels) == before + 1


async def test_a_retry_is_counted() -> None:
    before = count("retries", stage="rank")
    for stage in (Flaky(Reason.UNAVAILABLE), Flaky()):
        await Retrying(stage, RetryBudget(), retries("rank")).call([1], 1.0)
    assert count("retries", stage="rank") == before + 1
    with pytest.raises(CallError):
        await Retrying(Flaky(Reason.TIMEOUT), RetryBudget(), retries("rank")).call([1], 1.0)
    assert count("retries", stage="rank") == before + 1
