"""Recall, prerank and rank over real gRPC, from a real release."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.manifest import Manifest
from services.domain.outcome import CallError, Reason
from services.domain.protocols import StageClient
from services.domain.stages import RankQuery, SimilarQuery
from tests.integration.compute import (
    LIMIT,
    LONG,
    Stages,
    funnel,
    in_process,
    over_grpc,
    prerank_queries,
    rank_queries,
    recall_queries,
    values,
    without_times,
)
from tests.releases import release
from tests.unit.inference.queries import same

__all__ = ["release"]


@pytest_asyncio.fixture
async def remote(release: Path) -> AsyncIterator[Stages]:
    async with over_grpc(release) as stages:
        yield stages


@pytest.fixture(scope="module")
def local(release: Path) -> Stages:
    return in_process(release)


@pytest.fixture(scope="module")
def catalog(release: Path) -> Catalog:
    return Catalog(release, FeatureSchema.read(release).categories)


async def test_over_grpc_the_answers_are_those_in_process_bit_for_bit(
    remote: Stages, local: Stages, release: Path, catalog: Catalog
) -> None:
    remotely = await funnel(remote, release, catalog)
    in_here = await funnel(local, release, catalog)
    for stage, other in zip(remotely, in_here, strict=True):
        assert same(stage, other)
    similar = [SimilarQuery(release.name, int(key), 10, LONG) for key in catalog.keys[:5]]
    assert same(await remote.similar.call(similar, LONG), await local.similar.call(similar, LONG))


async def test_recall_gives_unseen_distinct_candidates_and_accounts_for_the_rest(
    local: Stages, release: Path, catalog: Catalog
) -> None:
    queries = recall_queries(release, catalog)
    for query, one in zip(queries, values(await local.recall.call(queries, LONG)), strict=True):
        rows = one.candidates.rows
        # 120 items, less 3 excluded and at most 60 acted on: the list cannot always be full.
        left = len(catalog) - len(np.union1d(query.context.history.keys, catalog.keys[:3]))
        assert len(rows) == len(set(rows.tolist())) == min(LIMIT, left)
        keys = np.asarray(catalog.keys)[rows]
        assert not query.context.has_seen(keys).any()
        assert not np.isin(keys, query.request.exclude).any()
        assert (one.candidates.channels > 0).all()
        assert one.user_vector.shape == (16,)
        reasons = {dropped.reason for dropped in one.dropped}
        assert reasons <= {"seen", "excluded", "category", "quota"}
        assert "excluded" in reasons
        assert ("seen" in reasons) == bool(len(query.context.history))
        assert tuple(r.channel for r in one.reports) == tuple(Manifest.read(release).channels)
        assert all(r.failure is None and r.kept <= r.fetched for r in one.reports)


async def test_a_category_request_gets_only_that_category(
    local: Stages, release: Path, catalog: Catalog
) -> None:
    (wanted,) = catalog.categories(0)[:1]
    query = recall_queries(release, catalog)[1]
    query = replace(query, request=replace(query.request, categories=(wanted,)))
    (one,) = values(await local.recall.call([query], LONG))
    inside = np.flatnonzero(catalog.rows_in([wanted]))
    expected = min(LIMIT, len(np.setdiff1d(inside, [0, 1, 2])))
    assert len(one.candidates) == expected > 0
    assert np.isin(one.candidates.rows, inside).all()


async def test_similar_leaves_out_the_item_itself(
    local: Stages, release: Path, catalog: Catalog
) -> None:
    queries = [SimilarQuery(release.name, int(key), 10, LONG) for key in catalog.keys[:20]]
    for row, one in enumerate(values(await local.similar.call(queries, LONG))):
        assert len(one.rows) == len(set(one.rows.tolist())) == 10
        assert row not in one.rows
        assert (np.diff(one.scores) <= 0).all()
        assert (one.scores <= 1.0 + 1e-6).all()


async def test_one_bad_query_fails_alone(remote: Stages, release: Path, catalog: Catalog) -> None:
    first = recall_queries(release, catalog)[:2]
    second = prerank_queries(first, values(await remote.recall.call(first, LONG)))
    third = rank_queries(second, values(await remote.prerank.call(second, LONG)))
    beyond = replace(third[0].candidates, rows=third[0].candidates.rows + 120)
    inline = replace(third[0].candidates, rows=-1 - third[0].candidates.rows)
    narrow = replace(third[0].candidates, recall_scores=third[0].candidates.recall_scores[:, :2])
    crowd = replace(first[0], limit=5001)
    stranger = SimilarQuery(release.name, 42, 5, LONG)
    known = SimilarQuery(release.name, int(catalog.keys[0]), 5, LONG)
    short = replace(second[0], user_vector=np.ones(3, np.float32))
    cases: list[tuple[StageClient[Any, Any], Any, Any, str]] = [
        (remote.recall, crowd, first[1], "limit: 5001, 1 to 5000 expected"),
        (remote.similar, stranger, known, f"key: release {release.name} has no item with key 42"),
        (remote.prerank, short, second[1], "user_vector: 3 values, 0 or 16 expected"),
        (remote.rank, replace(third[0], candidates=beyond), third[1], "candidates.rows: "),
        (remote.rank, replace(third[0], candidates=inline), third[1], "candidates.rows: row -"),
        (
            remote.rank,
            replace(third[0], candidates=narrow),
            third[1],
            "candidates.channel_count: 2",
        ),
    ]
    for stage, bad, good, message in cases:
        failed, answered = await stage.call([bad, good], LONG)
        assert failed.failure is not None
        assert failed.failure.reason is Reason.INVALID
        assert failed.failure.message.startswith(message)
        assert answered.value is not None


async def test_expired_and_unknown_releases_fail_alone(
    remote: Stages, release: Path, catalog: Catalog
) -> None:
    good = recall_queries(release, catalog)[0]
    queries = [replace(good, remaining=0.0), replace(good, release="other"), good]
    expired, unknown, answered = await remote.recall.call(queries, LONG)
    assert expired.failure is not None
    assert expired.failure.reason is Reason.EXPIRED
    assert unknown.failure is not None
    assert unknown.failure.reason is Reason.RELEASE_NOT_LOADED
    assert unknown.failure.message == f"release other is not loaded; loaded: {release.name}"
    assert answered.value is not None


async def test_candidates_may_be_none_at_all(
    local: Stages, release: Path, catalog: Catalog
) -> None:
    first = recall_queries(release, catalog)[:3]
    second = prerank_queries(first, values(await local.recall.call(first, LONG)))
    empty = second[1].candidates.take(np.empty(0, np.int64))
    for queries in (
        [replace(q, candidates=empty) for q in second],
        [second[0], replace(second[1], candidates=empty), second[2]],
    ):
        light = values(await local.prerank.call(queries, LONG))
        assert [len(s.blended) for s in light] == [len(q.candidates) for q in queries]
        full = values(
            await local.rank.call(
                [
                    RankQuery(q.release, q.context, q.request, q.candidates, LONG, q.user_vector)
                    for q in queries
                ],
                LONG,
            )
        )
        assert [s.tasks.shape for s in full] == [(len(q.candidates), 2) for q in queries]


async def test_too_large_a_batch_is_refused_whole(
    remote: Stages, release: Path, catalog: Catalog
) -> None:
    with pytest.raises(CallError) as raised:
        await remote.recall.call([recall_queries(release, catalog)[0]] * 257, LONG)
    assert raised.value.failure.reason is Reason.INVALID
    assert raised.value.failure.message == "queries: 257, at most 256"


def _count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_metrics_count_what_was_done(local: Stages, release: Path, catalog: Catalog) -> None:
    names = (
        "recall_queries_total",
        "recall_candidates_total",
        "prerank_candidates_total",
        "rank_candidates_total",
        "rank_batch_duration_seconds_count",
        "rank_refused_queries_total",
    )
    before = [_count(f"recstack_{name}") for name in names]
    kept = _count("recstack_recall_channel_kept_items_total", channel="popular")
    recalled, light, full = await funnel(local, release, catalog)
    found = sum(len(one.candidates) for one in recalled)
    scored = sum(len(one.blended) for one in full)
    assert sum(len(one.blended) for one in light) == found
    after = [_count(f"recstack_{name}") for name in names]
    grown = [new - old for new, old in zip(after, before, strict=True)]
    assert grown == [len(recalled), found, found, scored, 1, 0]
    reports = [report for one in recalled for report in one.reports]
    popular = sum(report.kept for report in reports if report.channel == "popular")
    assert _count("recstack_recall_channel_kept_items_total", channel="popular") == kept + popular


async def test_calls_from_many_tasks_are_all_answered(
    remote: Stages, release: Path, catalog: Catalog
) -> None:
    queries = recall_queries(release, catalog)
    alone = [values(await remote.recall.call([query], LONG))[0] for query in queries]
    calls = [remote.recall.call([query], LONG) for query in queries * 4]
    together = [values(outcomes)[0] for outcomes in await asyncio.gather(*calls)]
    for one, other in zip(together, alone * 4, strict=True):
        assert same(without_times(one), without_times(other))
