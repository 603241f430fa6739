"""Lanes: who is answered by which, what one suffers alone, when they open and close."""

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.domain.context import UserContext
from services.domain.events import EventType
from services.domain.ids import item_key, item_keys
from services.domain.outcome import Outcome, Reason
from services.domain.traffic import Arm, Policy, Shadow
from services.gateway.answer import Answer
from services.gateway.gateway import Gateway
from services.gateway.lanes.lane import Routing
from services.gateway.lanes.lanes import REMEMBERED
from services.gateway.pipeline import make_gateway
from services.gateway.release import GatewayRelease
from services.gateway.requests import EventInput, RecommendInput
from services.gateway.settings import GatewaySettings
from services.gateway.stages import Stages
from tests.unit.gateway.clock import Clock
from tests.unit.gateway.told import Told
from tests.unit.gateway.world import IDS, Scripted, World, make_release, make_world

OF_RELEASES = ("recall", "prerank", "rank", "rerank")
SPLIT = Policy(1, "r1", "r2", weight=30.0, control=30.0)
ALL = Policy(1, "r1", "r2", weight=100.0)
NEW = "only in r2"


class ByRelease:
    """A stage that has a script for the canary's queries alone."""

    def __init__(self, stable: Scripted[Any, Any], canary: Scripted[Any, Any]) -> None:
        self._stages = {"r1": stable, "r2": canary}

    async def call(self, queries: Any, timeout: float) -> Any:
        (release,) = {query.release for query in queries}
        return await self._stages[release].call(queries, timeout)


@dataclass
class Two:
    """A gateway with two releases; `canary`: the stages as they answer from r2."""

    gateway: Gateway
    told: Told
    stable: World
    canary: World

    async def list(self, user: str, **asked: Any) -> Answer:
        return await self.gateway.recommend(RecommendInput(user_id=user, **asked), "id")

    def tallied(self, *lane: Any) -> int:
        reports = {(one.release, one.arm): one.sums for one in self.gateway.lanes.reports()}
        return int(reports[lane]["requests"]) if lane in reports else 0


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, GatewayRelease]:
    """r1, and r2 that has one other item."""
    folder = tmp_path_factory.mktemp("releases")
    r2 = make_release(folder / "r2", release_id="r2", ids=[*IDS[:-1], NEW])
    return {"r1": make_release(folder / "r1"), "r2": r2}


@pytest.fixture
def two(releases: dict[str, GatewayRelease]) -> Two:
    told = Told(SPLIT, dict(releases))
    stable, canary = make_world(releases["r1"]), make_world(releases["r2"])
    stages = {
        name: ByRelease(one, canary[name]) if name in (*OF_RELEASES, "similar") else one
        for name, one in stable.stages.items()
    }
    settings = GatewaySettings(deadline_seconds=60.0)
    gateway = make_gateway(Routing(told, told), Stages(**stages), settings)
    return Two(gateway, told, stable, canary)


async def test_users_are_split_as_the_policy_says(two: Two) -> None:
    users = [f"user {i}" for i in range(100)]
    expected = Counter()
    for user in users:
        assigned = two.told.assign(user)
        expected[assigned.release, assigned.arm] += 1
        for _ in range(2):
            assert (await two.list(user)).release == assigned.release
    assert len(expected) == 3
    assert {lane: two.tallied(*lane) for lane in expected} == {
        lane: 2 * count for lane, count in expected.items()
    }


async def test_only_judged_lanes_count_what_is_shown(two: Two) -> None:
    for i in range(20):
        await two.list(f"user {i}", k=5)
    for report in two.gateway.lanes.reports():
        shown = 5 * report.sums["requests"]
        assert "items" not in report.histograms or report.histograms["items"].sum() == shown
        assert ("items" in report.histograms) == (report.arm is not Arm.STABLE)


async def test_a_release_that_is_not_loaded_serves_nobody(two: Two) -> None:
    two.told.applied = ALL
    canary = two.told.releases.pop("r2")
    assert (await two.list("u")).release == "r1"
    assert two.gateway.lanes.releases() == ("r1",)
    two.told.releases["r2"] = canary
    assert (await two.list("u")).release == "r2"
    assert two.gateway.lanes.releases() == ("r1", "r2")


async def test_a_stable_release_that_is_not_loaded_is_replaced_by_the_one_of_the_start(
    two: Two,
) -> None:
    two.told.applied = Policy(2, "r3", "r2", weight=50.0, control=50.0)
    users = [f"user {i}" for i in range(20)]
    assert {(await two.list(user)).release for user in users} == {"r1", "r2"}
    assert two.gateway.release.id == "r1"
    assert two.tallied("r1", Arm.CONTROL) == 0, "it is not the release of the control"


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


async def test_an_explanation_is_of_the_users_lane(two: Two) -> None:
    two.told.applied = ALL
    asked = RecommendInput(user_id="u")
    assert (await two.gateway.explain(asked, "", "id")).answer.release == "r2"
    two.canary["rank"].mode = "refuse"
    assert (await two.gateway.explain(asked, "", "id")).answer.release == "r1"
    assert not two.stable["marks"].queries
    assert not two.gateway.lanes.reports(), "nobody was shown a list"


async def test_a_failing_canary_trips_its_own_breaker_alone(two: Two) -> None:
    clock = Clock()
    settings = GatewaySettings(deadline_seconds=60.0)
    stages = Stages(
        **{**two.stable.stages, "rank": ByRelease(two.stable["rank"], two.canary["rank"])}
    )
    gateway = make_gateway(Routing(two.told, two.told), stages, settings, clock)
    two.canary["rank"].mode = "crash"
    degraded = Counter[str]()
    for i in range(100):
        clock.move(0.1)
        made = await gateway.recommend(RecommendInput(user_id=f"user {i}"), "id")
        degraded[made.release] += bool(made.degraded)
    assert degraded["r2"] > 10
    assert degraded["r1"] == 0
    tripped = {lane.key: lane.guards.rank.breaker.tripped for lane in gateway.lanes.open()}
    assert tripped == {
        ("r1", Arm.STABLE): False,
        ("r1", Arm.CONTROL): False,
        ("r2", Arm.CANARY): True,
    }


async def test_lanes_share_the_guards_of_the_feature_store_alone(two: Two) -> None:
    lanes = two.gateway.lanes
    one, other = lanes.lane("r1", Arm.CONTROL), lanes.lane("r2", Arm.CANARY)
    assert one is not None
    assert other is not None
    same = {a.name for a, b in zip(one.guards.all, other.guards.all, strict=True) if a is b}
    assert same == {"feature_store", "seen", "events", "profiles", "erasures"}


async def test_each_lane_has_clients_of_its_own(two: Two) -> None:
    made = []

    def anew() -> dict[str, Any]:
        made.append(len(made))
        return {"rank": two.stable["rank"]}

    stages = Stages(**two.stable.stages, anew=anew)
    gateway = make_gateway(Routing(two.told, two.told), stages, GatewaySettings())
    opened = len(made)
    for _ in range(2):
        gateway.lanes.lane("r2", Arm.CANARY)
    assert len(made) == opened + 1


async def test_a_shadow_marks_nothing_and_takes_the_context_it_is_given(two: Two) -> None:
    lane = two.gateway.lanes.lane("r2", Arm.SHADOW)
    assert lane is not None
    asked = two.gateway._asked(RecommendInput(user_id="u"))
    context = replace(UserContext.unknown("u"), known=True, profile={"age": "7"})
    trace = await lane.funnel.run(asked, 60.0, context=context)
    assert trace.context is context
    assert len(trace.slate.rows)
    assert not two.stable["marks"].queries
    assert not two.stable["contexts"].queries


async def test_promotion_opens_a_new_stable_lane_and_closes_the_others(two: Two) -> None:
    two.told.applied = ALL
    await two.list("u")
    two.told.applied = Policy(2, "r2")
    assert (await two.list("u")).release == "r2"
    assert two.gateway.release.id == "r2"
    assert two.tallied("r2", Arm.STABLE) == 1
    two.gateway.lanes.tidy()
    assert [lane.key for lane in two.gateway.lanes.open()] == [("r2", Arm.STABLE)]
    assert two.gateway.lanes.releases() == ("r2",), "the other may be unloaded"


async def test_named_lanes_stay_open(two: Two) -> None:
    lanes = two.gateway.lanes
    named = [("r1", Arm.CONTROL), ("r2", Arm.CANARY), ("r2", Arm.SHADOW)]
    for release, arm in named:
        lanes.lane(release, arm)
    two.told.applied = replace(SPLIT, shadow=Shadow("r2", 5.0)).without_canary()
    lanes.tidy()
    assert {lane.key for lane in lanes.open()} == {("r1", Arm.STABLE), *named}


async def test_a_lane_does_not_outlive_its_release(two: Two, releases: Any, tmp_path: Path) -> None:
    two.told.applied = ALL
    await two.list("u")
    two.told.releases["r2"] = make_release(tmp_path / "r2", release_id="r2")
    two.gateway.lanes.tidy()
    lane = two.gateway.lanes.lane("r2", Arm.CANARY)
    assert lane is not None
    assert lane.release is not releases["r2"]


async def test_counts_go_on_when_a_lane_opens_again(two: Two) -> None:
    two.told.applied = ALL
    await two.list("u")
    two.told.applied = Policy(2, "r1")
    two.gateway.lanes.tidy()
    assert two.tallied("r2", Arm.CANARY) == 1, "reports never fall back"
    two.told.applied = replace(ALL, version=3)
    await two.list("u")
    assert two.tallied("r2", Arm.CANARY) == 2


async def test_counts_of_few_lanes_are_kept(two: Two, releases: dict[str, GatewayRelease]) -> None:
    for i in range(3 * REMEMBERED):
        two.told.releases[f"x{i}"] = releases["r2"]
        two.told.applied = Policy(i, "r1", f"x{i}", weight=100.0)
        await two.list("u")
        two.gateway.lanes.tidy()
    assert len(two.gateway.lanes.reports()) <= REMEMBERED


async def test_who_goes_away_counts_as_an_error_of_the_lane(two: Two) -> None:
    two.told.applied = ALL
    two.canary["rank"].mode = "hang"
    asked = asyncio.create_task(two.list("u"))
    while not two.canary["rank"].queries:
        await asyncio.sleep(0)
    asked.cancel()
    await asyncio.wait([asked])
    (report,) = (one for one in two.gateway.lanes.reports() if one.arm is Arm.CANARY)
    assert (report.sums["requests"], report.sums["errors"]) == (1, 1)


async def test_similar_items_are_stables(two: Two) -> None:
    two.told.applied = ALL
    assert (await two.gateway.similar(IDS[0], 5, "id")).release == "r1"
    two.told.applied = Policy(2, "r2")
    assert (await two.gateway.similar(IDS[0], 5, "id")).release == "r2"


def event(user: str, item: str, kind: EventType, name: str) -> EventInput:
    return EventInput(name, user, item, kind)


async def test_clicks_are_those_of_the_arm_their_user_is_in(two: Two) -> None:
    arms = {two.told.assign(f"user {i}").arm: f"user {i}" for i in range(100)}
    for arm, user in arms.items():
        await two.list(user)
        given = [event(user, IDS[1], EventType.CLICK, f"{arm} 1")]
        given.append(event(user, NEW, EventType.PURCHASE, f"{arm} 2"))
        assert (await two.gateway.record(given)).accepted == 2, "items of the canary are known"
    judged = [one.histograms for one in two.gateway.lanes.reports() if one.arm is not Arm.STABLE]
    assert len(judged) == 2
    for counts in judged:
        sums = [int(counts[f"user_{what}"].sum()) for what in ("lists", "clicks", "conversions")]
        assert sums == [1, 1, 1]


async def test_events_that_are_not_stored_are_no_clicks(two: Two) -> None:
    two.told.applied = ALL
    await two.list("u")
    two.stable["events"].mode = "call_error"
    ended = await two.gateway.record([event("u", IDS[1], EventType.CLICK, "1")])
    assert ended.accepted == 0
    (report,) = two.gateway.lanes.reports()
    assert report.histograms["user_clicks"].sum() == 0


async def test_items_of_every_loaded_release_are_known(
    two: Two, releases: dict[str, GatewayRelease]
) -> None:
    info = await two.gateway.items.get(NEW)
    assert (info.item.title, info.in_release) == ("Title 59", True)
    keys = item_keys([IDS[0], IDS[-1], NEW, "nobody's"])
    assert two.gateway.users._item_ids(keys) == [IDS[0], IDS[-1], NEW, ""]
    del two.told.releases["r2"]
    assert two.gateway.users._item_ids(keys) == [IDS[0], IDS[-1], "", ""]


def fallbacks(stage: str) -> float:
    name = "recstack_gateway_lane_fallbacks_total"
    return REGISTRY.get_sample_value(name, {"stage": stage}) or 0.0
