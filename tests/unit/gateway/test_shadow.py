"""A shadow is asked what others were answered: which requests, how many, and what is made of it."""

import asyncio
import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from structlog.testing import capture_logs

from services.domain import traffic_report
from services.domain.context import RequestContext, UserContext
from services.domain.outcome import Failure, Reason
from services.domain.stages import Slate
from services.domain.traffic import Arm, Shadow
from services.domain.traffic_report import GatewayReport, LaneReport
from services.gateway.catalog.open import Catalog
from services.gateway.funnel import Funnel, FunnelSettings
from services.gateway.item_view import ItemView
from services.gateway.release import GatewayRelease
from services.gateway.request_log import sampled
from services.gateway.requests import ListRequest
from services.gateway.resilience.breaker import BreakerSettings
from services.gateway.resilience.guards import GuardConfig, guarded
from services.gateway.shadow.collector import ShadowCollector
from services.gateway.shadow.comparison import compare
from services.gateway.shadow.mirror import Mirror, ShadowFunnel, chosen
from services.gateway.shadow.tally import KEPT, KEPT_ITEMS
from services.gateway.stages import Stages
from services.gateway.stats import Stats
from services.gateway.takedown import Takedown
from services.gateway.trace import Trace
from tests.unit.gateway.clock import Clock
from tests.unit.gateway.world import IDS, World, make_release, make_world

K = 6
ASKED = ListRequest("secret user", K, RequestContext(now=1_800_000_000))
PATIENCE = 60.0
ALL = Shadow("r2", 100.0)


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> GatewayRelease:
    """The same items in another release."""
    return make_release(tmp_path_factory.mktemp("other") / "r2", release_id="r2")


def funnel_of(release: GatewayRelease, stages: dict[str, Any]) -> Funnel:
    clock, table = Clock(), Catalog.none().table
    guards = guarded(Stages(**stages), GuardConfig(BreakerSettings(), Stats(clock), clock))
    settings = FunnelSettings(mark=False)
    return Funnel(ItemView(release, table), guards, Takedown(table, clock), settings, clock)


@pytest.fixture
def shadow(other: GatewayRelease) -> World:
    return make_world(other)


@pytest.fixture
async def shown(release: GatewayRelease) -> Trace:
    """The way of a list that a user was answered."""
    return await funnel_of(release, make_world(release).stages).run(ASKED, PATIENCE)


def mirrored(
    funnel: ShadowFunnel | None,
    policy: Shadow | None = ALL,
    seconds: float = PATIENCE,
    room: Callable[[], bool] = lambda: True,
) -> Mirror:
    return Mirror(lambda: policy, lambda release: funnel, room, seconds)


async def ended(mirror: Mirror) -> LaneReport:
    """The lane, when everything that was offered has ended."""
    async with asyncio.timeout(PATIENCE):
        while mirror.running:
            await asyncio.sleep(0.001)
    return lane_of(mirror)


def lane_of(mirror: Mirror) -> LaneReport:
    """Of the only release that is a shadow."""
    (lane,) = mirror.lanes()
    return lane


def ends(lane: LaneReport) -> dict[str, float]:
    """How requests ended, without what did not happen."""
    names = ("compared", "degraded", "failed", "dropped")
    return {name: lane.sums[name] for name in names if lane.sums[name]}


def request_ids(count: int) -> list[str]:
    rng = np.random.default_rng(7)
    return [str(UUID(bytes=rng.bytes(16))) for _ in range(count)]


def test_a_share_of_the_requests_is_chosen_by_their_ids() -> None:
    ids = request_ids(20_000)
    few = {one for one in ids if chosen(one, 5.0)}
    assert len(few) == pytest.approx(1000, abs=4 * math.sqrt(20_000 * 0.05 * 0.95))
    assert few < {one for one in ids if chosen(one, 10.0)}
    assert all(chosen(one, 100.0) and not chosen(one, 0.0) for one in ids)
    bins = Counter(int(one[:1], 16) for one in few)
    statistic = sum((bins[b] - len(few) / 16) ** 2 / (len(few) / 16) for b in range(16))
    assert statistic < 37.7, "chi-square of 15 degrees of freedom, p = 0.001"


def test_the_choice_has_nothing_to_do_with_what_is_logged() -> None:
    logged = [one for one in request_ids(40_000) if sampled(one, 0.1)]
    both = sum(chosen(one, 10.0) for one in logged)
    assert both == pytest.approx(len(logged) / 10, abs=4 * math.sqrt(len(logged) * 0.09))


async def test_the_same_list_differs_in_nothing(
    shown: Trace, shadow: World, other: GatewayRelease
) -> None:
    async with mirrored(funnel_of(other, shadow.stages)) as mirror:
        mirror.offer(shown, Arm.STABLE, "one")
        mirror.offer(shown, Arm.CONTROL, "two")
        assert mirror.running == 2
        assert not shadow["recall"].queries, "never before the answer"
        lane = await ended(mirror)
    assert (lane.release, lane.arm) == ("r2", Arm.SHADOW)
    assert ends(lane) == {"compared": 2}
    assert lane.sums["overlap"] == lane.sums["correlation"] == lane.sums["correlated"] == 2
    assert (lane.sums["drift"], lane.sums["drifted"]) == (0.0, 2)
    assert [one.request_id for one in lane.examples] == ["one", "two"]
    assert lane.examples[0].stable == lane.examples[0].shadow
    assert len(lane.examples[0].stable) == K


async def test_the_shadow_is_given_the_context_of_the_user_and_shows_nothing(
    shown: Trace, shadow: World, other: GatewayRelease
) -> None:
    context = UserContext(ASKED.user_id, known=True, profile={"age": "41"})
    async with mirrored(funnel_of(other, shadow.stages)) as mirror:
        mirror.offer(replace(shown, context=context), Arm.STABLE, "one")
        await ended(mirror)
    (query,) = shadow["recall"].queries
    assert query.context is context
    assert (query.release, query.request) == ("r2", ASKED.request)
    assert not shadow["contexts"].queries
    assert not shadow["marks"].queries


async def test_another_list_is_told_apart(
    shown: Trace, shadow: World, other: GatewayRelease
) -> None:
    answer = shadow["rank"].answer

    def shifted(query: Any) -> Any:
        """Rows 0 to 2 are last, all others half as good."""
        scores = answer(query)
        low = query.candidates.rows < 3
        blended = np.where(low, 0.0, scores.blended / 2).astype(np.float32)
        return replace(scores, blended=blended)

    shadow["rank"].answer = shifted
    async with mirrored(funnel_of(other, shadow.stages)) as mirror:
        mirror.offer(shown, Arm.STABLE, "one")
        lane = await ended(mirror)
    (example,) = lane.examples
    assert list(example.stable) == IDS[:K]
    assert list(example.shadow) == IDS[3 : 3 + K]
    assert lane.sums["overlap"] == example.overlap == 0.5
    assert lane.sums["correlation"] == 1.0
    halves = [0.5 / (1 + row) for row in (3, 4, 5)]
    assert lane.sums["drift"] == pytest.approx(-np.mean(halves))


def test_what_has_no_number_is_not_compared_in_it(shown: Trace) -> None:
    apart = replace(shown, slate=Slate(np.array([50], np.int32), np.array([1], np.float32)))
    found = compare(shown, apart)
    assert found.overlap == 0
    assert math.isnan(found.correlation)
    assert math.isnan(found.drift)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
async def test_sums_stay_finite(shown: Trace, bad: float) -> None:
    scores = np.full(K, bad, np.float32)

    class Spoilt:
        async def run(self, *_: object, **__: object) -> Trace:
            return replace(shown, slate=Slate(shown.slate.rows, scores))

    async with mirrored(Spoilt()) as mirror:
        mirror.offer(shown, Arm.STABLE, "one")
        lane = await ended(mirror)
    assert ends(lane) == {"compared": 1}
    assert (lane.sums["correlated"], lane.sums["drifted"]) == (1, 0)
    report = GatewayReport("g", 1.0, 1, False, {}, (lane,))
    (again,) = traffic_report.parse(traffic_report.dump(report)).lanes
    assert again.sums == lane.sums
    assert again.examples == lane.examples


async def test_no_more_than_so_many_at_once(
    shown: Trace, shadow: World, other: GatewayRelease
) -> None:
    shadow["rank"].mode = "hang"
    policy = Shadow("r2", 100.0, at_once=3)
    async with mirrored(funnel_of(other, shadow.stages), policy) as mirror:
        for number in range(10):
            mirror.offer(shown, Arm.STABLE, str(number))
        assert mirror.running == 3
        assert ends(lane_of(mirror)) == {"dropped": 7}
    assert mirror.running == 0, "what runs ends with the gateway"


@pytest.mark.parametrize("stage", ["recall", "prerank", "rank", "rerank"])
async def test_a_slot_is_free_at_the_deadline(
    shown: Trace, shadow: World, other: GatewayRelease, stage: str
) -> None:
    shadow[stage].mode = "hang"
    policy = Shadow("r2", 100.0, at_once=1)
    async with mirrored(funnel_of(other, shadow.stages), policy, seconds=0.2) as mirror:
        mirror.offer(shown, Arm.STABLE, "one")
        lane = await ended(mirror)
        assert lane.sums["degraded"] + lane.sums["failed"] == 1
        shadow[stage].mode = "ok"
        mirror.offer(shown, Arm.STABLE, "two")
        lane = await ended(mirror)
        assert lane.sums["dropped"] == 0
        assert lane.sums["compared"] == 1


async def test_one_that_never_ends_is_ended(shown: Trace) -> None:
    class Hanging:
        async def run(self, *_: object, **__: object) -> Trace:
            await asyncio.Event().wait()
            raise AssertionError

    async with mirrored(Hanging(), seconds=0.05) as mirror:
        mirror.offer(shown, Arm.STABLE, "one")
        assert ends(await ended(mirror)) == {"failed": 1}


async def test_one_that_raises_is_counted(shown: Trace) -> None:
    class Broken:
        async def run(self, *_: object, **__: object) -> Trace:
            raise ZeroDivisionError

    async with mirrored(Broken()) as mirror:
        mirror.offer(shown, Arm.STABLE, "one")
        lane = await ended(mirror)
    assert ends(lane) == {"failed": 1}
    assert not lane.examples


def test_one_that_cannot_be_opened_harms_nobody(shown: Trace) -> None:
    def broken(release: str) -> ShadowFunnel:
        raise ZeroDivisionError(release)

    mirror = Mirror(lambda: ALL, broken, lambda: True, PATIENCE)
    with capture_logs() as lines:
        mirror.offer(shown, Arm.STABLE, "one")
    assert [line["event"] for line in lines] == ["a shadow failed"]


@pytest.mark.parametrize("mode", ["call_error", "crash", "refuse", "two"])
async def test_a_list_that_lacks_a_stage_is_not_compared(
    shown: Trace, shadow: World, other: GatewayRelease, mode: str
) -> None:
    shadow["rank"].mode = mode
    async with mirrored(funnel_of(other, shadow.stages)) as mirror:
        mirror.offer(shown, Arm.STABLE, "one")
        assert ends(await ended(mirror)) == {"degraded": 1}


async def test_who_is_not_mirrored(
    shown: Trace, shadow: World, release: GatewayRelease, other: GatewayRelease
) -> None:
    lacking = replace(shown, degraded=(("rank", Failure(Reason.TIMEOUT, "")),))
    funnel = funnel_of(other, shadow.stages)
    for trace, arm, mirror in (
        (shown, Arm.CANARY, mirrored(funnel)),
        (lacking, Arm.STABLE, mirrored(funnel)),
        (shown, Arm.STABLE, mirrored(funnel, None)),
        (shown, Arm.STABLE, mirrored(funnel, Shadow("r2", 0.0))),
        (shown, Arm.STABLE, mirrored(funnel, Shadow(release.id, 100.0))),
        (shown, Arm.STABLE, mirrored(None)),
    ):
        mirror.offer(trace, arm, "one")
        assert mirror.running == 0
        assert not mirror.lanes()


async def test_another_stable_release_is_another_comparison(
    shown: Trace, shadow: World, other: GatewayRelease, tmp_path: Path
) -> None:
    promoted = make_release(tmp_path / "r3", release_id="r3")
    later = await funnel_of(promoted, make_world(promoted).stages).run(ASKED, PATIENCE)
    async with mirrored(funnel_of(other, shadow.stages)) as mirror:
        mirror.offer(shown, Arm.STABLE, "one")
        mirror.offer(shown, Arm.CONTROL, "two")
        assert ends(await ended(mirror)) == {"compared": 2}
        mirror.offer(later, Arm.STABLE, "three")
        lane = await ended(mirror)
    assert ends(lane) == {"compared": 1}
    assert [one.request_id for one in lane.examples] == ["three"]


async def test_users_come_first(shown: Trace, shadow: World, other: GatewayRelease) -> None:
    mirror = mirrored(funnel_of(other, shadow.stages), room=lambda: False)
    mirror.offer(shown, Arm.STABLE, "one")
    assert mirror.running == 0
    assert ends(lane_of(mirror)) == {"dropped": 1}


async def test_the_last_examples_are_kept_and_name_no_user(
    shown: Trace, shadow: World, other: GatewayRelease
) -> None:
    shown = replace(shown, request=replace(shown.request, k=15))
    async with mirrored(funnel_of(other, shadow.stages), Shadow("r2", 100.0, 64)) as mirror:
        for number in range(KEPT + 3):
            mirror.offer(shown, Arm.STABLE, f"request {number}")
        lane = await ended(mirror)
    assert [one.request_id for one in lane.examples] == [
        f"request {number}" for number in range(3, KEPT + 3)
    ]
    assert {len(one.shadow) for one in lane.examples} == {KEPT_ITEMS}
    document = traffic_report.dump(GatewayReport("g", 1.0, 1, False, {}, mirror.lanes()))
    assert ASKED.user_id not in document
    assert len(json.loads(document)["lanes"][0]["examples"]) == KEPT


async def test_metrics(shown: Trace, shadow: World, other: GatewayRelease) -> None:
    async with mirrored(funnel_of(other, shadow.stages)) as mirror:
        mirror.offer(shown, Arm.STABLE, "one")
        await ended(mirror)
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in ShadowCollector(mirror).collect()
            for sample in family.samples
        }
    assert samples["recstack_gateway_shadow_requests_total", "r2", "compared"] == 1
    assert samples["recstack_gateway_shadow_requests_total", "r2", "failed"] == 0
    assert samples["recstack_gateway_shadow_overlap_total", "r2"] == 1
    assert samples[("recstack_gateway_shadow_running_requests",)] == 0
