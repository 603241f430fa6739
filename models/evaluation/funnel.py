"""The stages of a release, as serving runs them, one after the other on a batch of users."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from models.evaluation.places import SHOWN
from models.schema import layout
from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.manifest import Manifest
from services.domain.arrays import F32, I32, I64
from services.domain.candidates import Candidates, best_first
from services.domain.context import RequestContext, UserContext
from services.domain.live import NOTHING_LIVE, Live
from services.domain.outcome import Outcome
from services.domain.protocols import Fetched
from services.domain.stages import (
    PrerankQuery,
    RankQuery,
    Recalled,
    RecallQuery,
    Reranked,
    RerankQuery,
    Scores,
)
from services.prerank.pipeline import PrerankModel, open_prerank
from services.rank.pipeline import RankModel, open_rank
from services.recall.model import RecallModel
from services.recall.pipeline import open_recall
from services.recall.runners import Batch
from services.recall.settings import RecallSettings
from services.rerank.pipeline import RerankModel, open_rerank
from services.rerank.settings import RerankSettings

T = TypeVar("T")

PATIENCE = 3600.0  # seconds: nothing is skipped for lateness


@dataclass(frozen=True, slots=True)
class Trail:
    """What the stages made of one query, best first.

    Attributes:
        channels: rows of each channel alone, in the order of the release; what the user had is out.
        recalled: with what was dropped and why.
        kept: after prerank.
        ranked: the same in the order of rank.
        scores: of rank, in that order; `tasks` by task.
        final: the answer, with what the rules did.
    """

    channels: tuple[I32, ...]
    recalled: Recalled
    kept: Candidates
    ranked: Candidates
    scores: Scores
    final: Reranked


@dataclass(frozen=True, slots=True)
class Stages:
    """What the release is opened into."""

    recall: RecallModel
    prerank: PrerankModel
    rank: RankModel
    rerank: RerankModel


@dataclass(frozen=True, slots=True)
class Funnel:
    """The stages of a release, and how many candidates pass each."""

    folder: Path
    manifest: Manifest
    stages: Stages
    catalog: Catalog
    limit: int = 600
    prerank_limit: int = 200
    k: int = SHOWN

    @staticmethod
    def open(folder: Path, prerank_limit: int = 200) -> "Funnel":
        """Opens the stages of the release in `folder`; ReleaseError when one cannot serve."""
        stages = Stages(
            open_recall(folder, RecallSettings(channel_timeout=PATIENCE)),
            open_prerank(folder),
            open_rank(folder),
            open_rerank(folder, RerankSettings()),
        )
        catalog = Catalog(folder, FeatureSchema.read(folder).categories)
        return Funnel(folder, Manifest.read(folder), stages, catalog, prerank_limit=prerank_limit)

    @property
    def channels(self) -> tuple[str, ...]:
        return self.manifest.channels

    @property
    def vectors(self) -> F32:
        """Of items, float32 [n, d]."""
        return np.asarray(np.load(self.folder / layout.VECTORS))

    @property
    def category_vectors(self) -> F32:
        """Of items, float32 [n, c]; zeros for an item without categories."""
        count = len(FeatureSchema.read(self.folder).categories)
        return np.asarray(np.load(self.folder / layout.CATALOG_FEATURES)[:, :count])

    async def run(
        self,
        contexts: Sequence[UserContext],
        requests: Sequence[RequestContext],
        live: Live = NOTHING_LIVE,
    ) -> list[Trail]:
        """Answers each query; RuntimeError when a stage fails, which is not to happen here."""
        asked = list(zip(contexts, requests, strict=True))
        queries = [
            RecallQuery(self.manifest.id, c, r, self.limit, PATIENCE, explain=True)
            for c, r in asked
        ]
        channels = await self._channels(queries, live)
        recalled = [_value(one) for one in await self.stages.recall.run(queries, live)]
        kept = await self._kept(asked, recalled)
        ranked, scores = await self._ranked(asked, kept, [one.user_vector for one in recalled])
        final = await self._final(requests, ranked, scores)
        return [
            Trail(*one) for one in zip(channels, recalled, kept, ranked, scores, final, strict=True)
        ]

    async def _channels(self, queries: Sequence[RecallQuery], live: Live) -> list[tuple[I32, ...]]:
        """What each channel would recall on its own, to the length of the merged list."""
        limits = [self.limit + query.context.seen.count() for query in queries]
        batch = Batch(queries, dict.fromkeys(self.channels, limits), live)
        found: dict[str, Sequence[Fetched]] = {}
        for runner in self.stages.recall.runners:
            attempts = await runner.fetch(batch, PATIENCE)
            for name, attempt in zip(runner.names, attempts, strict=True):
                if attempt.failure:
                    raise RuntimeError(f"channel {name} failed: {attempt.failure}")
                found[name] = attempt.fetched
        return [
            tuple(self._unseen(query, found[name][i].rows) for name in self.channels)
            for i, query in enumerate(queries)
        ]

    def _unseen(self, query: RecallQuery, rows: I32) -> I32:
        known = rows[rows >= 0]
        return known[~query.context.has_seen(self.catalog.keys[known])][: self.limit]

    async def _kept(
        self, asked: Sequence[tuple[UserContext, RequestContext]], recalled: Sequence[Recalled]
    ) -> list[Candidates]:
        release = self.manifest.id
        queries = [
            PrerankQuery(release, context, request, one.candidates, one.user_vector, PATIENCE)
            for (context, request), one in zip(asked, recalled, strict=True)
        ]
        scores = [_value(outcome).blended for outcome in await self.stages.prerank.run(queries)]
        return [
            one.candidates.take(best_first(score, self.prerank_limit))
            for one, score in zip(recalled, scores, strict=True)
        ]

    async def _ranked(
        self,
        asked: Sequence[tuple[UserContext, RequestContext]],
        kept: Sequence[Candidates],
        vectors: Sequence[F32],
    ) -> tuple[list[Candidates], list[Scores]]:
        release = self.manifest.id
        queries = [
            RankQuery(release, context, request, one, PATIENCE, vector)
            for (context, request), one, vector in zip(asked, kept, vectors, strict=True)
        ]
        scores = [_value(outcome) for outcome in await self.stages.rank.run(queries)]
        orders = [_order(score) for score in scores]
        return (
            [one.take(order) for one, order in zip(kept, orders, strict=True)],
            [
                Scores(score.blended[order], score.tasks[order])
                for score, order in zip(scores, orders, strict=True)
            ],
        )

    async def _final(
        self,
        requests: Sequence[RequestContext],
        ranked: Sequence[Candidates],
        scores: Sequence[Scores],
    ) -> list[Reranked]:
        queries = [
            RerankQuery(
                self.manifest.id, request, one.rows, score.blended, self.k, PATIENCE, explain=True
            )
            for request, one, score in zip(requests, ranked, scores, strict=True)
        ]
        return [_value(outcome) for outcome in await self.stages.rerank.run(queries)]


def _order(scores: Scores) -> I64:
    return best_first(scores.blended, len(scores.blended))


def _value(outcome: Outcome[T]) -> T:
    if outcome.value is None:
        raise RuntimeError(f"a stage failed in evaluation: {outcome.failure}")
    return outcome.value
