"""Lanes: who is answered by which, what one suffers alone, when they open and close."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from services.domain.context import UserContext
from services.domain.events import EventType
from services.domain.ids import item_keys
from services.domain.traffic import Arm, Policy, Shadow
from services.gateway.lanes.lane import Routing
from services.gateway.lanes.lanes import REMEMBERED
from services.gateway.pipeline import make_gateway
from services.gateway.release import GatewayRelease
from services.gateway.requests import EventInput, RecommendInput
from services.gateway.settings import GatewaySettings
from services.gateway.stages import Stages
from tests.unit.gateway.clock import Clock
from tests.unit.gateway.two import ALL, NEW, SPLIT, ByRelease, Two, releases, two
from tests.unit.gateway.world import IDS, make_release

__all__ = ["releases", "two"]


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


async def test_logs_say_whose_stage_it_is(two: Two) -> None:
    two.told.applied = ALL
    with capture_logs() as lines:
        two.canary["rank"].mode = "refuse"
        await two.list("u")
        two.canary["rank"].mode, two.stable["rank"].mode = "ok", "refuse"
        await two.list("u")
        two.told.applied = Policy(2, "r1")
        await two.list("u")
    canary = {"stage": "rank", "release": "r2", "arm": "canary"}
    fields = ("event", "stage", "release", "arm")
    assert [{name: line[name] for name in fields if name in line} for line in lines] == [
        {"event": "stage keeps failing", **canary},
        {"event": "stage is back", **canary},
        {"event": "stage keeps failing", "stage": "rank"},
    ]


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
