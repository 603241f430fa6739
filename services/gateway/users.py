"""The calls on users: put a profile, forget, and export everything that is stored."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from services.domain.arrays import U64
from services.domain.context import PREFERENCES, UserContext, preferences
from services.domain.outcome import Failure, Reason
from services.domain.user_state import (
    ContextQuery,
    EraseQuery,
    ProfileQuery,
)
from services.gateway.counted import Counted
from services.gateway.errors import NotFoundError, UnavailableError
from services.gateway.limits import check_id
from services.gateway.metrics import count_faults
from services.gateway.requests import Changed, Fault, UserInput
from services.gateway.resilience.budget import MANY_SECONDS, Clock, request_seconds
from services.gateway.resilience.guard import Answered
from services.gateway.resilience.guards import Guards
from services.gateway.stats import Meter
from services.gateway.user_limits import check_user_ids, check_users

R = TypeVar("R")

NOTHING = "nothing is stored of this user"

ItemIds = Callable[[U64], Sequence[str]]
"""Ids of item keys; "" for a key that nobody knows."""


@dataclass(frozen=True, slots=True)
class ExportedItem:
    """An item in user state; the id is empty when neither release nor item table has it."""

    key: int
    item_id: str


@dataclass(frozen=True, slots=True)
class ExportedEvent:
    """One stored event; `type` is an EventType number, `time` unix seconds."""

    item: ExportedItem
    type: int
    time: int
    value: float


@dataclass(frozen=True, slots=True)
class UserExport:
    """Everything that is stored of a user; events and shown items newest first."""

    user: UserInput
    events: list[ExportedEvent]
    shown: list[ExportedItem]
    seen_count: int


class Users:
    """Checks, runs and counts the calls. `caller`: seconds the caller's deadline leaves, if any.

    Args:
        guards: the feature store.
        item_ids: names items.
        meter: counts the calls that were within their limits.
        clock: the time now.
    """

    def __init__(self, guards: Guards, item_ids: ItemIds, meter: Meter, clock: Clock) -> None:
        self._guards = guards
        self._item_ids = item_ids
        self._meter = meter
        self._clock = clock

    async def put(self, given: Sequence[UserInput], caller: float | None = None) -> Changed:
        """Replaces profiles; a bad one fails alone.

        Raises:
            InvalidArgumentError: when there are no users or too many.
        """
        good, faults = check_users(given)
        seconds = request_seconds(MANY_SECONDS, caller)
        queries = [ProfileQuery(user.user_id, _stored(user), seconds) for _, user in good]
        with Counted(self._meter, self._clock) as counted:
            ends = await asyncio.gather(*(self._guards.profiles.ask(q, seconds) for q in queries))
            counted.error = any(end.value is None for end in ends)
        for (index, _), end in zip(good, ends, strict=True):
            if end.value is None:
                faults.append(_not_done(index, end))
        return _changed("PutUsers", len(given), faults)

    async def erase(self, user_ids: Sequence[str], caller: float | None = None) -> Changed:
        """Forgets users or sessions; one of whom nothing is stored is told, and does no harm.

        Raises:
            InvalidArgumentError: when there are no ids or too many.
        """
        good, faults = check_user_ids(user_ids)
        seconds = request_seconds(MANY_SECONDS, caller)
        queries = [EraseQuery(user_id, seconds) for _, user_id in good]
        with Counted(self._meter, self._clock) as counted:
            ends = await asyncio.gather(*(self._guards.erasures.ask(q, seconds) for q in queries))
            counted.error = any(end.value is None for end in ends)
        for (index, _), end in zip(good, ends, strict=True):
            if end.value is None:
                faults.append(_not_done(index, end))
            elif not end.value.existed:
                faults.append(Fault(index, "user_id", NOTHING))
        return _changed("EraseUsers", len(user_ids), faults)

    async def export(self, user_id: str, caller: float | None = None) -> UserExport:
        """Everything that is stored of a user or a session.

        Raises:
            InvalidArgumentError: the id is too long or empty.
            NotFoundError: nothing is stored.
            UnavailableError: the feature store did not answer.
        """
        check_id("user_id", user_id)
        seconds = request_seconds(MANY_SECONDS, caller)
        with Counted(self._meter, self._clock) as counted:
            end = await self._guards.contexts.ask(ContextQuery(user_id, seconds), seconds)
            counted.error = end.value is None
        if end.value is None:
            raise UnavailableError(f"the feature store did not answer ({_reason(end.failure)})")
        context = end.value
        if not context.known and not context.seen.count():
            raise NotFoundError("user_id", NOTHING)
        return self._exported(context)

    def _exported(self, context: UserContext) -> UserExport:
        profile = {name: v for name, v in context.profile.items() if name != PREFERENCES}
        history = context.history
        columns = (history.events, history.times, history.values)
        return UserExport(
            UserInput(context.user_id, profile, preferences(context.profile)),
            [
                ExportedEvent(item, *event)
                for item, *event in zip(
                    self._items(history.keys), *(c.tolist() for c in columns), strict=True
                )
            ],
            self._items(context.seen.recent),
            context.seen.count(),
        )

    def _items(self, keys: U64) -> list[ExportedItem]:
        return [
            ExportedItem(key, item_id)
            for key, item_id in zip(keys.tolist(), self._item_ids(keys), strict=True)
        ]


def _stored(user: UserInput) -> Mapping[str, str]:
    """The profile as the feature store keeps it: preferences are one more attribute."""
    if not user.preferences:
        return user.profile
    chosen = json.dumps(list(user.preferences), ensure_ascii=False)
    return {**user.profile, PREFERENCES: chosen}


def _changed(call: str, given: int, faults: list[Fault]) -> Changed:
    count_faults(call, faults)
    return Changed(given - len(faults), sorted(faults, key=lambda fault: fault.index))


def _not_done(index: int, end: Answered[R]) -> Fault:
    reason = end.failure.reason if end.failure else Reason.INTERNAL
    message = f"the feature store did not do it ({reason.value})"
    return Fault(index, "", message, retryable=reason is not Reason.INVALID)


def _reason(failure: Failure | None) -> str:
    return failure.reason.value if failure else Reason.INTERNAL.value
