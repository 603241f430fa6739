"""The way of a request: context → recall → prerank → rank → rerank → mark."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from services.domain.arrays import F32, U64
from services.domain.context import RequestContext, Seen, UserContext
from services.domain.stages import (
    PrerankQuery,
    RankQuery,
    Recalled,
    RecallQuery,
    Reranked,
    RerankQuery,
    Scores,
    Slate,
)
from services.domain.user_state import ContextQuery, MarkShownQuery
from services.gateway import checks, fallback
from services.gateway.item_view import ItemView
from services.gateway.requests import ListRequest
from services.gateway.resilience.budget import WEIGHTS, Budget, Clock, parts
from services.gateway.resilience.guard import Answered
from services.gateway.resilience.guards import Guards
from services.gateway.run import Run
from services.gateway.takedown import Takedown
from services.gateway.trace import Ranking, Trace

NOT_ASKED: Answered[Any] = Answered(None, None, 0.0)
TAKEDOWN_PART = 0.25  # of recall's time, to bring the item table forward


@dataclass(frozen=True, slots=True)
class FunnelSettings:
    """Sizes of the funnel.

    Attributes:
        recall_limit: most candidates asked of recall.
        rank_limit: most candidates that prerank passes on; never below a request's k.
        weights: stage → its weight when a request's time is split.
        mark: an answer makes its items seen; otherwise impressions do.
        strict: a request ends with ReleaseMissingError when a stage lacks the release.
    """

    recall_limit: int = 600
    rank_limit: int = 200
    weights: Sequence[tuple[str, float]] = WEIGHTS
    mark: bool = True
    strict: bool = False


class Funnel:
    """Runs requests; a stage without an answer is replaced by its fallback, so it always answers.

    Args:
        items: the release that answers, and what was put since.
        guards: the stages.
        takedown: what may be in no answer.
        settings: sizes and weights.
        clock: the time now, for deadlines.
    """

    def __init__(
        self,
        items: ItemView,
        guards: Guards,
        takedown: Takedown,
        settings: FunnelSettings,
        clock: Clock,
    ) -> None:
        release = items.release
        self.release = release
        self.items = items
        self.takedown = takedown
        self._guards = guards
        self._settings = settings
        self._clock = clock
        self._parts = parts(settings.weights)
        self._recalled_fault = checks.recalled_fault(len(release), len(release.channels))

    async def run(
        self,
        asked: ListRequest,
        seconds: float,
        explain: bool = False,
        context: UserContext | None = None,
    ) -> Trace:
        """The way of a request that has `seconds`; with `explain` nothing is marked as shown.

        `context`: of the user; None: the feature store is asked.

        Raises:
            ReleaseMissingError: a stage lacks the release, and the settings are strict.
        """
        budget = Budget(seconds, self._parts, self._clock)
        run = Run(asked, budget, explain, self._settings.strict)
        if context is None:
            context = await self._context(run)
        return await self._way(run, context)

    async def _way(self, run: Run, context: UserContext) -> Trace:
        """From recall on."""
        recalled = await self._recall(run, context)
        items = self.items.beside(recalled.candidates.inline)
        lean = _without_seen(context)
        prerank, preranked = await self._prerank(run, lean, recalled)
        rank, ranked = await self._rank(run, lean, preranked, recalled.user_vector)
        reranked = await self._rerank(run, context, ranked)
        slate = self._allowed(run, reranked.slate, items)
        if self._settings.mark and not run.explain:
            await self._mark(run, items.keys(slate.rows))
        return run.trace(
            items=items,
            context=context,
            recalled=recalled,
            prerank=prerank,
            preranked=preranked,
            rank=rank,
            ranked=ranked,
            notes=reranked.notes,
            slate=slate,
        )

    async def _context(self, run: Run) -> UserContext:
        share = run.budget.share("feature_store")
        answer = await self._guards.contexts.ask(ContextQuery(run.asked.user_id, share), share)
        run.note("feature_store", 0, 0, answer)
        version = answer.value.items_version if answer.value is not None else None
        start = self._clock()
        failure = await self.takedown.reach(version, run.budget.share("recall") * TAKEDOWN_PART)
        if failure is not None:
            run.lacks("takedown", failure, self._clock() - start)
        return answer.value or UserContext.unknown(run.asked.user_id)

    async def _recall(self, run: Run, context: UserContext) -> Recalled:
        request, k = run.asked.request, run.asked.k
        limit = max(self._settings.recall_limit, k)
        share = run.budget.share("recall")
        query = RecallQuery(self.release.id, context, request, limit, share, run.explain, k)
        answer = await self._guards.recall.ask(query, share, self._recalled_fault)
        recalled = answer.value
        if recalled is None:
            recalled = fallback.popular_candidates(self.items, context, request, limit, k)
        recalled = self._recalled_allowed(run, recalled)
        run.note("recall", 0, len(recalled.candidates), answer)
        for report in recalled.reports:
            if report.failure is not None:
                run.degraded.append((f"recall.{report.channel}", report.failure))
        return recalled

    async def _prerank(
        self, run: Run, context: UserContext, recalled: Recalled
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
        self, run: Run, context: UserContext, preranked: Ranking, vector: F32
    ) -> tuple[Scores | None, Ranking]:
        candidates = preranked.candidates
        answer: Answered[Scores] = NOT_ASKED
        if len(candidates):
            share = run.budget.share("rank")
            request = run.asked.request
            query = RankQuery(self.release.id, context, request, candidates, share, vector)
            fault = checks.scores_fault(len(candidates), len(self.release.tasks))
            answer = await self._guards.rank.ask(query, share, fault)
        run.note("rank", len(candidates), len(candidates), answer)
        if answer.value is None:
            return None, preranked
        return answer.value, fallback.ordered(candidates, answer.value, len(candidates))

    async def _rerank(self, run: Run, context: UserContext, ranked: Ranking) -> Reranked:
        asked, rows = run.asked, ranked.candidates.rows
        request = self._without_bad_pins(asked.request, context)
        share = run.budget.share("rerank")
        query = RerankQuery(
            release=self.release.id,
            request=request,
            rows=rows,
            scores=ranked.scores,
            k=asked.k,
            remaining=share,
            explain=run.explain,
            inline=ranked.candidates.inline,
        )
        fault = checks.reranked_fault(len(self.release), len(query.inline), asked.k)
        answer = await self._guards.rerank.ask(query, share, fault)
        reranked = answer.value
        if reranked is None:
            reranked = Reranked(fallback.hard_rules_only(ranked, self.release.blocked, asked.k))
        run.note("rerank", len(rows), len(reranked.slate.rows), answer)
        return reranked

    def _recalled_allowed(self, run: Run, recalled: Recalled) -> Recalled:
        """Taken down already here, so that other items fill the list."""
        items = self.items.beside(recalled.candidates.inline)
        kept = self.takedown.apply(recalled.candidates.rows, items, run.asked.request.now)
        if not len(kept.removed):
            return recalled
        run.taken_down.append(kept.removed)
        fresh = len(recalled.candidates) - recalled.repeats
        repeats = int(kept.mask[fresh:].sum())
        return replace(recalled, candidates=recalled.candidates.take(kept.mask), repeats=repeats)

    def _allowed(self, run: Run, slate: Slate, items: ItemView) -> Slate:
        """What of a final list may be shown, whichever stage or fallback made it."""
        kept = self.takedown.apply(slate.rows, items, run.asked.request.now)
        run.taken_down.append(kept.removed)
        return Slate(slate.rows[kept.mask], slate.scores[kept.mask])

    def _without_bad_pins(self, request: RequestContext, context: UserContext) -> RequestContext:
        """For rerank, which knows no user and no takedown: it is told of pins to leave out."""
        pinned = self.release.pinned
        if not len(pinned):
            return request
        bad = context.has_seen(pinned) | self.items.table.hidden(pinned, request.now)
        return replace(request, exclude=np.append(request.exclude, pinned[bad]))

    async def _mark(self, run: Run, keys: U64) -> None:
        if not len(keys):
            return
        share = run.budget.share("seen")
        query = MarkShownQuery(run.asked.user_id, keys, run.asked.request.now, share)
        answer = await self._guards.marks.ask(query, share)
        if answer.failure is not None:
            run.lacks("seen", answer.failure, answer.seconds)


def _without_seen(context: UserContext) -> UserContext:
    """For the stages that do not look at it; it is most of a context's bytes."""
    return UserContext(
        context.user_id, context.known, context.profile, context.history, Seen.nothing()
    )
