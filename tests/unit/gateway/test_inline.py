"""Items newer than the release, on their way through the gateway."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from services.domain.candidates import Candidates
from services.domain.ids import item_key
from services.domain.inline import InlineItems
from services.domain.stages import (
    Recalled,
    RecallQuery,
    Scores,
    Similar,
    SimilarQuery,
)
from services.gateway.fallback import NEW_ITEMS, ordered, recall_order
from services.gateway.release import GatewayRelease
from services.gateway.requests import RecommendInput
from tests.unit.gateway.world import IDS, World, make_world, recall

NEW = tuple(f"new-{i}" for i in range(8))
INLINE = InlineItems(NEW, np.ones((8, 4), np.float32), np.ones((8, 3), np.float32))


def mixed(query: RecallQuery) -> Recalled:
    """The new items after the others."""
    whole = recall(query)
    old = whole.candidates
    keys = INLINE.keys
    fresh = np.flatnonzero(~query.context.has_seen(keys) & ~np.isin(keys, query.request.exclude))
    rows = np.concatenate([old.rows, -1 - fresh.astype(np.int32)])
    more = len(fresh)
    return replace(
        whole,
        candidates=Candidates(
            rows,
            np.concatenate([old.channels, np.full(more, 1, np.uint32)]),
            np.concatenate([old.recall_scores, np.zeros((more, 3), np.float32)]),
            inline=INLINE,
        ),
    )


def newest_first(query: Any) -> Scores:
    """Rows in ascending order: the last inline item is the best."""
    blended = -query.candidates.rows.astype(np.float32)
    return Scores(blended, np.zeros((len(blended), 2), np.float32))


@pytest.fixture
def with_new(world: World) -> World:
    world["recall"].answer = mixed
    world["prerank"].answer = world["rank"].answer = newest_first
    return world


async def test_new_items_are_named_marked_and_not_shown_again(with_new: World) -> None:
    asked = RecommendInput(user_id="u", k=3)
    first = await with_new.gateway.recommend(asked, "r")
    assert [item.text.item_id for item in first.items] == ["new-7", "new-6", "new-5"]
    assert first.items[0].channels == ("two_tower",)
    assert first.items[0].task_scores == {"interact": 0.0, "like": 0.0}
    assert with_new.store.shown["u"] == [item_key(item.text.item_id) for item in first.items]
    second = await with_new.gateway.recommend(asked, "r")
    assert [item.text.item_id for item in second.items] == ["new-4", "new-3", "new-2"]


async def test_pages_do_not_repeat_new_items_when_marks_fail(with_new: World) -> None:
    with_new["marks"].mode = "call_error"
    first = await with_new.gateway.recommend(RecommendInput(user_id="u", k=3), "r")
    asked = RecommendInput(user_id="u", k=3, page_token=first.next_page_token)
    second = await with_new.gateway.recommend(asked, "r")
    shown = [item.text.item_id for item in (*first.items, *second.items)]
    assert len(set(shown)) == 6


async def test_rerank_is_given_the_new_items(with_new: World) -> None:
    await with_new.gateway.recommend(RecommendInput(user_id="u", k=3), "r")
    (query,) = with_new["rerank"].queries
    assert query.inline == INLINE


async def test_explain_knows_new_items(with_new: World) -> None:
    asked = RecommendInput(user_id="u", k=3)
    explanation = await with_new.gateway.explain(asked, "new-7", "r")
    assert explanation.item is not None
    assert (explanation.item.title, explanation.item.position) == ("new-7", 1)
    lost = (await with_new.gateway.explain(asked, "new-0", "r")).item
    assert lost is not None
    assert (lost.lost_at, lost.reason) == ("rerank", "position 8 of 58 after rank, 3 are shown")


async def test_explain_says_that_new_items_took_the_place(release: GatewayRelease) -> None:
    world = make_world(release, rank_limit=10, deadline_seconds=60.0)
    world["recall"].answer = mixed
    world["prerank"].answer = lambda query: Scores(-newest_first(query).blended)
    world["rank"].answer = newest_first
    asked = RecommendInput(user_id="u", k=3)
    order = [IDS[row] for row in range(49, -1, -1)]
    fates = [(await world.gateway.explain(asked, item, "r")).item for item in order[:11]]
    assert [fate.lost_at == "prerank" for fate in fates if fate] == 5 * [False] + 6 * [True]
    assert [fate.reason for fate in fates[9:] if fate] == [
        "position 10 of 58, new items have the last of 10 places",
        "position 11 of 58, only 10 go on",
    ]


@pytest.mark.parametrize("stage", ["recall", "rerank"])
async def test_a_row_beyond_the_new_items_fails_the_stage(with_new: World, stage: str) -> None:
    if stage == "recall":
        with_new["recall"].answer = lambda query: replace(
            mixed(query),
            candidates=replace(mixed(query).candidates, inline=replace(INLINE, ids=NEW[:7])),
        )
    else:
        whole = with_new["rerank"].answer
        with_new["rerank"].answer = lambda query: replace(
            whole(query),
            slate=replace(
                whole(query).slate, rows=np.array([-9], np.int32), scores=np.ones(1, np.float32)
            ),
        )
    answer = await with_new.gateway.recommend(RecommendInput(user_id="u", k=3), "r")
    assert [stage_ for stage_, _ in answer.degraded] == [stage]
    assert len(answer.items) == 3


async def test_a_new_item_may_be_similar(world: World) -> None:
    def similar(query: SimilarQuery) -> Similar:
        return Similar(
            np.array([-2, 5, -1], np.int32), np.ones(3, np.float32), replace(INLINE, ids=NEW)
        )

    world["similar"].answer = similar
    answer = await world.gateway.similar(IDS[0], 3, "r")
    assert [item.text.item_id for item in answer.items] == ["new-1", IDS[5], "new-0"]


async def test_repeats_are_told(world: World) -> None:
    world["recall"].answer = lambda query: replace(recall(query), repeats=48)
    answer = await world.gateway.recommend(RecommendInput(user_id="u", k=5), "r")
    assert [item.repeated for item in answer.items] == [False, False, True, True, True]
    assert world["recall"].queries[0].at_least == 5


def candidates(rows: list[int]) -> Candidates:
    n = len(rows)
    return Candidates(
        np.array(rows, np.int32),
        np.ones(n, np.uint32),
        np.ones((n, 3), np.float32),
        np.arange(n * 6, dtype=np.float32).reshape(n, 6),
        INLINE,
    )


def test_new_items_keep_a_few_places_after_prerank() -> None:
    found = candidates([0, 1, 2, 3, 4, 5, 6, 7, *range(-8, 0)])
    scores = Scores(np.concatenate([np.ones(8), np.linspace(0.1, 0.8, 8)]).astype(np.float32))
    kept = ordered(found, scores, 9)
    assert kept.candidates.rows.tolist() == [0, 1, 2, 3, -1, -2, -3, -4, -5]
    assert kept.candidates.statistics[4].tolist() == found.statistics[15].tolist()
    in_order = recall_order(found, 9)
    assert in_order.candidates.rows.tolist() == [0, 1, 2, 3, -8, -7, -6, -5, -4]
    assert in_order.candidates.inline is INLINE


@pytest.mark.parametrize("limit", [1, NEW_ITEMS, 16, 20])
def test_places_of_new_items_are_within_the_limit(limit: int) -> None:
    found = candidates([0, 1, 2, 3, 4, 5, 6, 7, *range(-8, 0)])
    scores = Scores(np.linspace(1, 0, 16, dtype=np.float32))
    rows = ordered(found, scores, limit).candidates.rows
    assert len(rows) == min(limit, 16) == len(set(rows.tolist()))
    assert (rows < 0).sum() >= min(limit, NEW_ITEMS)


def test_new_items_that_are_good_take_no_other_place() -> None:
    found = candidates([-1, -2, -3, -4, -5, -6, 0, 1, 2])
    scores = Scores(np.linspace(1, 0, 9, dtype=np.float32))
    assert ordered(found, scores, 7).candidates.rows.tolist() == [-1, -2, -3, -4, -5, -6, 0]
