"""What lanes count is what the rollout judges: reports of tallies, read as evidence."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from services.domain.events import Event, EventType
from services.domain.outcome import Failure, Reason
from services.domain.stages import Slate
from services.domain.traffic import Arm
from services.domain.traffic_report import GatewayReport, dump, parse
from services.gateway.answer import answer
from services.gateway.lanes.attribution import attribute
from services.gateway.lanes.diversity import intra_list_diversity
from services.gateway.lanes.judged import (
    ITEM_GROUPS,
    SCORE_BUCKETS,
    USER_GROUPS,
    JudgedTally,
    score_bounds,
    user_group,
)
from services.gateway.lanes.tally import Tally
from services.gateway.requests import RecommendInput, UserEvents
from services.gateway.stats import bucket_of
from services.gateway.trace import Trace
from services.rollout.evidence import Evidence
from services.rollout.ledger import entered, opened
from tests.unit.gateway.world import World

RELEASES = {Arm.CONTROL: "r1", Arm.CANARY: "r2"}
SECONDS = 0.02


def evidence(control: Tally, canary: Tally) -> tuple[Evidence, Evidence]:
    """What the rollout reads of a gateway's report, one block of time after it began."""
    lanes = control.report("r1", Arm.CONTROL), canary.report("r2", Arm.CANARY)
    report = parse(dump(GatewayReport("g", 5.0, 1, True, {}, lanes, "r1")))
    ledger = entered(opened(0.0, []), 5.0, RELEASES, [report])
    return ledger.control, ledger.canary


def seen(tally: Tally) -> Evidence:
    return evidence(JudgedTally(), tally)[1]


@pytest.fixture
async def trace(world: World) -> Trace:
    """Of a list of 4: rows 49, 47 … in the order of rank, which are 0, 1, 2, 3."""
    asked = world.gateway._asked(RecommendInput(user_id="u", k=4))
    return await world.gateway.lanes.stable.funnel.run(asked, 60.0)


def list_of(tally: Tally, trace: Trace, seconds: float = SECONDS, user: str = "u") -> None:
    of_user = replace(trace, request=replace(trace.request, user_id=user))
    tally.answered(of_user, answer(of_user, trace.items.release, "id"), seconds)


def cut(trace: Trace, items: int) -> Trace:
    slate = trace.slate
    return replace(trace, slate=Slate(slate.rows[:items], slate.scores[:items]))


async def test_how_requests_ended(trace: Trace) -> None:
    tally = JudgedTally()
    list_of(tally, trace)
    list_of(tally, cut(trace, 3))
    list_of(tally, cut(trace, 0))
    list_of(tally, replace(trace, degraded=(("rank", Failure(Reason.TIMEOUT, "")),)), 0.3)
    tally.failed(0.5)
    found = seen(tally)
    counts = found.requests, found.errors, found.degraded, found.short
    assert [count.tolist() for count in counts] == [[5], [1], [1], [2]]
    assert tally.report("r2", Arm.CANARY).sums["empty"] == 1
    latency = tally.report("r2", Arm.CANARY).histograms["latency"]
    assert [latency[bucket_of(s)] for s in (SECONDS, 0.3, 0.5)] == [3, 1, 1]
    assert (found.latency.sum(), found.user_lists.sum()) == (5, 4)


async def test_stages_that_were_asked_have_latencies(trace: Trace) -> None:
    tally = JudgedTally()
    seconds = {"feature_store": 0.1, "recall": 0.01, "prerank": 0.0, "rank": 0.03, "rerank": 0.002}
    steps = tuple(replace(step, seconds=seconds[step.stage]) for step in trace.steps)
    list_of(tally, replace(trace, steps=steps))
    histograms = tally.report("r2", Arm.CANARY).histograms
    for stage in ("recall", "rank", "rerank"):
        assert histograms[f"latency_{stage}"].nonzero()[0].tolist() == [bucket_of(seconds[stage])]
    assert not histograms["latency_prerank"].any()
    found = seen(tally)
    assert [found.latency_recall.sum(), found.latency_prerank.sum()] == [1, 0]
    assert [found.latency_rank.sum(), found.latency_rerank.sum()] == [1, 1]


async def test_items_that_are_shown_again_and_again(trace: Trace) -> None:
    tally = JudgedTally()
    list_of(tally, trace)
    list_of(tally, cut(trace, 2), user="v")
    items = tally.report("r2", Arm.CANARY).histograms["items"]
    groups = trace.items.keys(trace.slate.rows) % ITEM_GROUPS
    assert items[groups].tolist() == [2, 2, 1, 1]
    found = seen(tally)
    assert (found.pairs.tolist(), found.same.tolist()) == ([6 * 5], [2 + 2])


@pytest.mark.parametrize(
    ("scores", "buckets"),
    [
        ([0.0, 1e-5, -1e-5], [127, 127, 127]),
        ([1.02, 1.1], [200, 200]),
        ([-1.02, -1.1], [54, 54]),
        ([1e9, inf, -1e9, -inf], [254, 254, 0, 0]),
        ([nan], [SCORE_BUCKETS - 1]),
    ],
)
async def test_scores_of_any_range(
    trace: Trace, scores: Sequence[float], buckets: list[int]
) -> None:
    tally = JudgedTally()
    rows = trace.slate.rows[: len(scores)]
    list_of(tally, replace(trace, slate=Slate(rows, np.array(scores, np.float32))))
    counts = tally.report("r2", Arm.CANARY).histograms["scores"]
    assert np.repeat(np.arange(SCORE_BUCKETS), counts).tolist() == sorted(buckets)
    assert seen(tally).scores.sum() == len(scores)


def test_bounds_of_scores_rise() -> None:
    bounds = score_bounds()
    assert len(bounds) == SCORE_BUCKETS - 1
    assert (np.diff(bounds) > 0).all()
    assert bounds[200] / bounds[199] == pytest.approx(10 ** (1 / 18))


@pytest.mark.parametrize(
    ("categories", "diversity"),
    [
        ([("a",), ("a",)], 0.0),
        ([("a",), ("b",)], 1.0),
        ([("a", "b"), ("b", "c")], 2 / 3),
        ([("a",), ("a",), ("b",)], 2 / 3),
        ([("a",), (), ("b", "a")], 0.5),
        ([("a", "a"), ("a",)], 0.0),
        ([("a",), ()], None),
        ([], None),
    ],
)
def test_diversity(categories: list[tuple[str, ...]], diversity: float | None) -> None:
    assert intra_list_diversity(categories) == (
        None if diversity is None else pytest.approx(diversity, abs=1e-6)
    )


async def test_diversity_is_of_the_lists_that_have_one(trace: Trace) -> None:
    tally = JudgedTally()
    list_of(tally, trace)  # two even items, two odd ones: 4 of 6 pairs differ
    list_of(tally, cut(trace, 1))
    found = seen(tally)
    assert found.measured.tolist() == [1]
    assert found.diversity.tolist() == [pytest.approx(4 / 6)]


def events(*types: EventType) -> UserEvents:
    given = tuple(Event(str(i), 1, kind, 0) for i, kind in enumerate(types))
    return UserEvents("u", given, tuple(range(len(given))))


CLICK, BUY, LOOK = EventType.CLICK, EventType.PURCHASE, EventType.IMPRESSION


@pytest.mark.parametrize(
    ("types", "accepted", "clicks", "purchases"),
    [
        ((CLICK, BUY, LOOK, CLICK), 4, 2, 1),
        ((LOOK, EventType.LIKE, EventType.DWELL), 3, 0, 0),
        ((CLICK, BUY), 0, 0, 0),
        ((CLICK, CLICK, BUY), 1, 0, 1),
    ],
    ids=["all new", "neither", "all sent again", "some sent again"],
)
def test_what_users_do_is_theirs(
    types: tuple[EventType, ...], accepted: int, clicks: int, purchases: int
) -> None:
    tally = JudgedTally()
    attribute(tally, events(*types), accepted)
    found = seen(tally)
    assert found.user_clicks.shape == (1, USER_GROUPS)
    assert found.user_clicks[0, user_group("u")] == found.user_clicks.sum() == clicks
    assert found.user_conversions[0, user_group("u")] == found.user_conversions.sum() == purchases


async def test_both_arms_are_read(trace: Trace) -> None:
    control, canary = JudgedTally(), JudgedTally()
    for tally, lists in ((control, 3), (canary, 2)):
        for _ in range(lists):
            list_of(tally, trace)
    usual, found = evidence(control, canary)
    assert (usual.requests.tolist(), found.requests.tolist()) == ([3], [2])
    assert usual.user_lists[0, user_group("u")] == 3


async def test_of_stable_only_requests_are_counted(trace: Trace) -> None:
    tally = Tally()
    list_of(tally, trace)
    attribute(tally, events(CLICK), 1)
    report = tally.report("r1", Arm.STABLE)
    assert report.sums == {"requests": 1, "errors": 0, "degraded": 0, "empty": 0, "short": 0}
    assert list(report.histograms) == ["latency"]


def test_users_are_in_all_groups() -> None:
    assert {user_group(f"user {i}") for i in range(5000)} == set(range(USER_GROUPS))
