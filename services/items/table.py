"""The item table in memory: read once, then kept up with the stream of changes."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.chassis.log import get_logger
from services.domain.arrays import I64, U64, Bools
from services.items.record import ItemRecord, RecordError, decode, shown_until
from services.items.store import STREAM, TABLE

PAGE = 1000
DECODED = 65_536
_LOW_BITS = 0xFFFF

_log = get_logger("items")
_decode = lru_cache(DECODED)(decode)

Entry = tuple[bytes, dict[bytes, bytes]]
Changed = Callable[[Iterable[int]], None]


class ItemTable:
    """What this process knows of the item table. Not for threads but the event loop's.

    Args:
        redis: where it is kept; None: nowhere, and this stays empty.
        changed: called with the keys of the records that a refresh changed.
        clock: seconds, never going back.

    Attributes:
        version: sequence number of the last change it has; 0: none.
    """

    def __init__(
        self,
        redis: Redis | None,
        changed: Changed = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis: Any = redis
        self._changed = changed
        self._clock = clock
        self._read_at = -math.inf
        self._records: dict[int, bytes] = {}
        self._until: dict[int, int] = {}
        self._out: _Out | None = None  # made of the line above when it is first needed
        self._last = b""  # entry of the stream that was applied last
        self._reads = self._good_read = 0
        self._lock = asyncio.Lock()
        self.version = 0

    def __len__(self) -> int:
        return len(self._records)

    @property
    def age(self) -> float:
        """Seconds since it was known to have every change; infinite before it was first read."""
        return self._clock() - self._read_at

    @property
    def out_count(self) -> int:
        """How many items are hidden or deleted, or expire some day."""
        return len(self._until)

    def get(self, key: int) -> ItemRecord | None:
        """The record of an item; also of one that is hidden, expired or deleted."""
        data = self._records.get(key)
        try:
            return None if data is None else _decode(data)
        except RecordError:
            return None

    def records(self) -> Iterator[ItemRecord]:
        """All records that can be read, in no order."""
        for key in list(self._records):
            if (record := self.get(key)) is not None:
                yield record

    def hidden(self, keys: U64, now: float) -> Bools:
        """Which items must be in no answer: hidden, deleted or expired; bool [n]."""
        if self._out is None:
            self._out = _Out(self._until)
        return self._out.among(keys, now)

    def gone(self, before: int) -> list[ItemRecord]:
        """Items that were deleted or expired by then."""
        keys = [key for key, until in self._until.items() if until <= before]
        records = [record for key in keys if (record := self.get(key)) is not None]
        return [record for record in records if record.expired(before)]

    async def reach(self, version: int | None) -> None:
        """Has the changes up to `version`; None: all that were made before this call.

        Raises:
            RedisError: Redis does not answer.
        """
        if version == self.version:
            return
        before = self._reads
        async with self._lock:
            if self._good_read <= before:  # nobody began to read since and succeeded
                await self._read()

    async def refresh(self) -> bool:
        """Reads the changes there are; whether there were any.

        Raises:
            RedisError: Redis does not answer.
        """
        async with self._lock:
            return await self._read()

    async def _read(self) -> bool:
        if self._redis is None:
            return False
        self._reads += 1
        number, asked = self._reads, self._clock()
        changed = await self._read_new()
        self._good_read, self._read_at = number, asked
        return changed

    async def _read_new(self) -> bool:
        if not self._last:
            return await self._read_all()
        changed = False
        while True:
            entries = await self._entries(self._last)
            if not entries or entries[0][0] != self._last:
                return await self._read_all()
            self._apply(entries[1:])
            changed |= len(entries) > 1
            if len(entries) <= PAGE:
                return changed

    async def _read_all(self) -> bool:
        """Reads the whole table; changes that are made meanwhile are in the stream."""
        newest: list[Entry] = await self._redis.xrevrange(STREAM, count=1)
        records = {key: data async for key, data in self._scan()}
        changed = {key for key, _ in records.items() ^ self._records.items()}
        self._records = records
        self._until = {k: u for k, data in records.items() if (u := shown_until(data)) is not None}
        self._out = None
        self._last, self.version = b"", 0
        if newest:
            self._move_to(newest[0][0])
        self._changed(changed)
        return bool(changed)

    async def _scan(self) -> AsyncIterator[tuple[int, bytes]]:
        async for field, data in self._redis.hscan_iter(TABLE, count=PAGE):
            yield int.from_bytes(field, "little"), data

    async def _entries(self, first: bytes) -> list[Entry]:
        entries: list[Entry] = await self._redis.xrange(STREAM, first, count=PAGE + 1)
        return entries

    def _apply(self, entries: list[Entry]) -> None:
        if not entries:
            return
        for _, change in entries:
            self._apply_one(int.from_bytes(change[b"key"], "little"), change[b"record"])
        self._move_to(entries[-1][0])
        self._changed(int.from_bytes(change[b"key"], "little") for _, change in entries)

    def _apply_one(self, key: int, data: bytes) -> None:
        """`data`: the record there is now; empty: none."""
        until = shown_until(data) if data else None
        if until != self._until.get(key):
            self._out = None
        self._until.pop(key, None)
        self._records.pop(key, None)
        if data:
            self._records[key] = data
        if until is not None:
            self._until[key] = until

    def _move_to(self, entry: bytes) -> None:
        self._last = entry
        self.version = int(entry.split(b"-")[0])


class _Out:
    """Items that leave every answer, and when; ready to be searched."""

    def __init__(self, until: dict[int, int]) -> None:
        keys = np.fromiter(until.keys(), np.uint64, len(until))
        order = np.argsort(keys)
        self._keys: U64 = keys[order]
        self._until: I64 = np.fromiter(until.values(), np.int64, len(until))[order]
        self._low = np.zeros(_LOW_BITS + 1, np.bool_)  # keys are hashes: this leaves few to search
        self._low[keys & np.uint64(_LOW_BITS)] = True

    def among(self, keys: U64, now: float) -> Bools:
        out = np.asarray(self._low[keys & np.uint64(_LOW_BITS)])
        if out.any():
            left = keys[out]
            at = np.minimum(np.searchsorted(self._keys, left), len(self._keys) - 1)
            out[out] = (self._keys[at] == left) & (self._until[at] <= now)
        return out


async def follow(table: ItemTable, seconds: float) -> None:
    """Refreshes the table for ever, `seconds` apart; it keeps what it has while Redis is away."""
    away = False
    while True:
        try:
            await table.refresh()
            if away:
                _log.info("the item table is followed again", version=table.version)
            away = False
        except RedisError as error:
            if not away:
                _log.warning("the item table cannot be read", error=str(error))
            away = True
        await asyncio.sleep(seconds)
