"""Counts events: every batch is stored at once."""

from collections.abc import Callable, Sequence
from typing import Any

import redis.asyncio

from services.events.counters import Counters
from services.events.entries import Entry
from services.events.entry_id import EntryId
from services.events.sink import Effects
from services.journal.event import EventEntry

_SCAN = 2000
_SWEEP_SECONDS = 3600.0
_SWEPT = 10_000  # items forgotten in one commit, at most


async def read_counters(client: redis.asyncio.Redis, key: str) -> Counters:
    """The counters in a hash; ValueError when they are of another version."""
    counters = Counters()
    cursor = 0
    while True:
        found: Any = await client.hscan(key, cursor, count=_SCAN)
        cursor, records = found
        counters.load(records)
        if not cursor:
            return counters


class CounterSink:
    """Holds the counters of a partition in memory; Redis has the same after each commit.

    Attributes:
        counters: of the partition; None while another process counts it.
    """

    name = "counters"

    def __init__(
        self, client: redis.asyncio.Redis, key: str, idle: float, clock: Callable[[], float]
    ) -> None:
        """`key`: of the hash; `idle`: seconds after which an item without events is forgotten."""
        self.counters: Counters | None = None
        self.key = key
        self._client = client
        self._idle = idle
        self._clock = clock
        self._swept = clock()

    async def open(self, position: EntryId) -> None:
        self.counters = await read_counters(self._client, self.key)

    async def put(self, entries: Sequence[Entry[EventEntry]], position: EntryId) -> Effects | None:
        assert self.counters is not None
        changed = self.counters.add([entry.value for entry in entries]) if entries else []
        records = self.counters.records(changed)
        if not 0 <= self._clock() - self._swept < _SWEEP_SECONDS:
            records |= self._sweep()
        return Effects(records=records)

    def close(self) -> None:
        self.counters = None

    def _sweep(self) -> dict[bytes, bytes]:
        """Forgets items without events for long; of very many the rest at the next entries."""
        assert self.counters is not None
        now = self._clock()
        gone = self.counters.idle(now - self._idle)
        if len(gone) <= _SWEPT:
            self._swept = now
        gone = gone[:_SWEPT]
        self.counters = self.counters.without(gone)
        return {key.to_bytes(8, "little"): b"" for key in gone}
