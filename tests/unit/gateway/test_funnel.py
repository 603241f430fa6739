"""The way of a request, whole and with each stage failing in each way."""

from pathlib import Path

import numpy as np
import pytest

from services.domain.candidates import Candidates, best_first
from services.domain.ids import item_key
from services.domain.outcome import Outcome, Reason
from services.domain.stages import (
    ChannelReport,
    Recalled,
    RecallQuery,
    Reranked,
    RerankQuery,
    Scores,
    Slate,
)
from services.gateway.answer import Answer
from services.gateway.fallback import NO_VECTOR, hard_rules_only
from services.gateway.release import GatewayRelease
from services.gateway.requests import RecommendInput
from services.gateway.trace import Ranking
from services.rerank.rules.pins import Pin, Pins
from tests.unit.gateway.clock import Clock
from tests.unit.gateway.world import (
    BLOCKED,
    IDS,
    ITEMS,
    World,
    make_release,
    make_world,
    recall,
)

WAYS = {
    "hang": "TIMEOUT",
    "call_error": "UNAVAILABLE",
    "crash": "INTERNAL",
    "refuse": "RELEASE_NOT_LOADED",
    "two": "INTERNAL",
}


async def ask(world: World, user: str = "u", k: int = 5, **given: object) -> Answer:
    return await world.gateway.recommend(
        RecommendInput(user_id=user, k=k, **given),  # type: ignore[arg-type]
        "request",
    )


def ids(answer: Answer) -> list[str]:
    return [item.text.item_id for item in answer.items]


def degraded(answer: Answer) -> list[tuple[str, str]]:
    return [(stage, failure.reason.value) for stage, failure in answer.degraded]


async def test_a_full_answer(world: World) -> None:
    answer = await ask(world)
    assert ids(answer) == IDS[:5]
    assert degraded(answer) == []
    assert answer.cold_start
    assert answer.release == "r1"
    first = answer.items[0]
    assert first.text.title == "Title 0"
    assert first.text.categories == ("even",)
    assert first.channels == ("two_tower", "item_cf")
    assert first.task_scores == {"interact": 1.0, "like": 0.5}
    assert answer.items[1].channels == ("two_tower",)


async def test_prerank_cuts_and_rank_orders(release: GatewayRelease) -> None:
    world = make_world(release, rank_limit=10, deadline_seconds=60.0)
    answer = await ask(world)
    assert ids(answer) == IDS[40:45]  # prerank keeps the ten highest rows, rank turns them round
    assert len(world["rank"].queries[0].candidates) == 10


async def test_a_long_list_is_not_cut_by_the_sizes(release: GatewayRelease) -> None:
    world = make_world(release, recall_limit=2, rank_limit=1, deadline_seconds=60.0)
    assert len(ids(await ask(world, k=9))) == 9
    assert world["recall"].queries[0].limit == 9
    await ask(world, "v", k=1)
    assert world["recall"].queries[1].limit == 2


async def test_shown_items_do_not_come_again(world: World) -> None:
    lists = [ids(await ask(world)) for _ in range(10)]
    shown = [item for one in lists for item in one]
    assert len(shown) == len(set(shown)) == 50
    assert not (await ask(world)).items
    assert len(ids(await ask(world, "another"))) == 5


async def test_scorers_do_not_get_the_seen_filter(world: World) -> None:
    await ask(world)
    await ask(world)
    assert world["recall"].queries[1].context.seen.count() == 5
    for stage in ("prerank", "rank"):
        query = world[stage].queries[1]
        assert query.context.seen.count() == 0
        assert query.context.known
        assert query.context.profile == {"age": "33"}


@pytest.mark.parametrize(("mode", "reason"), WAYS.items())
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
async def test_a_failing_stage_is_skipped_and_said_so(
    release: GatewayRelease, stage: str, name: str, mode: str, reason: str
) -> None:
    world = make_world(release, Clock(), deadline_seconds=0.2)  # the budget's time stands still
    world[stage].mode = mode
    answer = await ask(world)
    assert degraded(answer) == [(name, reason)]
    assert len(set(ids(answer))) == 5
    assert IDS[BLOCKED] not in ids(answer)


@pytest.mark.parametrize("stage", ["recall", "prerank", "rank", "rerank"])
async def test_a_wrong_value_counts_as_a_failure(world: World, stage: str) -> None:
    world[stage].mode = "wrong"
    answer = await ask(world)
    assert degraded(answer) == [(stage, "INTERNAL")]
    assert len(set(ids(answer))) == 5


@pytest.mark.parametrize("shape", [(50, 3), (49, 2), (50,)])
async def test_task_scores_of_a_wrong_shape(world: World, shape: tuple[int, ...]) -> None:
    tasks = np.ones(shape, np.float32)
    world["rank"].answer = lambda query: Scores(np.ones(50, np.float32), tasks)
    answer = await ask(world)
    assert degraded(answer) == [("rank", "INTERNAL")]
    assert len(set(ids(answer))) == 5


async def test_everything_hangs(release: GatewayRelease) -> None:
    world = make_world(release, Clock(), deadline_seconds=0.2)
    for stage in world.stages.values():
        stage.mode = "hang"
    answer = await ask(world, k=10)
    assert [stage for stage, _ in degraded(answer)] == [
        "feature_store", "recall", "prerank", "rank", "rerank", "seen",
    ]  # fmt: skip
    assert ids(answer) == [i for row, i in enumerate(IDS[:11]) if row != BLOCKED]
    assert answer.items[0].channels == ("popular",)
    assert answer.cold_start


async def test_each_rung_of_the_ladder(world: World) -> None:
    world["prerank"].mode = "call_error"
    await ask(world)
    rows = world["rank"].queries[0].candidates.rows
    assert rows.tolist() == list(range(50))  # recall's order
    world["prerank"].mode = "ok"
    world["rank"].mode = "call_error"
    answer = await ask(world, "v")
    assert ids(answer) == [IDS[row] for row in (49, 48, 47, 46, 45)]  # prerank's order
    assert answer.items[0].task_scores is None
    world["rank"].mode = "ok"
    world["rerank"].mode = "call_error"
    answer = await ask(world, "w", k=10)
    assert ids(answer) == [IDS[row] for row in range(11) if row != BLOCKED]


async def test_the_popular_list_repeats_the_oldest_when_nothing_else_is_left(world: World) -> None:
    world["recall"].mode = world["prerank"].mode = "call_error"
    world["rank"].mode = world["rerank"].mode = "call_error"
    rows = [row for row in range(ITEMS) if row != BLOCKED]
    world.store.shown["u"] = [item_key(IDS[row]) for row in (*rows[10:], *rows[2:10])]
    answer = await world.gateway.recommend(RecommendInput(user_id="u", k=4), "r")
    assert [item.text.item_id for item in answer.items] == [IDS[r] for r in (0, 1, *rows[10:12])]
    assert [item.repeated for item in answer.items] == [False, False, True, True]


async def test_the_popular_list_keeps_to_the_request(world: World) -> None:
    world.store.shown["u"] = [int(world.gateway.release.keys[2])]
    world.store.events["u"] = [int(world.gateway.release.keys[4])]
    for stage in ("recall", "prerank", "rank", "rerank"):
        world[stage].mode = "call_error"
    answer = await ask(world, k=4, categories=["even"], exclude_item_ids=[IDS[0]])
    assert ids(answer) == [IDS[row] for row in (6, 8, 10, 12)]


async def test_a_late_channel_is_named(world: World) -> None:
    def with_report(query: object) -> Recalled:
        whole = recall(query)  # type: ignore[arg-type]
        late = Outcome.failed(Reason.TIMEOUT).failure
        reports = (
            ChannelReport("two_tower", 0, 0, 0.1, late),
            ChannelReport("popular", 5, 5, 0.1),
        )
        return Recalled(whole.candidates, whole.user_vector, reports)

    world["recall"].answer = with_report
    assert degraded(await ask(world)) == [("recall.two_tower", "TIMEOUT")]


async def test_no_candidates_ask_no_scorer(world: World) -> None:
    world["recall"].answer = lambda query: Recalled(
        recall(query).candidates.take(np.zeros(0, np.int64)), np.ones(4, np.float32)
    )
    answer = await ask(world)
    assert not answer.items
    assert degraded(answer) == []
    assert not world["prerank"].queries
    assert not world["rank"].queries
    assert not world["marks"].queries


async def test_a_pinned_item_need_not_have_been_recalled(world: World) -> None:
    pinned = np.array([55, 1], np.int32)
    world["rerank"].answer = lambda query: Reranked(Slate(pinned, np.ones(2, np.float32)))
    answer = await ask(world)
    assert ids(answer) == [IDS[55], IDS[1]]
    assert answer.items[0].channels == ()
    assert answer.items[0].task_scores is None
    assert answer.items[1].channels == ("two_tower",)


async def test_a_pinned_item_that_was_shown_is_not_shown_again(tmp_path: Path) -> None:
    world = make_world(make_release(tmp_path / "r1", pins={IDS[55]: 1}), deadline_seconds=60.0)
    pins = Pins([Pin(55, item_key(IDS[55]), frozenset({"odd"}), 1)])

    def rerank(query: RerankQuery) -> Reranked:
        slate, _ = pins.apply(Slate(query.rows, query.scores), query)
        return Reranked(Slate(slate.rows[: query.k], slate.scores[: query.k]))

    world["rerank"].answer = rerank
    lists = [ids(await ask(world, exclude_item_ids=[IDS[0]])) for _ in range(3)]
    assert lists[0] == [IDS[55], *IDS[1:5]]
    assert lists[1:] == [IDS[5:10], IDS[10:15]]
    assert item_key(IDS[0]) in world["rerank"].queries[2].request.exclude


async def test_a_rerank_that_orders_keeps_recalls_order(world: World) -> None:
    """Of two channels: item_cf's scores are far above two_tower's."""

    def two_channels(query: RecallQuery) -> Recalled:
        rows = np.array([30, 10, 20, 40], np.int32)
        scores = np.array([[0.1, 0, 0], [0, 9, 0], [0.2, 0, 0], [0, 12, 0]], np.float32)
        return Recalled(Candidates(rows, np.array([1, 2, 1, 2], np.uint32), scores), NO_VECTOR)

    def rerank(query: RerankQuery) -> Reranked:
        order = best_first(query.scores, query.k)
        return Reranked(Slate(query.rows[order], query.scores[order]))

    world["recall"].answer, world["rerank"].answer = two_channels, rerank
    world["prerank"].mode = world["rank"].mode = "call_error"
    assert ids(await ask(world)) == [IDS[row] for row in (30, 10, 20, 40)]


async def test_blocked_items_are_not_similar_ones(world: World) -> None:
    answer = await world.gateway.similar(IDS[BLOCKED - 2], 3, "request")
    assert ids(answer) == [IDS[row] for row in (BLOCKED - 1, BLOCKED + 1, BLOCKED + 2)]


async def test_the_same_context_gives_the_same_list(world: World) -> None:
    assert ids(await ask(world, "a", 20)) == ids(await ask(world, "b", 20))


async def test_time_is_split(release: GatewayRelease) -> None:
    world = make_world(release, Clock(), deadline_seconds=7.52)
    await ask(world)
    order = ["contexts", "recall", "prerank", "rank", "rerank", "marks"]
    shares = [world[stage].queries[0].remaining for stage in order]
    assert shares == pytest.approx([3.0, 3.0, 2.0, 3.0, 2.0, 2.0])  # twice their parts


def test_hard_rules_hold_to_k(release: GatewayRelease) -> None:
    rows = np.arange(ITEMS, dtype=np.int32)
    candidates = Candidates(rows, np.zeros(ITEMS, np.uint32), np.zeros((ITEMS, 3), np.float32))
    slate = hard_rules_only(Ranking(candidates, rows.astype(np.float32)), release.blocked, 8)
    assert slate.rows.tolist() == [0, 1, 2, 3, 4, 5, 6, 8]
