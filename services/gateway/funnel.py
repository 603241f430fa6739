"""The way of a request: context → recall → prerank → rank → rerank → mark."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from services.domain.arrays import U64
from services.domain.context import RequestContext, Seen, UserContext
from services.domain.outcome import Failure
from services.domain.stages import (
    ContextQuery,
    MarkShownQuery,
    PrerankQuery,
    RankQuery,
    Recalled,
    RecallQuery,
    Reranked,
    RerankQuery,
    Scores,
    Slate,
)
from services.gateway import checks, fallback
from services.gateway.release import GatewayRelease
from services.gateway.requests import ListRequest
from services.gateway.resilience.budget import WEIGHTS, Budget, Clock, parts
from services.gateway.resilience.guard import Answered
from services.gateway.resilience.guards import Guards
from services.gateway.trace import Ranking, Step, Trace

NOT_ASKED: Answered[Any] = Answered(None, None, 0.0)


@dataclass(frozen=True, slots=True)
class FunnelSettings:
    """Sizes of the funnel.

    Attributes:
        recall_limit: most candidates asked of recall.
        rank_limit: most candidates that prerank passes on; never below a request's k.
        weights: stage → its weight when a request's time is split.
    """

    recall_limit: int = 600
    rank_limit: int = 200
    weights: Sequence[tuple[str, float]] = WEIGHTS


@dataclass(slots=True)
class _Run:
    """One request on its way."""

    asked: ListRequest
    budget: Budget
    explain: bool
    steps: list[Step] = field(default_factory=list)
    degraded: list[tuple[str, Failure]] = field(default_factory=list)

    def note(self, stage: str, received: int, kept: int, answer: Answered[Any]) -> None:
        self.steps.append(Step(stage, received, kept, answer.seconds, answer.failure))
        if answer.failure is not None:
            self.degraded.append((stage, answer.failure))


class Funnel:
    """Runs requests; a stage without an answer is replaced by its fallback, so it always answers.

    Args:
        release: what answers.
        guards: the stages.
        settings: sizes and weights.
        clock: the time now, for deadlines.
    """

    def __init__(
        self, release: GatewayRelease, guards: Guards, settings: FunnelSettings, clock: Clock
    ) -> None:
        self.release = release
        self._guards = guards
        self._settings = settings
        self._clock = clock
        self._parts = parts(settings.weights)
        self._recalled_fault = checks.recalled_fault(len(release), len(release.channels))

    async def run(self, asked: ListRequest, seconds: float, explain: bool = False) -> Trace:
        """The way of a request that has `seconds`; with `explain` nothing is marked as shown."""
        run = _Run(asked, Budget(seconds, self._parts, self._clock), explain)
        context = await self._context(run)
        recalled = await self._recall(run, context)
        lean = _without_seen(context)
        prerank, preranked = await self._prerank(run, lean, recalled)
        rank, ranked = await self._rank(run, lean, preranked)
        reranked = await self._rerank(run, context, ranked)
        if not explain:
            await self._mark(run, reranked.slate)
        return Trace(
            request=asked,
            context=context,
            recalled=recalled,
            prerank=prerank,
            preranked=preranked,
            rank=rank,
            ranked=ranked,
            notes=reranked.notes,
            slate=reranked.slate,
            steps=tuple(run.steps),
            degraded=tuple(run.degraded),
        )

    async def _context(self, run: _Run) -> UserContext:
        share = run.budget.share("feature_store")
        answer = await self._guards.contexts.ask(ContextQuery(run.asked.user_id, share), share)
        run.note("feature_store", 0, 0, answer)
        return answer.value or UserContext.unknown(run.asked.user_id)

    async def _recall(self, run: _Run, context: UserContext) -> Recalled:
        request = run.asked.request
        limit = max(self._settings.recall_limit, run.asked.k)
        share = run.budget.share("recall")
        query = RecallQuery(self.release.id, context, request, limit, share, run.explain)
        answer = await self._guards.recall.ask(query, share, self._recalled_fault)
        recalled = answer.value
        if recalled is None:
            recalled = fallback.popular_candidates(self.release, context, request, limit)
        run.note("recall", 0, len(recalled.candidates), answer)
        for report in recalled.reports:
            if report.failure is not None:
                run.degraded.append((f"recall.{report.channel}", report.failure))
        return recalled

    async def _prerank(
        self, run: _Run, context: UserContext, recalled: Recalled
    ) -> tuple[Scores | None, Ranking]:
        candidates, request = recalled.candidates, run.asked.request
        limit = max(self._settings.rank_limit, run.asked.k)
        answer: Answered[Scores] = NOT_ASKED
        if len(candidates):
            share = run.budget.share("prerank")
            vector = recalled.user_vector
            query = PrerankQuery(self.release.id, context, request, candidates, vector, share)
            fault = checks.scores_fault(len(candidates), len(self.release.tasks))
            answer = await self._guards.prerank.ask(query, share, fault)
        if answer.value is None:
            ranking = fallback.recall_order(candidates, limit)
        else:
            ranking = fallback.ordered(candidates, answer.value, limit)
        run.note("prerank", len(candidates), len(ranking.candidates), answer)
        return answer.value, ranking

    async def _rank(
        self, run: _Run, context: UserContext, preranked: Ranking
    ) -> tuple[Scores | None, Ranking]:
        candidates = preranked.candidates
        answer: Answered[Scores] = NOT_ASKED
        if len(candidates):
            share = run.budget.share("rank")
            query = RankQuery(self.release.id, context, run.asked.request, candidates, share)
            fault = checks.scores_fault(len(candidates), len(self.release.tasks))
            answer = await self._guards.rank.ask(query, share, fault)
        run.note("rank", len(candidates), len(candidates), answer)
        if answer.value is None:
            return None, preranked
        return answer.value, fallback.ordered(candidates, answer.value, len(candidates))

    async def _rerank(self, run: _Run, context: UserContext, ranked: Ranking) -> Reranked:
        asked, rows = run.asked, ranked.candidates.rows
        request = _without_seen_pins(asked.request, context, self.release.pinned)
        share = run.budget.share("rerank")
        query = RerankQuery(
            self.release.id, request, rows, ranked.scores, asked.k, share, run.explain
        )
        fault = checks.reranked_fault(len(self.release), asked.k)
        answer = await self._guards.rerank.ask(query, share, fault)
        reranked = answer.value
        if reranked is None:
            slate = fallback.hard_rules_only(ranked, self.release.blocked, asked.k)
            reranked = Reranked(slate)
        run.note("rerank", len(rows), len(reranked.slate.rows), answer)
        return reranked

    async def _mark(self, run: _Run, slate: Slate) -> None:
        if not len(slate.rows):
            return
        share = run.budget.share("seen")
        keys = self.release.keys[slate.rows]
        query = MarkShownQuery(run.asked.user_id, keys, run.asked.request.now, share)
        answer = await self._guards.marks.ask(query, share)
        if answer.failure is not None:
            run.degraded.append(("seen", answer.failure))


def _without_seen(context: UserContext) -> UserContext:
    """For the stages that do not look at it; it is most of a context's bytes."""
    return UserContext(
        context.user_id, context.known, context.profile, context.history, Seen.nothing()
    )


def _without_seen_pins(
    request: RequestContext, context: UserContext, pinned: U64
) -> RequestContext:
    """For rerank, which knows no user: pinned items that were seen are excluded like others."""
    if not len(pinned):
        return request
    seen = pinned[context.has_seen(pinned)]
    return replace(request, exclude=np.append(request.exclude, seen))
