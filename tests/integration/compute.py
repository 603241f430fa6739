"""Recall, prerank and rank in both placements, and queries for them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from models.schema.catalog import Catalog
from services.chassis.channel import open_channel
from services.chassis.server import started
from services.domain.candidates import best_first
from services.domain.context import History, RequestContext, UserContext
from services.domain.outcome import Outcome
from services.domain.protocols import StageClient
from services.domain.stages import (
    PrerankQuery,
    RankQuery,
    Recalled,
    RecallQuery,
    Scores,
    Similar,
    SimilarQuery,
)
from services.inference.slots import ReleaseSlots
from services.inference.stage import ReleaseStage
from services.inference.store import ReleaseStore
from services.prerank.__main__ import mounted as mounted_prerank
from services.prerank.client import prerank_client
from services.prerank.pipeline import open_prerank
from services.prerank.settings import PrerankSettings
from services.rank.__main__ import mounted as mounted_rank
from services.rank.client import rank_client
from services.rank.pipeline import open_rank
from services.rank.settings import RankSettings
from services.recall.__main__ import mounted as mounted_recall
from services.recall.client import recall_client, similar_client
from services.recall.pipeline import open_recall
from services.recall.settings import RecallSettings
from services.recall.slots import SimilarSlots

LIMIT = 60
LONG = 60.0  # seconds; never waited for


@dataclass(frozen=True)
class Stages:
    """The three stages in one placement."""

    recall: StageClient[RecallQuery, Recalled]
    similar: StageClient[SimilarQuery, Similar]
    prerank: StageClient[PrerankQuery, Scores]
    rank: StageClient[RankQuery, Scores]


def settings_of(folder: Path) -> dict[str, Any]:
    return {"port": 0, "metrics_port": 0, "releases": str(folder.parent), "release": folder.name}


def recall_settings(folder: Path) -> RecallSettings:
    return RecallSettings(channel_timeout=LONG, **settings_of(folder))


def loaded(folder: Path, open_release: Any) -> ReleaseSlots[Any]:
    slots: ReleaseSlots[Any] = ReleaseSlots(ReleaseStore(str(folder.parent)), open_release)
    slots.load(folder.name)
    return slots


def in_process(folder: Path) -> Stages:
    recall = loaded(folder, lambda path: open_recall(path, recall_settings(folder)))
    return Stages(
        ReleaseStage(recall),
        ReleaseStage(SimilarSlots(recall)),
        ReleaseStage(loaded(folder, open_prerank)),
        ReleaseStage(loaded(folder, open_rank)),
    )


@asynccontextmanager
async def over_grpc(folder: Path) -> AsyncIterator[Stages]:
    """The three stages behind gRPC, each on a free port."""
    settings = settings_of(folder)
    services = (
        ("recall", recall_settings(folder), mounted_recall(recall_settings(folder))),
        ("prerank", PrerankSettings(**settings), mounted_prerank(PrerankSettings(**settings))),
        ("rank", RankSettings(**settings), mounted_rank(RankSettings(**settings))),
    )
    async with AsyncExitStack() as stack:
        channels: list[grpc.aio.Channel] = []
        for name, config, mount in services:
            server = await stack.enter_async_context(started(name, config, mount))
            channel = open_channel(f"127.0.0.1:{server.port}")
            channels.append(await stack.enter_async_context(channel))
        recall, prerank, rank = channels
        yield Stages(
            recall_client(recall),
            similar_client(recall),
            prerank_client(prerank),
            rank_client(rank),
        )


def users(catalog: Catalog) -> list[UserContext]:
    """Users with histories of several lengths, none among them, and one nobody knows."""
    generator = np.random.default_rng(5)
    contexts = [UserContext.unknown("nobody")]
    for length in (0, 1, 7, 60):
        keys = np.asarray(catalog.keys)[generator.permutation(len(catalog))[:length]]
        times = np.arange(length, 0, -1).astype(np.uint32) * 1000
        events = generator.integers(2, 4, length).astype(np.uint8)
        history = History(keys, times, events, np.ones(length, np.float32))
        contexts.append(UserContext(f"u{length}", known=True, history=history))
    return contexts


def recall_queries(folder: Path, catalog: Catalog) -> list[RecallQuery]:
    request = RequestContext(now=1_800_000_000, exclude=np.asarray(catalog.keys)[:3])
    return [
        RecallQuery(folder.name, user, request, LIMIT, LONG, explain=True)
        for user in users(catalog)
    ]


def prerank_queries(
    queries: Sequence[RecallQuery], recalled: Sequence[Recalled]
) -> list[PrerankQuery]:
    return [
        PrerankQuery(q.release, q.context, q.request, r.candidates, r.user_vector, LONG)
        for q, r in zip(queries, recalled, strict=True)
    ]


def rank_queries(queries: Sequence[PrerankQuery], scores: Sequence[Scores]) -> list[RankQuery]:
    return [
        RankQuery(
            q.release,
            q.context,
            q.request,
            q.candidates.take(best_first(s.blended, 20)),
            LONG,
            q.user_vector,
        )
        for q, s in zip(queries, scores, strict=True)
    ]


def values(outcomes: Sequence[Outcome[Any]]) -> list[Any]:
    assert [outcome.failure for outcome in outcomes] == [None] * len(outcomes)
    return [outcome.value for outcome in outcomes]


def without_times(recalled: Recalled) -> Recalled:
    return replace(recalled, reports=tuple(replace(r, seconds=0.0) for r in recalled.reports))


async def funnel(stages: Stages, folder: Path, catalog: Catalog) -> list[list[Any]]:
    """What each stage answers to what the one before it found."""
    first = recall_queries(folder, catalog)
    recalled = values(await stages.recall.call(first, LONG))
    second = prerank_queries(first, recalled)
    light = values(await stages.prerank.call(second, LONG))
    third = rank_queries(second, light)
    full = values(await stages.rank.call(third, LONG))
    return [[without_times(r) for r in recalled], light, full]
