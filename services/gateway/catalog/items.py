"""The calls on items, the same for gRPC and HTTP."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from services.chassis.redis import RedisError
from services.gateway.catalog.limits import check_expiry, check_item_ids, check_items
from services.gateway.counted import Counted
from services.gateway.errors import NotFoundError, UnavailableError
from services.gateway.item_view import ItemView
from services.gateway.lanes.views import Views
from services.gateway.limits import Good, check_id
from services.gateway.metrics import count_faults
from services.gateway.requests import Changed, Fault
from services.gateway.resilience.budget import MANY_SECONDS, Clock, request_seconds
from services.gateway.stats import Meter
from services.gateway.takedown import Takedown, out_reason
from services.items.record import Item, ItemRecord
from services.items.store import Ends, ItemStore, Refusal

G = TypeVar("G")

MESSAGES = {
    Refusal.UNKNOWN: "it is not hidden",
    Refusal.SHOWN: "it is not hidden",
    Refusal.DELETED: "it was deleted; put it again first",
    Refusal.COLLISION: "another item has the same 64-bit key; choose another id",
    Refusal.UNREADABLE: "it was stored by a newer version of recstack",
    Refusal.KEPT: "it is still needed",
}


class ItemState(Enum):
    """Whether an item may be in an answer. The names are those of the public API."""

    SHOWN = "SHOWN"
    HIDDEN = "HIDDEN"
    DELETED = "DELETED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class ItemInfo:
    """What is known of an item; `put_at`: when it was last put, unix seconds, 0: never.

    `in_release`: whether a release that is loaded has it.
    """

    item: Item
    state: ItemState
    in_release: bool
    put_at: int


@dataclass(frozen=True, slots=True)
class ItemsConfig:
    """What the calls stand on.

    Attributes:
        store: where changes go; None: there is no item table, calls that change it fail.
        meter: counts the calls that were within their limits.
        clock: seconds, never going back.
        now: unix seconds.
    """

    store: ItemStore | None
    meter: Meter
    clock: Clock
    now: Callable[[], float]


class Items:
    """Checks, runs and counts the calls. `caller`: seconds the caller's deadline leaves, if any.

    What is acknowledged holds for every request that starts afterwards, on every gateway. The calls
    raise InvalidArgumentError when there are no items or too many, and UnavailableError when the
    item table cannot be reached: then a part may be done, and to send the call again does no harm.
    """

    def __init__(self, views: Views, takedown: Takedown, config: ItemsConfig) -> None:
        self._views = views
        self._takedown = takedown
        self._config = config

    async def put(self, given: Sequence[Item], caller: float | None = None) -> Changed:
        """Adds items or replaces what is known of them; a bad one fails alone."""
        good, faults = check_items(given)
        return _changed(good, await self._within(caller, good, self._store().put), faults)

    async def hide(self, given: Sequence[str], caller: float | None = None) -> Changed:
        """Takes items out of every answer until they are shown again."""
        return await self._change(given, self._store().hide, caller)

    async def show(self, given: Sequence[str], caller: float | None = None) -> Changed:
        """Takes hidden items back into answers."""
        return await self._change(given, self._store().show, caller)

    async def delete(self, given: Sequence[str], caller: float | None = None) -> Changed:
        """Takes items out of every answer and forgets what was put of them."""
        return await self._change(given, self._store().delete, caller)

    async def expire(
        self, given: Sequence[str], expires_at: int, caller: float | None = None
    ) -> Changed:
        """Sets when items leave every answer, unix seconds; 0: never."""
        check_expiry(expires_at)
        store = self._store()
        return await self._change(
            given, lambda ids, now: store.expire(ids, expires_at, now), caller
        )

    async def get(self, item_id: str, caller: float | None = None) -> ItemInfo:
        """What is known of an item.

        Raises:
            InvalidArgumentError: the id is too long or empty.
            NotFoundError: neither the release nor the item table has it.
            UnavailableError: the item table does not answer.
        """
        check_id("item_id", item_id)
        with Counted(self._config.meter, self._config.clock):
            failure = await self._takedown.reach(None, request_seconds(MANY_SECONDS, caller))
            if failure is not None:
                raise UnavailableError(f"the item table did not answer ({failure.reason.value})")
            return self._info(item_id)

    def _info(self, item_id: str) -> ItemInfo:
        view = self._views.of(item_id)
        row = view.row_of(item_id)
        key = Item(item_id).key
        record = self._takedown.table.get(key)
        if record is None and row is None:
            raise NotFoundError("item_id", "neither the release nor the item table has this item")
        put_at = record.put_at if record is not None else 0
        item: Item
        if record is not None and record.put_at:
            item = record
        else:
            item = _released(view, item_id, row, record)
        return ItemInfo(item, self._state(key), row is not None, put_at)

    def _state(self, key: int) -> ItemState:
        reason = out_reason(self._takedown.table, key, self._config.now())
        return ItemState(reason.upper()) if reason else ItemState.SHOWN

    async def _change(
        self,
        given: Sequence[str],
        change: Callable[[Sequence[str], int], Awaitable[Ends]],
        caller: float | None,
    ) -> Changed:
        good, faults = check_item_ids(given)
        return _changed(good, await self._within(caller, good, change), faults)

    def _store(self) -> ItemStore:
        if self._config.store is None:
            raise UnavailableError("this gateway has no item table: it was given no redis_url")
        return self._config.store

    async def _within(
        self,
        caller: float | None,
        good: Good[G],
        change: Callable[[Sequence[G], int], Awaitable[Ends]],
    ) -> Ends:
        if not good:
            return []  # also when the table is away: what is wrong is the call
        with Counted(self._config.meter, self._config.clock):
            try:
                async with asyncio.timeout(request_seconds(MANY_SECONDS, caller)):
                    ends = await change(_values(good), int(self._config.now()))
                    await self._takedown.table.reach(None)  # known here, whatever comes next
                    return ends
            except (RedisError, TimeoutError) as error:
                message = f"the item table did not answer ({type(error).__name__})"
                raise UnavailableError(message) from error


def _released(view: ItemView, item_id: str, row: int | None, record: ItemRecord | None) -> Item:
    """An item nobody put, as its release has it."""
    expires_at = record.expires_at if record is not None and not record.deleted else 0
    if row is None:
        return Item(item_id, expires_at=expires_at)
    text = view.release.text(row)
    tags = view.release.catalog.tags(row)
    return Item(item_id, text.title, text.categories, tags, expires_at=expires_at)


def _values(good: Good[G]) -> list[G]:
    return [value for _, value in good]


def _changed(good: Good[G], ends: Ends, faults: list[Fault]) -> Changed:
    refused = [
        Fault(index, "item_id", MESSAGES[end])
        for (index, _), end in zip(good, ends, strict=True)
        if end is not None
    ]
    everything = sorted([*faults, *refused], key=lambda fault: fault.index)
    count_faults("Items", everything)
    return Changed(len(good) - len(refused), everything)
