"""The last word on every answer: no item that was hidden, deleted or has expired."""

import asyncio
from typing import NamedTuple

import numpy as np

from services.chassis.redis import RedisError
from services.domain.arrays import I32, Bools
from services.domain.outcome import Failure, Reason
from services.gateway.item_view import ItemView
from services.gateway.metrics import TAKEN_DOWN
from services.gateway.resilience.budget import Clock
from services.items.table import ItemTable

PAUSE_SECONDS = 1.0


class Kept(NamedTuple):
    """What is left of a list.

    Attributes:
        mask: True for what stays, bool [n].
        removed: rows of what was taken out, int32 [m].
    """

    mask: Bools
    removed: I32


class Takedown:
    """Keeps the item table as new as a request needs it, and applies it.

    Args:
        table: followed by somebody else; here only brought forward.
        clock: the time now.
    """

    def __init__(self, table: ItemTable, clock: Clock) -> None:
        self.table = table
        self._clock = clock
        self._paused_until = -np.inf

    async def reach(self, version: int | None, seconds: float) -> Failure | None:
        """Has all changes up to `version` (None: up to now), or says why it may lack some.

        After a failure those who know no version are not kept waiting for a second: Redis is away,
        and no change is acknowledged either. A version means that it answered just now, and that
        there may be a change: then it is always asked.
        """
        if version == self.table.version:
            return None
        if version is None and self._clock() < self._paused_until:
            return Failure(Reason.BREAKER_OPEN, "the item table could not be read just now")
        try:
            async with asyncio.timeout(seconds):
                await self.table.reach(version)
        except TimeoutError:
            failure = Failure(Reason.TIMEOUT, f"the item table was not read in {seconds:.3f} s")
        except RedisError as error:
            failure = Failure(Reason.UNAVAILABLE, f"the item table cannot be read: {error}")
        else:
            return None
        if version is None:
            self._paused_until = self._clock() + PAUSE_SECONDS
        return failure

    def apply(self, rows: I32, view: ItemView, now: int) -> Kept:
        """What of a list may be shown at `now`, unix seconds."""
        if not len(self.table):
            return Kept(np.ones(len(rows), np.bool_), rows[:0])
        keys = view.keys(rows)
        hidden = self.table.hidden(keys, now)
        for key in keys[hidden].tolist():
            TAKEN_DOWN.labels(out_reason(self.table, key, now)).inc()
        return Kept(~hidden, rows[hidden])


def out_reason(table: ItemTable, key: int, now: float) -> str:
    """Why an item may not be shown: hidden, deleted or expired; empty when it may."""
    if not table.hidden(np.array([key], np.uint64), now)[0]:
        return ""
    record = table.get(key)
    if record is not None and record.deleted:
        return "deleted"
    return "hidden" if record is None or record.hidden else "expired"
