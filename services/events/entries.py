"""Entries of one stream, as they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import redis.asyncio

from services.chassis.log import get_logger
from services.events.entry_id import EntryId
from services.events.metrics import BAD_ENTRIES
from services.journal.kind import Kind
from services.journal.streams import FIELD, stream

T = TypeVar("T")


class Entry(NamedTuple, Generic[T]):
    """An entry that was read."""

    id: EntryId
    value: T
    size: int
    """Bytes of its payload."""


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """What one read found.

    Attributes:
        entries: those that could be decoded, oldest first.
        position: the last entry, whether it could be decoded or not.
        count: entries that were read.
    """

    entries: Sequence[Entry[T]]
    position: EntryId
    count: int


class Entries(Generic[T]):
    """One stream of a kind."""

    def __init__(self, client: redis.asyncio.Redis, kind: Kind[T], partition: int) -> None:
        self.kind = kind
        self.partition = partition
        self.stream = stream(kind.name, partition)
        self._client = client
        self._log = get_logger("entries")

    async def read(self, after: EntryId, limit: int, wait: float) -> Read[T]:
        """Up to `limit` entries after one; waits up to `wait` seconds for the first."""
        block = max(1, int(wait * 1000))
        found: Any = await self._client.xread({self.stream: str(after)}, count=limit, block=block)
        raw = found[0][1] if found else ()
        entries = []
        for name, fields in raw:
            entry_id = EntryId.parse(name)
            try:
                payload = fields[FIELD]
                entries.append(Entry(entry_id, self.kind.decode(payload), len(payload)))
            except Exception as error:  # noqa: BLE001 - one bad entry must not stop its stream
                BAD_ENTRIES.labels(self.kind.name).inc()
                self._log.error("bad entry", stream=self.stream, id=str(entry_id), error=str(error))
        return Read(entries, EntryId.parse(raw[-1][0]) if raw else after, len(raw))
