"""Natural batching: one call in flight a release; what queues meanwhile is the next batch."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from services.chassis.log import get_logger
from services.chassis.request_id import MAX_LENGTH, request_id
from services.domain.outcome import CallError, Failure, Outcome, Reason
from services.domain.protocols import StageClient
from services.gateway.resilience.budget import Clock

Q = TypeVar("Q")
R = TypeVar("R")

STALE_SECONDS = 0.002  # a query that waited longer is told anew how much time it has left


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The largest batch.

    Attributes:
        queries: at most so many queries.
        items: and candidates; a single query may have more.
    """

    queries: int = 64
    items: int = 8000


@dataclass(slots=True)
class _Waiting(Generic[Q]):
    query: Q
    items: int
    asked_at: float
    deadline: float
    request_id: str


@dataclass(slots=True)
class _Lane(Generic[Q, R]):
    """Queries of one release, first come first served; `task` is there while a call runs."""

    queue: "OrderedDict[asyncio.Future[Outcome[R]], _Waiting[Q]]"
    task: "asyncio.Task[None] | None" = None


class Batching(Generic[Q, R]):
    """A StageClient that gathers the queries of many callers into calls of `client`.

    A query whose caller gave up leaves the queue. A call never runs longer than the last deadline
    of its queries, so a hung service holds its lane no longer than its callers would wait.

    Args:
        client: what is called; one call at a time for each release.
        limits: the largest batch.
        items: number of candidates of a query.
        clock: the time now.
        observe: hears the number of queries of each batch.
    """

    def __init__(
        self,
        client: StageClient[Q, R],
        limits: BatchLimits,
        items: Callable[[Q], int],
        clock: Clock,
        observe: Callable[[int], None] = lambda queries: None,
    ) -> None:
        self._client = client
        self._limits = limits
        self._items = items
        self._clock = clock
        self._observe = observe
        self._lanes: dict[str, _Lane[Q, R]] = {}

    async def call(self, queries: Sequence[Q], timeout: float) -> Sequence[Outcome[R]]:
        """Answers each query when its batch is answered; the caller runs its own timer."""
        waiting = [self._enqueue(query, timeout) for query in queries]
        try:
            return [await future for _, future in waiting]
        finally:
            for lane, future in waiting:
                if not future.done() or future.cancelled():
                    future.cancel()
                    lane.queue.pop(future, None)

    def _enqueue(
        self, query: Q, timeout: float
    ) -> "tuple[_Lane[Q, R], asyncio.Future[Outcome[R]]]":
        release = getattr(query, "release", "")
        lane = self._lanes.get(release)
        if lane is None:
            lane = self._lanes[release] = _Lane(OrderedDict())
        future: asyncio.Future[Outcome[R]] = asyncio.get_running_loop().create_future()
        now = self._clock()
        lane.queue[future] = _Waiting(
            query, self._items(query), now, now + timeout, request_id.get()
        )
        if lane.task is None:  # starts in the loop's next turn: who asks in this turn comes along
            lane.task = asyncio.create_task(self._run(release, lane), context=Context())
        return lane, future

    async def _run(self, release: str, lane: _Lane[Q, R]) -> None:
        """Sends batch after batch until nothing waits."""
        try:
            while lane.queue:
                await self._send(self._next(lane.queue))
        finally:
            del self._lanes[release]

    def _next(
        self, queue: "OrderedDict[asyncio.Future[Outcome[R]], _Waiting[Q]]"
    ) -> "list[tuple[asyncio.Future[Outcome[R]], _Waiting[Q]]]":
        batch = [queue.popitem(last=False)]
        room = self._limits.items - batch[0][1].items
        while queue and len(batch) < self._limits.queries:
            room -= next(iter(queue.values())).items
            if room < 0:
                break
            batch.append(queue.popitem(last=False))
        return batch

    async def _send(self, batch: "list[tuple[asyncio.Future[Outcome[R]], _Waiting[Q]]]") -> None:
        self._observe(len(batch))
        now = self._clock()
        timeout = max(waiting.deadline for _, waiting in batch) - now
        request_id.set(_name([waiting.request_id for _, waiting in batch]))
        queries = [_with_time_left(waiting, now) for _, waiting in batch]
        for (future, _), outcome in zip(batch, await self._answer(queries, timeout), strict=True):
            if not future.done():
                future.set_result(outcome)

    async def _answer(self, queries: Sequence[Q], timeout: float) -> Sequence[Outcome[R]]:
        try:
            async with asyncio.timeout(timeout):
                outcomes = await self._client.call(queries, timeout)
        except TimeoutError:
            failure = Failure(Reason.TIMEOUT, f"no answer within {timeout:.3f} s")
        except CallError as error:
            failure = error.failure
        except Exception as error:  # noqa: BLE001 - degrade point: those who wait must hear of it
            get_logger("batching").exception("stage client failed")
            failure = Failure(Reason.INTERNAL, repr(error))
        else:
            if len(outcomes) == len(queries):
                return outcomes
            message = f"{len(outcomes)} results for {len(queries)} queries"
            failure = Failure(Reason.INTERNAL, message)
        return [Outcome(None, failure)] * len(queries)


def _with_time_left(waiting: _Waiting[Any], now: float) -> Any:
    if now - waiting.asked_at < STALE_SECONDS:
        return waiting.query
    return replace(waiting.query, remaining=waiting.query.remaining - (now - waiting.asked_at))


def _name(ids: Sequence[str]) -> str:
    """The id a call carries: its only request's, or the first one's and how many more."""
    if len(ids) == 1:
        return ids[0]
    more = f"+{len(ids) - 1}"
    return ids[0][: MAX_LENGTH - len(more)] + more
