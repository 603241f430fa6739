"""Where an item was lost, for every way to lose it."""

import numpy as np
import pytest

from services.domain.stages import (
    Dropped,
    Recalled,
    Reranked,
    RuleNote,
    Slate,
)
from services.gateway.explain.explanation import Explanation, ItemReport
from services.gateway.release import GatewayRelease
from services.gateway.requests import RecommendInput
from tests.unit.gateway.world import BLOCKED, IDS, World, make_world, recall


@pytest.fixture
def world(release: GatewayRelease) -> World:
    return make_world(release, rank_limit=10, deadline_seconds=60.0)


async def explain(world: World, item: str = "", **given: object) -> Explanation:
    return await world.gateway.explain(
        RecommendInput(user_id="u", k=3, **given),  # type: ignore[arg-type]
        item,
        "request",
    )


async def fate(world: World, item: str, **given: object) -> tuple[str, str]:
    report = await item_of(world, item, **given)
    return report.lost_at, report.reason


async def item_of(world: World, item: str, **given: object) -> ItemReport:
    report = (await explain(world, item, **given)).item
    assert report is not None
    assert report.item_id == item
    return report


async def test_an_item_in_the_list(world: World) -> None:
    report = await item_of(world, IDS[41])
    assert (report.lost_at, report.reason, report.position) == ("", "", 2)
    assert report.title == "Title 41"
    places = {stage.stage: stage.position for stage in report.stages}
    assert places == {"recall": 42, "prerank": 9, "rank": 2, "rerank": 2}
    assert report.stages[0].score == 1 / 42
    notes = {stage.stage: stage.notes for stage in report.stages}
    assert notes["recall"] == ("two_tower 0.59",)
    assert notes["rank"] == ("interact 0.02381", "like 0.0119")


async def test_lost_at_recall(world: World) -> None:
    dropped = (
        Dropped(np.array([50], np.int32), np.array([3], np.uint32), "seen"),
        Dropped(np.array([51, 52], np.int32), np.array([1, 4], np.uint32), "quota"),
    )

    def with_drops(query: object) -> Recalled:
        whole = recall(query)  # type: ignore[arg-type]
        return Recalled(whole.candidates, whole.user_vector, (), dropped)

    world["recall"].answer = with_drops
    assert await fate(world, "nowhere") == (
        "recall",
        "unknown item: neither release r1 nor the item table has it",
    )
    none = "not recalled by any channel"
    assert await fate(world, IDS[59]) == ("recall", none)
    assert await fate(world, IDS[59], tags=["tag-0"]) == ("recall", f"{none}: tag")
    assert await fate(world, IDS[50]) == ("recall", "seen; recalled by two_tower, item_cf")
    assert await fate(world, IDS[52]) == ("recall", "quota; recalled by popular")
    stages = {s.stage: s for s in (await explain(world)).stages}
    assert stages["recall"].dropped == {"seen": 1, "quota": 2}


async def test_lost_at_recall_that_was_skipped(world: World) -> None:
    world["recall"].mode = "call_error"
    world["prerank"].mode = "call_error"
    world.store.events["u"] = [int(world.gateway.release.keys[3])]
    stood_in = "recall was skipped (UNAVAILABLE), the popular list stood in: "
    assert await fate(world, IDS[3]) == ("recall", stood_in + "seen")
    assert await fate(world, IDS[0], exclude_item_ids=[IDS[0]]) == (
        "recall",
        stood_in + "excluded",
    )
    assert await fate(world, IDS[1], categories=["even"]) == ("recall", stood_in + "category")
    assert await fate(world, IDS[BLOCKED]) == ("recall", stood_in + "blocked")


async def test_lost_at_prerank(world: World) -> None:
    assert await fate(world, IDS[10]) == ("prerank", "position 40 of 50, only 10 go on")
    world["prerank"].mode = "call_error"
    assert await fate(world, IDS[10]) == (
        "prerank",
        "position 11 of 50 in recall's order (prerank was skipped), only 10 go on",
    )


async def test_lost_after_rank(world: World) -> None:
    assert await fate(world, IDS[44]) == ("rerank", "position 5 of 10 after rank, 3 are shown")
    world["rerank"].mode = "call_error"
    assert await fate(world, IDS[44]) == ("rank", "position 5 of 10, only 3 are shown")
    world["prerank"].mode = world["rank"].mode = "call_error"
    assert await fate(world, IDS[BLOCKED]) == ("rerank", "blocked")


async def test_lost_to_a_rule(world: World) -> None:
    notes = (RuleNote(40, "blocks", "removed"), RuleNote(41, "mmr", "moved"))
    world["rerank"].answer = lambda query: Reranked(
        Slate(query.rows[1:4], query.scores[1:4]), notes
    )
    assert await fate(world, IDS[40]) == ("rerank", "removed by the rule blocks")
    report = await item_of(world, IDS[41])
    assert report.stages[-1].notes == ("mmr moved",)
    stages = {s.stage: s for s in (await explain(world)).stages}
    assert stages["rerank"].dropped == {"blocks": 1, "position": 6}
    assert stages["rerank"].notes == ("blocks removed 1", "mmr moved 1")


async def test_every_stage_says_what_it_had_and_kept(world: World) -> None:
    explanation = await explain(world)
    counts = [(s.stage, s.received, s.kept) for s in explanation.stages]
    assert counts == [
        ("feature_store", 0, 0),
        ("recall", 0, 50),
        ("prerank", 50, 10),
        ("rank", 10, 10),
        ("rerank", 10, 3),
    ]
    stages = {s.stage: s for s in explanation.stages}
    assert stages["prerank"].dropped == {"position": 40}
    assert [top.position for top in stages["recall"].top] == list(range(1, 21))
    assert [top.item_id for top in stages["prerank"].top] == IDS[49:39:-1]
    assert [top.item_id for top in stages["rerank"].top] == IDS[40:43]
    assert stages["feature_store"].notes[:2] == ("user unknown", "history of 0 events")
    assert explanation.item is None


async def test_it_is_the_list_of_recommend_and_marks_nothing(world: World) -> None:
    for _ in range(2):
        explanation = await explain(world)
    assert not world["marks"].queries
    answer = await world.gateway.recommend(RecommendInput(user_id="u", k=3), "request")
    assert answer.items == explanation.answer.items
    assert world["recall"].queries[0].explain
    assert not world["recall"].queries[2].explain


async def test_a_skipped_stage_says_why(world: World) -> None:
    world["rank"].mode = "call_error"
    stage = (await explain(world)).stages[3]
    assert stage.failure is not None
    assert stage.notes == ("skipped, UNAVAILABLE: connection refused",)
