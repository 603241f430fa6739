"""Spans of calls that serve several requests at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from services.chassis import tracing
from services.domain.outcome import CallError, Outcome
from services.domain.protocols import StageClient
from services.gateway.resilience.batching import Batching

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from services.chassis.tracing_spans import Tracing

Q = TypeVar("Q")
R = TypeVar("R")

_askers: ContextVar[Sequence[Span]] = ContextVar("askers", default=())


def traced_client(name: str, client: StageClient[Q, R]) -> StageClient[Q, R]:
    """The client, with a span for each of its calls when this process is traced."""
    active = tracing.active()
    return client if active is None else TracedClient(name, client, active)


def open_batching(client: StageClient[Q, R], *batching: Any) -> Batching[Q, R]:
    """Batching of these arguments, which knows who asks when this process is traced."""
    active = tracing.active()
    if active is None:
        return Batching(client, *batching)
    return TracedBatching(active, client, *batching)


class TracedBatching(Batching[Q, R]):
    """Tells the calls of each batch which spans asked for it."""

    def __init__(self, tracing: Tracing, *batching: Any) -> None:
        """`batching`: the arguments of Batching."""
        super().__init__(*batching)
        self._tracing = tracing
        self._asking: WeakKeyDictionary[asyncio.Future[Outcome[R]], Span] = WeakKeyDictionary()

    def _enqueue(self, query: Q, timeout: float) -> Any:
        lane, future = super()._enqueue(query, timeout)
        if (span := self._tracing.current()) is not None:
            self._asking[future] = span
        return lane, future

    async def _send(self, batch: Any) -> None:
        spans = [self._asking.pop(future, None) for future, _ in batch]
        _askers.set([span for span in spans if span is not None])
        await super()._send(batch)


class TracedClient(Generic[Q, R]):
    """A StageClient with a span for each call of `client`, retries included."""

    def __init__(self, name: str, client: StageClient[Q, R], tracing: Tracing) -> None:
        self._name = name
        self._client = client
        self._tracing = tracing

    async def call(self, queries: Sequence[Q], timeout: float) -> Sequence[Outcome[R]]:
        """Answers each query; raises CallError as the client does."""
        askers = _askers.get()
        with self._tracing.call(f"{self._name} call", askers) as span:
            if span is None:
                return await self._client.call(queries, timeout)
            for one in (span, *askers):
                one.set_attribute("recstack.batch.queries", len(queries))
            try:
                outcomes = await self._client.call(queries, timeout)
            except CallError as error:
                self._tracing.failed(span, error.failure.reason.value, error.failure.message)
                raise
            except asyncio.CancelledError:
                self._tracing.failed(span, "CANCELLED", f"no answer within {timeout:.3f} s")
                raise
            failures = sum(outcome.failure is not None for outcome in outcomes)
            span.set_attribute("recstack.batch.failures", failures)
            return outcomes
