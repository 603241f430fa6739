"""Lanes whose release is not loaded, here or in a stage: who answers instead, what is counted."""

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.domain.ids import item_key
from services.domain.outcome import Outcome, Reason
from services.domain.traffic import Arm, Policy
from services.gateway.lanes.lane import Routing
from services.gateway.release import GatewayRelease
from services.gateway.requests import RecommendInput
from tests.unit.gateway.clock import Clock
from tests.unit.gateway.told import Told
from tests.unit.gateway.two import ALL, SPLIT, Two, releases, two
from tests.unit.gateway.world import make_world

__all__ = ["releases", "two"]

OF_RELEASES = ("recall", "prerank", "rank", "rerank")


async def test_a_release_that_is_not_loaded_serves_nobody(two: Two) -> None:
    two.told.applied = ALL
    canary = two.told.releases.pop("r2")
    assert (await two.list("u")).release == "r1"
    assert two.gateway.lanes.releases() == ("r1",)
    two.told.releases["r2"] = canary
    assert (await two.list("u")).release == "r2"
    assert two.gateway.lanes.releases() == ("r1", "r2")


async def test_there_is_no_control_where_the_canary_is_not_loaded(two: Two) -> None:
    users = [f"user {i}" for i in range(20)]
    two.told.partly = {"r2"}
    for user in users:
        await two.list(user)
    assert two.tallied("r1", Arm.CONTROL) == 0
    assert two.tallied("r1", Arm.STABLE) == 20
    two.told.partly = set()
    for user in users:
        await two.list(user)
    assert two.tallied("r1", Arm.CONTROL) > 0


async def test_a_stable_release_that_is_not_loaded_is_replaced_by_the_one_of_the_start(
    two: Two,
) -> None:
    two.told.applied = Policy(2, "r3", "r2", weight=50.0, control=50.0)
    users = [f"user {i}" for i in range(20)]
    assert {(await two.list(user)).release for user in users} == {"r1", "r2"}
    assert two.gateway.release.id == "r1"
    assert two.tallied("r1", Arm.CONTROL) == 0, "it is not the release of the control"


@pytest.mark.parametrize("policy", [ALL, Policy(1, "r2"), SPLIT])
async def test_a_release_that_a_stage_lacks_has_no_lane_at_first(two: Two, policy: Policy) -> None:
    two.told.applied = policy
    two.told.partly = {"r2"}
    users = [f"user {i}" for i in range(20)]
    assert {(await two.list(user)).release for user in users} == {"r1"}
    assert two.gateway.lanes.releases() == ("r1",)
    two.told.partly = set()
    assert "r2" in {(await two.list(user)).release for user in users}
    assert two.gateway.release.id == policy.stable


async def test_a_lane_stays_open_while_a_stage_starts_again(two: Two) -> None:
    two.told.applied = Policy(1, "r2")
    await two.list("u")
    two.told.partly = {"r2"}
    two.gateway.lanes.tidy()
    assert (await two.list("u")).release == "r2"


async def test_a_release_that_a_stage_lacks_serves_when_that_of_the_start_is_gone_too(
    two: Two,
) -> None:
    two.told.applied = Policy(1, "r2")
    two.told.partly = {"r1", "r2"}
    assert (await two.list("u")).release == "r2"


@pytest.mark.parametrize("stage", OF_RELEASES)
async def test_a_stage_that_lacks_the_canary_sends_its_users_to_stable(
    two: Two, stage: str
) -> None:
    two.told.applied = ALL
    two.canary[stage].mode = "refuse"
    before = fallbacks(stage)
    made = await two.list("u", k=5)
    assert (made.release, made.degraded, len(made.items)) == ("r1", (), 5)
    assert len(two.stable["marks"].queries) == 1
    assert two.stable.store.shown["u"] == [item_key(item.text.item_id) for item in made.items]
    assert (two.tallied("r2", Arm.CANARY), two.tallied("r1", Arm.STABLE)) == (0, 1)
    assert fallbacks(stage) == before + 1
    two.canary[stage].mode = "ok"
    assert (await two.list("u")).release == "r2"


async def test_stable_answers_in_the_time_that_is_left(
    releases: dict[str, GatewayRelease],
) -> None:
    clock = Clock()
    told = Told(ALL, releases)
    world = make_world(Routing(told, told), clock, deadline_seconds=10.02)

    async def slow(queries: Any, timeout: float) -> Any:
        if queries[0].release == "r2":
            clock.move(1.0)
            return [Outcome.failed(Reason.RELEASE_NOT_LOADED, "") for _ in queries]
        return [Outcome.of(world["recall"].answer(query)) for query in queries]

    world["recall"].call = slow  # type: ignore[method-assign]
    made = await world.gateway.recommend(RecommendInput(user_id="u"), "id")
    assert made.release == "r1"
    first, second = (query.remaining for query in world["contexts"].queries)
    assert second == pytest.approx(0.9 * first)


async def test_a_stable_stage_that_lacks_the_release_is_left_out(two: Two) -> None:
    two.told.applied = Policy(1, "r1")
    two.stable["rank"].mode = "refuse"
    made = await two.list("u")
    assert [part for part, _ in made.degraded] == ["rank"]


async def test_who_goes_away_from_stable_is_no_error_of_the_canary(two: Two) -> None:
    two.told.applied = ALL
    two.canary["rank"].mode = "refuse"
    two.stable["rank"].mode = "hang"
    asked = asyncio.create_task(two.list("u"))
    while not two.stable["rank"].queries:
        await asyncio.sleep(0)
    asked.cancel()
    await asyncio.wait([asked])
    (report,) = two.gateway.lanes.reports()
    assert (report.release, report.arm) == ("r1", Arm.STABLE)
    assert (report.sums["requests"], report.sums["errors"]) == (1, 1)


def fallbacks(stage: str) -> float:
    name = "recstack_gateway_lane_fallbacks_total"
    return REGISTRY.get_sample_value(name, {"stage": stage}) or 0.0
