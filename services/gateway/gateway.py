"""The public calls, the same for gRPC and HTTP."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.gateway import limits
from services.gateway.admission.delay import cancelled_after, made_in
from services.gateway.answer import Answer, answer
from services.gateway.catalog.items import Items, ItemsConfig
from services.gateway.config import GatewayConfig
from services.gateway.counted import Counted
from services.gateway.explain.explanation import Explanation
from services.gateway.explain.funnel_report import explain
from services.gateway.lanes.lane import Lane
from services.gateway.lanes.lanes import Lanes
from services.gateway.lanes.views import Views
from services.gateway.metrics import LANE_FALLBACKS
from services.gateway.recording import Recorded, Recording
from services.gateway.release import GatewayRelease
from services.gateway.requests import EventInput, ListRequest, RecommendInput
from services.gateway.resilience.budget import request_seconds
from services.gateway.resilience.guards import Guards
from services.gateway.run import ReleaseMissingError
from services.gateway.similar_items import SimilarItems
from services.gateway.stats import Stats
from services.gateway.takedown import Takedown
from services.gateway.trace import Trace
from services.gateway.users import Users


class Gateway:
    """Checks, runs and counts each call. `caller`: seconds the caller's deadline leaves, if any.

    Args:
        lanes: what serves whom.
        views: the items that are known.
        takedown: what may be in no answer.
        stats: counts the calls that were within their limits.
        config: time and clocks.
    """

    def __init__(
        self, lanes: Lanes, views: Views, takedown: Takedown, stats: Stats, config: GatewayConfig
    ) -> None:
        self.lanes = lanes
        self.stats = stats
        self._config = config
        about_items = ItemsConfig(config.store, stats.meter("Items"), config.clock, config.now)
        self.items = Items(views, takedown, about_items)
        self.users = Users(lanes.stable.guards, views.ids, stats.meter("Users"), config.clock)
        self._similar = SimilarItems(lanes, takedown, stats.meter("SimilarItems"), config)
        meter = stats.meter("RecordEvents")
        self._recording = Recording(lanes, views, takedown, meter, config)
        self._recommend, self._explain = stats.meter("Recommend"), stats.meter("Explain")

    @property
    def release(self) -> GatewayRelease:
        """The release that answers most now."""
        return self.lanes.stable.release

    @property
    def guards(self) -> Guards:
        """Those of the lane that answers most now."""
        return self.lanes.stable.guards

    async def recommend(
        self, given: RecommendInput, request_id: str, caller: float | None = None
    ) -> Answer:
        """A personal list.

        Raises:
            InvalidArgumentError: names the field.
        """
        asked, seconds = self._asked(given), self._seconds(caller)
        lane, arms = self.lanes.of(asked.user_id)
        counted = Counted(self._recommend, self._config.clock, lane.release.id)
        try:
            with counted:
                lane, trace = await self._run(lane, asked, seconds, counted)
                made = answer(trace, lane.release, request_id)
                result = self._with_next_page(given, trace, made)
                counted.served(trace)
                counted.listed(len(result.items), asked.k)
        except BaseException as error:
            asked_last = lane if lane.release.id == counted.release else self.lanes.stable
            asked_last.tally.failed(counted.seconds)
            if isinstance(error, asyncio.CancelledError):
                self._observe(cancelled_after(counted.seconds, seconds, self._seconds(None)))
            raise
        lane.tally.answered(trace, result, counted.seconds)
        self._observe(made_in(counted.seconds, trace.waits, seconds, self._seconds(None)))
        self._pass_on(trace, request_id, lane, arms)
        return result

    async def explain(
        self, given: RecommendInput, item_id: str, request_id: str, caller: float | None = None
    ) -> Explanation:
        """How a list came to be; marks nothing as shown.

        Raises:
            InvalidArgumentError: names the field.
        """
        asked, seconds = self._asked(given), self._seconds(caller)
        limits.check_optional_id("item_id", item_id)
        lane = self.lanes.of(asked.user_id).lane
        with Counted(self._explain, self._config.clock, lane.release.id) as counted:
            lane, trace = await self._run(lane, asked, seconds, counted, explain=True)
            made = answer(trace, lane.release, request_id)
            result = self._with_next_page(given, trace, made)
            counted.degraded = bool(result.degraded)
            return explain(trace, lane.release, result, item_id)

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
        return await self._similar.find(item_id, k, request_id, caller)

    async def record(self, given: Sequence[EventInput], caller: float | None = None) -> Recorded:
        """Stores the good events; users side by side, the events of one in their order.

        Raises:
            InvalidArgumentError: when there are no events or too many.
        """
        return await self._recording.record(given, caller)

    async def _run(
        self,
        lane: Lane,
        asked: ListRequest,
        seconds: float,
        counted: Counted,
        explain: bool = False,
    ) -> tuple[Lane, Trace]:
        """The way of a request; where a stage lacks a canary, stable answers in the time left."""
        try:
            return lane, await lane.funnel.run(asked, seconds, explain)
        except ReleaseMissingError as error:
            LANE_FALLBACKS.labels(error.stage).inc()
        lane = self.lanes.stable
        counted.release = lane.release.id
        return lane, await lane.funnel.run(asked, seconds - counted.so_far, explain)

    def _asked(self, given: RecommendInput) -> ListRequest:
        checked = limits.check_recommend(given, int(self._config.now()))
        return self._config.pages.opened(given, checked)

    def _with_next_page(self, given: RecommendInput, trace: Trace, page: Answer) -> Answer:
        shown = trace.items.keys(trace.slate.rows)
        token = self._config.pages.following(given, trace.request, shown)
        return replace(page, next_page_token=token)

    def _pass_on(self, trace: Trace, request_id: str, lane: Lane, arms: Mapping[str, str]) -> None:
        """To those who work behind the answer; nobody waits for them."""
        if self._config.log is not None:
            self._config.log.offer(trace, request_id, {"release": lane.arm.value, **arms})
        if self._config.mirror is not None:
            self._config.mirror.offer(trace, lane.arm, request_id)

    def _observe(self, delay: float) -> None:
        if self._config.admission is not None:
            self._config.admission.observe(delay)

    def _seconds(self, caller: float | None) -> float:
        return request_seconds(self._config.seconds, caller)
