"""The funnel with a span a stage: candidates in and out, and why a stage was skipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from services.chassis import tracing
from services.chassis.request_id import request_id
from services.domain.arrays import F32, U64
from services.domain.context import UserContext
from services.domain.outcome import Failure
from services.domain.stages import Recalled, Reranked, Scores
from services.gateway.funnel import Funnel
from services.gateway.requests import ListRequest
from services.gateway.run import Run
from services.gateway.trace import Ranking, Trace

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from services.chassis.tracing_spans import Tracing


def open_funnel(*funnel: Any) -> Funnel:
    """A Funnel of these arguments, with spans when this process is traced."""
    active = tracing.active()
    return Funnel(*funnel) if active is None else TracedFunnel(active, *funnel)


class TracedFunnel(Funnel):
    """Runs requests as Funnel does; those that are sampled leave spans behind."""

    def __init__(self, tracing: Tracing, *funnel: Any) -> None:
        """`funnel`: the arguments of Funnel."""
        super().__init__(*funnel)
        self._tracing = tracing

    async def run(
        self,
        asked: ListRequest,
        seconds: float,
        explain: bool = False,
        context: UserContext | None = None,
    ) -> Trace:
        """See Funnel; what became of the request is put on the span of its server."""
        trace = await super().run(asked, seconds, explain, context)
        if (span := self._tracing.current()) is not None:
            _describe(span, trace, explain)
        return trace

    async def _context(self, run: Run) -> UserContext:
        with self._stage("feature_store", run) as span:
            context = await super()._context(run)
            if span is not None:
                span.set_attribute("recstack.user.known", context.known)
                span.set_attribute("recstack.user.history", len(context.history))
            return context

    async def _recall(self, run: Run, context: UserContext) -> Recalled:
        with self._stage("recall", run) as span:
            recalled = await super()._recall(run, context)
            if span is not None:
                late = [report.channel for report in recalled.reports if report.failure is not None]
                span.set_attribute("recstack.recall.failed_channels", late)
            return recalled

    async def _prerank(
        self, run: Run, context: UserContext, recalled: Recalled
    ) -> tuple[Scores | None, Ranking]:
        with self._stage("prerank", run):
            return await super()._prerank(run, context, recalled)

    async def _rank(
        self, run: Run, context: UserContext, preranked: Ranking, vector: F32
    ) -> tuple[Scores | None, Ranking]:
        with self._stage("rank", run):
            return await super()._rank(run, context, preranked, vector)

    async def _rerank(self, run: Run, context: UserContext, ranked: Ranking) -> Reranked:
        with self._stage("rerank", run):
            return await super()._rerank(run, context, ranked)

    async def _mark(self, run: Run, keys: U64) -> None:
        with self._tracing.part("seen") as span:
            before = len(run.degraded)
            await super()._mark(run, keys)
            if span is not None:
                span.set_attribute("recstack.items", len(keys))
                self._skipped(span, *(failure for _, failure in run.degraded[before:]))

    @contextmanager
    def _stage(self, name: str, run: Run) -> Iterator[Span | None]:
        """The span of a stage, told what the stage noted."""
        with self._tracing.part(name) as span:
            yield span
            if span is None:
                return
            step = run.steps[-1]
            span.set_attribute("recstack.release", self.release.id)
            if name != "feature_store":
                span.set_attribute("recstack.candidates.in", step.received)
                span.set_attribute("recstack.candidates.out", step.kept)
            if step.failure is not None:
                self._skipped(span, step.failure)

    def _skipped(self, span: Span, *failures: Failure) -> None:
        for failure in failures:
            span.set_attribute("recstack.skipped", failure.reason.value)
            self._tracing.failed(span, failure.reason.value, failure.message)


def _describe(span: Span, trace: Trace, explain: bool) -> None:
    degraded = [f"{part}: {failure.reason.value}" for part, failure in trace.degraded]
    span.set_attributes(
        {
            "recstack.request_id": request_id.get(),
            "recstack.release": trace.items.release.id,
            "recstack.k": trace.request.k,
            "recstack.items": len(trace.slate.rows),
            "recstack.taken_down": len(trace.taken_down),
            "recstack.user.known": trace.context.known,
            "recstack.explain": explain,
            "recstack.degraded": degraded,
        }
    )
