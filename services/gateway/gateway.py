"""The public calls, the same for gRPC and HTTP."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from services.domain.hard_rules import allowed
from services.domain.ids import item_key, item_keys
from services.domain.outcome import Failure, Reason
from services.domain.stages import Similar, SimilarQuery
from services.domain.user_state import Appended, AppendEventsQuery
from services.gateway import checks, limits
from services.gateway.admission.admission import Admission
from services.gateway.admission.delay import cancelled_after, made_in
from services.gateway.answer import Answer, answer, similar_answer
from services.gateway.catalog.items import Items, ItemsConfig
from services.gateway.counted import Counted
from services.gateway.errors import NotFoundError, UnavailableError
from services.gateway.explain.explanation import Explanation
from services.gateway.explain.funnel_report import explain
from services.gateway.funnel import TAKEDOWN_PART, Funnel
from services.gateway.known_items import by_known_items
from services.gateway.metrics import count_faults
from services.gateway.page_token import PageTokens
from services.gateway.request_log import RequestLog
from services.gateway.requests import EventInput, Fault, ListRequest, RecommendInput, UserEvents
from services.gateway.resilience.budget import Clock, request_seconds
from services.gateway.resilience.guard import Answered
from services.gateway.resilience.guards import Guards
from services.gateway.stats import Stats
from services.gateway.trace import Trace
from services.gateway.users import Users
from services.items.store import ItemStore

MAX_SIMILAR = 1000  # asked of recall: those that are blocked are among them
MAX_SPARE = 100  # asked for more than that, in place of those that were taken down


@dataclass(frozen=True, slots=True)
class Recorded:
    """How the events of one call ended."""

    accepted: int
    duplicates: int
    faults: list[Fault]


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """How long a request may take, the two clocks, and the page tokens.

    Attributes:
        seconds: time to answer in.
        clock: seconds, never going back; for deadlines and latencies.
        now: unix seconds; the time of a request.
        pages: makes and takes page tokens.
        store: where changes of items go; None: nowhere, such calls fail.
        refuse_unknown: refuses events of items that nobody knows.
        log: is given every list that was answered; None: requests are not logged.
        admission: hears how long lists take; None: nobody does.
    """

    seconds: float
    clock: Clock
    now: Callable[[], float]
    pages: PageTokens
    store: ItemStore | None = None
    refuse_unknown: bool = True
    log: RequestLog | None = None
    admission: Admission | None = None


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
        self.guards = guards
        self._config = config
        self._view, self._takedown = funnel.items, funnel.takedown
        about_items = ItemsConfig(config.store, stats.meter("Items"), config.clock, config.now)
        self.items = Items(self._view, self._takedown, about_items)
        self.users = Users(guards, self.items.ids, stats.meter("Users"), config.clock)
        self._similar_fault = checks.similar_fault(len(self.release))
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
        asked, seconds = self._asked(given), self._seconds(caller)
        counted = Counted(self._meters["Recommend"], self._config.clock, self.release.id)
        try:
            with counted:
                trace = await self._funnel.run(asked, seconds)
                result = self._with_next_page(given, trace, answer(trace, self.release, request_id))
                counted.served(trace)
                counted.listed(len(result.items), asked.k)
        except asyncio.CancelledError:
            self._observe(cancelled_after(counted.seconds, seconds, self._seconds(None)))
            raise
        self._observe(made_in(counted.seconds, trace.waits, seconds, self._seconds(None)))
        if self._config.log is not None:
            self._config.log.offer(trace, request_id)
        return result

    async def explain(
        self, given: RecommendInput, item_id: str, request_id: str, caller: float | None = None
    ) -> Explanation:
        """How a list came to be; marks nothing as shown.

        Raises:
            InvalidArgumentError: names the field.
        """
        asked = self._asked(given)
        limits.check_optional_id("item_id", item_id)
        with Counted(self._meters["Explain"], self._config.clock, self.release.id) as counted:
            trace = await self._funnel.run(asked, self._seconds(caller), explain=True)
            result = self._with_next_page(given, trace, answer(trace, self.release, request_id))
            counted.degraded = bool(result.degraded)
            return explain(trace, self.release, result, item_id)

    async def similar(
        self, item_id: str, k: int | None, request_id: str, caller: float | None = None
    ) -> Answer:
        """Items like an item.

        Raises:
            InvalidArgumentError: names the field.
            NotFoundError: neither the release nor the item table has the item, or recall does not
                have it: it is newer than the release, and is hidden, expired or put just now.
            UnavailableError: recall did not answer.
        """
        limits.check_id("item_id", item_id)
        k = limits.check_k(k)
        with Counted(self._meters["SimilarItems"], self._config.clock, self.release.id) as counted:
            seconds = self._seconds(caller)
            await self._takedown.reach(None, seconds * TAKEDOWN_PART)
            if not self._view.known(item_keys([item_id]))[0]:
                message = "neither the release nor the item table has this item"
                raise NotFoundError("item_id", message)
            spare = len(self.release.blocked) + min(self._takedown.table.out_count, MAX_SPARE)
            limit = min(k + spare, MAX_SIMILAR)
            query = SimilarQuery(self.release.id, item_key(item_id), limit, seconds)
            asked = await self.guards.similar.ask(query, seconds, self._similar_fault)
            if asked.failure is not None and asked.failure.reason is Reason.INVALID:
                message = "it is newer than the release, and is hidden, expired or put just now"
                raise NotFoundError("item_id", message)
            if asked.value is None:
                raise UnavailableError(f"recall did not answer ({_reason(asked.failure)})")
            result = self._similar_answer(asked.value, k, request_id)
            counted.listed(len(result.items), k)
            return result

    def _similar_answer(self, similar: Similar, k: int, request_id: str) -> Answer:
        view, now = self._view.beside(similar.inline), int(self._config.now())
        keep = allowed(similar.rows, self.release.blocked)
        keep &= self._takedown.apply(similar.rows, view, now).mask
        rows, scores = similar.rows[keep][:k], similar.scores[keep][:k]
        return similar_answer(rows, scores, view, request_id)

    async def record(self, given: Sequence[EventInput], caller: float | None = None) -> Recorded:
        """Stores the good events; users side by side, the events of one in their order.

        Raises:
            InvalidArgumentError: when there are no events or too many.
        """
        users, faults = limits.check_events(given, int(self._config.now()))
        with Counted(self._meters["RecordEvents"], self._config.clock) as counted:
            seconds = self._seconds(caller)
            if self._config.refuse_unknown:
                users, unknown = await self._with_known_items(users, seconds)
                faults += unknown
            ends = await asyncio.gather(*(self._append(user, seconds) for user in users))
            accepted = duplicates = 0
            for user, end in zip(users, ends, strict=True):
                if end.value is not None:
                    accepted += end.value.accepted
                    duplicates += end.value.duplicates
                elif end.failure is not None:
                    counted.error = True
                    faults += _not_stored(user, end.failure)
        count_faults("RecordEvents", faults)
        return Recorded(accepted, duplicates, sorted(faults, key=lambda fault: fault.index))

    async def _with_known_items(
        self, users: list[UserEvents], seconds: float
    ) -> tuple[list[UserEvents], list[Fault]]:
        """The events of items that somebody knows, and what is wrong with the others."""
        known, faults = by_known_items(users, self._view.known)
        if not faults:
            return known, []
        # The item may have been put just now, through another gateway.
        failure = await self._takedown.reach(None, seconds * TAKEDOWN_PART)
        known, faults = by_known_items(users, self._view.known)
        if failure is not None:
            message = f"the item table did not answer ({failure.reason.value})"
            faults = [Fault(fault.index, "", message, retryable=True) for fault in faults]
        return known, faults

    def _asked(self, given: RecommendInput) -> ListRequest:
        checked = limits.check_recommend(given, int(self._config.now()))
        return self._config.pages.opened(given, checked)

    def _with_next_page(self, given: RecommendInput, trace: Trace, page: Answer) -> Answer:
        shown = trace.items.keys(trace.slate.rows)
        token = self._config.pages.following(given, trace.request, shown)
        return replace(page, next_page_token=token)

    async def _append(self, user: UserEvents, seconds: float) -> Answered[Appended]:
        return await self.guards.events.ask(
            AppendEventsQuery(user.user_id, user.events, seconds), seconds
        )

    def _observe(self, delay: float) -> None:
        if self._config.admission is not None:
            self._config.admission.observe(delay)

    def _seconds(self, caller: float | None) -> float:
        return request_seconds(self._config.seconds, caller)


def _reason(failure: Failure | None) -> str:
    return failure.reason.value if failure else Reason.INTERNAL.value


def _not_stored(user: UserEvents, failure: Failure) -> list[Fault]:
    retryable = failure.reason is not Reason.INVALID
    message = f"the event was not stored ({failure.reason.value})"
    return [Fault(index, "", message, retryable) for index in user.indices]
