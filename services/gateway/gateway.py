"""The public calls, the same for gRPC and HTTP."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from services.domain.hard_rules import allowed
from services.domain.ids import item_key
from services.domain.outcome import Failure, Reason
from services.domain.stages import Appended, AppendEventsQuery, Similar, SimilarQuery
from services.gateway import limits
from services.gateway.answer import Answer, answer, similar_answer
from services.gateway.errors import NotFoundError, UnavailableError
from services.gateway.explain.explanation import Explanation
from services.gateway.explain.funnel_report import explain
from services.gateway.funnel import Funnel
from services.gateway.requests import EventFault, EventInput, RecommendInput, UserEvents
from services.gateway.resilience.budget import Clock, request_seconds
from services.gateway.resilience.guard import Answered
from services.gateway.resilience.guards import Guards
from services.gateway.stats import Meter, Stats

MARGIN_SECONDS = 0.02  # of a request's time, for the way back
MAX_SIMILAR = 1000  # asked of recall: those that are blocked are among them


@dataclass(frozen=True, slots=True)
class Recorded:
    """How the events of one call ended."""

    accepted: int
    duplicates: int
    faults: list[EventFault]


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """How long a request may take, and the two clocks.

    Attributes:
        seconds: time to answer in.
        clock: seconds, never going back; for deadlines and latencies.
        now: unix seconds; the time of a request.
    """

    seconds: float
    clock: Clock
    now: Callable[[], float]


class Gateway:
    """Checks, runs and counts each call. `caller`: seconds the caller's deadline leaves, if any.

    Args:
        funnel: the way of a Recommend.
        guards: the stages that the other calls ask.
        stats: counts the calls that were within their limits.
        config: time and clocks.
    """

    def __init__(self, funnel: Funnel, guards: Guards, stats: Stats, config: GatewayConfig) -> None:
        self.release = funnel.release
        self.stats = stats
        self._funnel = funnel
        self._guards = guards
        self._config = config
        self._meters = {
            name: stats.meter(name)
            for name in ("Recommend", "SimilarItems", "RecordEvents", "Explain")
        }

    async def recommend(
        self, given: RecommendInput, request_id: str, caller: float | None = None
    ) -> Answer:
        """A personal list.

        Raises:
            InvalidArgumentError: names the field.
        """
        asked = limits.check_recommend(given, int(self._config.now()))
        with _Counted(self._meters["Recommend"], self._config.clock) as counted:
            trace = await self._funnel.run(asked, self._seconds(caller))
            result = answer(trace, self.release, request_id)
            counted.degraded = bool(result.degraded)
            counted.empty = not result.items
        return result

    async def explain(
        self, given: RecommendInput, item_id: str, request_id: str, caller: float | None = None
    ) -> Explanation:
        """How a list came to be; marks nothing as shown.

        Raises:
            InvalidArgumentError: names the field.
        """
        asked = limits.check_recommend(given, int(self._config.now()))
        limits.check_optional_id("item_id", item_id)
        with _Counted(self._meters["Explain"], self._config.clock) as counted:
            trace = await self._funnel.run(asked, self._seconds(caller), explain=True)
            result = answer(trace, self.release, request_id)
            counted.degraded = bool(result.degraded)
            return explain(trace, self.release, result, item_id)

    async def similar(
        self, item_id: str, k: int | None, request_id: str, caller: float | None = None
    ) -> Answer:
        """Items like an item.

        Raises:
            InvalidArgumentError: names the field.
            NotFoundError: the release does not have the item.
            UnavailableError: recall did not answer.
        """
        limits.check_id("item_id", item_id)
        k = limits.check_k(k)
        key = item_key(item_id)
        if self.release.catalog.rows_of(np.array([key], np.uint64))[0] < 0:
            raise NotFoundError("item_id", f"release {self.release.id} does not have this item")
        with _Counted(self._meters["SimilarItems"], self._config.clock) as counted:
            seconds = self._seconds(caller)
            limit = min(k + len(self.release.blocked), MAX_SIMILAR)
            query = SimilarQuery(self.release.id, key, limit, seconds)
            asked = await self._guards.similar.ask(query, seconds, self._similar_fault)
            if asked.value is None:
                raise UnavailableError(f"recall did not answer ({_reason(asked.failure)})")
            keep = allowed(asked.value.rows, self.release.blocked)
            rows, scores = asked.value.rows[keep][:k], asked.value.scores[keep][:k]
            counted.empty = not len(rows)
            return similar_answer(rows, scores, self.release, request_id)

    async def record(self, given: Sequence[EventInput], caller: float | None = None) -> Recorded:
        """Stores the good events; users side by side, the events of one in their order.

        Raises:
            InvalidArgumentError: when there are no events or too many.
        """
        users, faults = limits.check_events(given, int(self._config.now()))
        with _Counted(self._meters["RecordEvents"], self._config.clock) as counted:
            seconds = self._seconds(caller)
            ends = await asyncio.gather(*(self._append(user, seconds) for user in users))
            accepted = duplicates = 0
            for user, end in zip(users, ends, strict=True):
                if end.value is not None:
                    accepted += end.value.accepted
                    duplicates += end.value.duplicates
                elif end.failure is not None:
                    counted.error = True
                    faults += _not_stored(user, end.failure)
        return Recorded(accepted, duplicates, sorted(faults, key=lambda fault: fault.index))

    async def _append(self, user: UserEvents, seconds: float) -> Answered[Appended]:
        return await self._guards.events.ask(
            AppendEventsQuery(user.user_id, user.events, seconds), seconds
        )

    def _seconds(self, caller: float | None) -> float:
        return request_seconds(self._config.seconds, caller, MARGIN_SECONDS)

    def _similar_fault(self, similar: Similar) -> str:
        rows = similar.rows
        if len(rows) != len(similar.scores) or not np.isfinite(similar.scores).all():
            return f"{len(rows)} items with {len(similar.scores)} scores, or one is not finite"
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self.release):
            return "a row is outside the release"
        return ""


class _Counted:
    """Counts what happens inside, also when it fails or the caller goes away."""

    def __init__(self, meter: Meter, clock: Clock) -> None:
        self._meter = meter
        self._clock = clock
        self.error = self.degraded = self.empty = False

    def __enter__(self) -> "_Counted":
        self._start = self._clock()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        seconds = self._clock() - self._start
        error = self.error or kind is not None
        self._meter.add(seconds, error, self.degraded, self.empty)


def _reason(failure: Failure | None) -> str:
    return failure.reason.value if failure else Reason.INTERNAL.value


def _not_stored(user: UserEvents, failure: Failure) -> list[EventFault]:
    retryable = failure.reason is not Reason.INVALID
    message = f"the event was not stored ({failure.reason.value})"
    return [EventFault(index, "", message, retryable) for index in user.indices]
