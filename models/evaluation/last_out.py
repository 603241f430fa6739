"""Last-out evaluation through the stages that serve, over the whole catalog."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from models.schema.manifest import Manifest
from models.training.log import Log
from models.training.split import Queries
from services.domain.arrays import F32, I32, I64
from services.domain.candidates import Candidates, best_first
from services.domain.context import RequestContext, UserContext
from services.domain.outcome import Outcome
from services.domain.stages import PrerankQuery, RankQuery, Recalled, RecallQuery, RerankQuery
from services.prerank.pipeline import PrerankModel, open_prerank
from services.rank.pipeline import RankModel, open_rank
from services.recall.model import RecallModel
from services.recall.pipeline import open_recall
from services.recall.settings import RecallSettings
from services.rerank.pipeline import RerankModel, open_rerank
from services.rerank.settings import RerankSettings

T = TypeVar("T")

BATCH = 32
PATIENCE = 3600.0  # seconds: nothing is skipped for lateness
NOT_FOUND = 10**9


@dataclass(frozen=True, slots=True)
class Funnel:
    """The stages of a release, and how many candidates pass each."""

    release: str
    channels: tuple[str, ...]
    recall: RecallModel
    prerank: PrerankModel
    rank: RankModel
    rerank: RerankModel
    limit: int = 600
    prerank_limit: int = 200
    k: int = 20

    @staticmethod
    def open(folder: Path, prerank_limit: int = 200) -> "Funnel":
        """Opens the stages of the release in `folder`; ReleaseError when one cannot serve."""
        manifest = Manifest.read(folder)
        settings = RecallSettings(channel_timeout=PATIENCE)
        return Funnel(
            manifest.id,
            manifest.channels,
            open_recall(folder, settings),
            open_prerank(folder),
            open_rank(folder),
            open_rerank(folder, RerankSettings()),
            prerank_limit=prerank_limit,
        )

    async def places(self, contexts: list[UserContext], targets: I64) -> dict[str, list[int]]:
        """Place of each user's target, from 0, in the list after each stage and of each channel.

        NOT_FOUND where the list does not have it.
        """
        request = RequestContext(now=0)
        recalled = await self._recalled(contexts, request)
        kept = await self._kept(contexts, request, recalled)
        ranked, scores = await self._ranked(contexts, request, kept)
        lists: dict[str, list[I32]] = {
            name: [_of_channel(one.candidates, channel) for one in recalled]
            for channel, name in enumerate(self.channels)
        }
        lists["recall"] = [one.candidates.rows for one in recalled]
        lists["prerank"] = [one.rows for one in kept]
        lists["rank"] = [one.rows for one in ranked]
        lists["rerank"] = await self._reranked(request, ranked, scores)
        return {
            name: [_place(rows, target) for rows, target in zip(found, targets, strict=True)]
            for name, found in lists.items()
        }

    async def _recalled(
        self, contexts: list[UserContext], request: RequestContext
    ) -> list[Recalled]:
        queries = [RecallQuery(self.release, c, request, self.limit, PATIENCE) for c in contexts]
        return [_value(outcome) for outcome in await self.recall.run(queries)]

    async def _kept(
        self, contexts: list[UserContext], request: RequestContext, recalled: list[Recalled]
    ) -> list[Candidates]:
        queries = [
            PrerankQuery(self.release, context, request, one.candidates, one.user_vector, PATIENCE)
            for context, one in zip(contexts, recalled, strict=True)
        ]
        scores = [_value(outcome).blended for outcome in await self.prerank.run(queries)]
        return [
            one.candidates.take(best_first(score, self.prerank_limit))
            for one, score in zip(recalled, scores, strict=True)
        ]

    async def _ranked(
        self, contexts: list[UserContext], request: RequestContext, kept: list[Candidates]
    ) -> tuple[list[Candidates], list[F32]]:
        queries = [
            RankQuery(self.release, context, request, one, PATIENCE)
            for context, one in zip(contexts, kept, strict=True)
        ]
        scores = [_value(outcome).blended for outcome in await self.rank.run(queries)]
        orders = [best_first(score, len(score)) for score in scores]
        return (
            [one.take(order) for one, order in zip(kept, orders, strict=True)],
            [score[order] for score, order in zip(scores, orders, strict=True)],
        )

    async def _reranked(
        self, request: RequestContext, ranked: list[Candidates], scores: list[F32]
    ) -> list[I32]:
        queries = [
            RerankQuery(self.release, request, one.rows, score, self.k, PATIENCE)
            for one, score in zip(ranked, scores, strict=True)
        ]
        return [_value(outcome).slate.rows for outcome in await self.rerank.run(queries)]


def _of_channel(candidates: Candidates, channel: int) -> I32:
    """Rows that a channel recalled, in its order."""
    order = best_first(candidates.recall_scores[:, channel], len(candidates))
    rows = candidates.take(order)
    return np.asarray(rows.rows[(rows.channels >> np.uint32(channel)) & np.uint32(1) == 1])


async def evaluate(funnel: Funnel, log: Log, queries: Queries) -> dict[str, float]:
    """Metrics over the queries: `<stage>.<metric>`, and half of a 95 % interval as `<..>.ci95`.

    Stages are the channels alone, the merged candidates, and the lists after prerank, rank, rerank.
    An item a user had before is not among the candidates; the whole rest of the catalog is.
    """
    places: dict[str, list[int]] = {}
    for start in range(0, len(queries), BATCH):
        at = slice(start, start + BATCH)
        pairs = zip(queries.users[at], queries.ends[at], strict=True)
        contexts = [log.context(int(user), int(end)) for user, end in pairs]
        for name, found in (await funnel.places(contexts, queries.targets[at])).items():
            places.setdefault(name, []).extend(found)
    metrics: dict[str, float] = {}
    for name, found in places.items():
        metrics |= metrics_of(name, np.array(found, np.int64))
    return metrics


def metrics_of(name: str, places: I64) -> dict[str, float]:
    """Metrics of one stage from the places of the targets in its lists, int64 [Q]."""
    gains: Mapping[str, F32] = {
        "ndcg@10": np.where(places < 10, 1.0 / np.log2(places + 2.0), 0.0),
        "hr@10": (places < 10).astype(np.float32),
        "recall@300": (places < 300).astype(np.float32),
    }
    if name != "recall":
        gains = {metric: gains[metric] for metric in ("ndcg@10", "hr@10")}
    metrics = {}
    for metric, values in gains.items():
        metrics[f"{name}.{metric}"] = float(values.mean()) if len(values) else 0.0
        spread = float(values.std()) / math.sqrt(len(values)) if len(values) else 0.0
        metrics[f"{name}.{metric}.ci95"] = 1.96 * spread
    return metrics


def _value(outcome: Outcome[T]) -> T:
    if outcome.value is None:
        raise RuntimeError(f"a stage failed in evaluation: {outcome.failure}")
    return outcome.value


def _place(rows: I32, target: int) -> int:
    found = np.flatnonzero(rows == target)
    return int(found[0]) if len(found) else NOT_FOUND
