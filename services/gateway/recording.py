"""The call that records what users did."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from services.domain.outcome import Failure, Reason
from services.domain.user_state import Appended, AppendEventsQuery
from services.gateway import limits
from services.gateway.config import GatewayConfig
from services.gateway.counted import Counted
from services.gateway.funnel import TAKEDOWN_PART
from services.gateway.known_items import by_known_items
from services.gateway.lanes.attribution import attribute
from services.gateway.lanes.lanes import Lanes
from services.gateway.lanes.views import Views
from services.gateway.metrics import count_faults
from services.gateway.requests import EventInput, Fault, UserEvents
from services.gateway.resilience.budget import request_seconds
from services.gateway.resilience.guard import Answered
from services.gateway.stats import Meter
from services.gateway.takedown import Takedown


@dataclass(frozen=True, slots=True)
class Recorded:
    """How the events of one call ended."""

    accepted: int
    duplicates: int
    faults: list[Fault]


class Recording:
    """Checks, stores and counts events.

    Args:
        lanes: are told what their users did.
        views: the items that are known.
        takedown: brings the item table forward.
        meter: counts the calls that were within their limits.
        config: time and clocks.
    """

    def __init__(
        self, lanes: Lanes, views: Views, takedown: Takedown, meter: Meter, config: GatewayConfig
    ) -> None:
        self._lanes = lanes
        self._events = lanes.stable.guards.events
        self._known = views.known
        self._takedown = takedown
        self._meter = meter
        self._config = config

    async def record(self, given: Sequence[EventInput], caller: float | None = None) -> Recorded:
        """See Gateway.record."""
        users, faults = limits.check_events(given, int(self._config.now()))
        with Counted(self._meter, self._config.clock) as counted:
            seconds = request_seconds(self._config.seconds, caller)
            if self._config.refuse_unknown:
                users, unknown = await self._with_known_items(users, seconds)
                faults += unknown
            ends = await asyncio.gather(*(self._append(user, seconds) for user in users))
            accepted = duplicates = 0
            for user, end in zip(users, ends, strict=True):
                if end.value is not None:
                    accepted += end.value.accepted
                    duplicates += end.value.duplicates
                    lane = self._lanes.of(user.user_id).lane
                    attribute(lane.tally, user, end.value.accepted)
                elif end.failure is not None:
                    counted.error = True
                    faults += _not_stored(user, end.failure)
        count_faults("RecordEvents", faults)
        return Recorded(accepted, duplicates, sorted(faults, key=lambda fault: fault.index))

    async def _with_known_items(
        self, users: list[UserEvents], seconds: float
    ) -> tuple[list[UserEvents], list[Fault]]:
        """The events of items that somebody knows, and what is wrong with the others."""
        known, faults = by_known_items(users, self._known)
        if not faults:
            return known, []
        # The item may have been put just now, through another gateway.
        failure = await self._takedown.reach(None, seconds * TAKEDOWN_PART)
        known, faults = by_known_items(users, self._known)
        if failure is not None:
            message = f"the item table did not answer ({failure.reason.value})"
            faults = [Fault(fault.index, "", message, retryable=True) for fault in faults]
        return known, faults

    async def _append(self, user: UserEvents, seconds: float) -> Answered[Appended]:
        return await self._events.ask(
            AppendEventsQuery(user.user_id, user.events, seconds), seconds
        )


def _not_stored(user: UserEvents, failure: Failure) -> list[Fault]:
    retryable = failure.reason is not Reason.INVALID
    message = f"the event was not stored ({failure.reason.value})"
    return [Fault(index, "", message, retryable) for index in user.indices]
