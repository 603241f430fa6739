"""Keeps the log bounded, and says how far behind its readers are."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import redis.asyncio

from services.events import parquet
from services.events.entry_id import START, EntryId
from services.events.joining import join_small
from services.events.metrics import DROPPED, LAG_ENTRIES, LAG_SECONDS
from services.events.trouble import Trouble
from services.journal.streams import added, stream

SWEEP_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A stream and its readers.

    Attributes:
        kind, partition: name the stream.
        readers: sink name → key of its state.
    """

    kind: str
    partition: int
    readers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reader is: the last entry it did, and how many it did in all."""

    position: EntryId
    count: int


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept, and for how long.

    Attributes:
        log: folder of the Parquet files.
        days: after which a file is deleted.
        seconds: between two looks at the streams.
        clock: unix seconds.
    """

    log: Path
    days: float
    seconds: float
    clock: Callable[[], float]


class Upkeep:
    """Trims streams to what every reader has stored; deletes old files, and joins small ones."""

    def __init__(
        self, client: redis.asyncio.Redis, streams: Sequence[Watched], keeping: Keeping
    ) -> None:
        self._client = client
        self._streams = streams
        self._keeping = keeping
        script = files(__package__) / "scripts" / "trim.lua"
        self._trim = client.register_script(script.read_text("utf-8"))
        self._swept = -SWEEP_SECONDS
        self._trouble = Trouble("upkeep")

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                for watched in self._streams:
                    await self.look(watched)
                await self._sweep()
                self._trouble.over()
            except Exception as error:  # noqa: BLE001 - what is not done now is done later
                self._trouble.failed(type(error).__name__, str(error))
            await asyncio.sleep(self._keeping.seconds)

    async def look(self, watched: Watched) -> None:
        """Trims one stream and sets its metrics."""
        progress = [await self._progress(state) for _, state in watched.readers]
        slowest = min(progress, key=lambda one: one.position)
        name = stream(watched.kind, watched.partition)
        left, ever, oldest = await self._trim(
            keys=[name, added(watched.kind, watched.partition)], args=[str(slowest.position.next)]
        )
        labels = (watched.kind, str(watched.partition))
        DROPPED.labels(*labels).set(0 if ever < 0 else max(0, ever - slowest.count - left))
        for (sink, _), one in zip(watched.readers, progress, strict=True):
            LAG_ENTRIES.labels(*labels, sink).set(max(0, left - (one.count - slowest.count)))
            if one is not slowest:
                oldest = await self._after(name, one.position)
            LAG_SECONDS.labels(*labels, sink).set(self._age(oldest))

    async def _progress(self, state: str) -> Progress:
        position, count = await self._client.hmget(state, ["position", "count"])
        return Progress(EntryId.parse(position) if position else START, int(count or 0))

    async def _after(self, name: str, position: EntryId) -> bytes:
        found: Any = await self._client.xrange(name, min=str(position.next), count=1)
        return bytes(found[0][0]) if found else b""

    def _age(self, entry: bytes) -> float:
        return max(0.0, self._keeping.clock() - EntryId.parse(entry).ms / 1000) if entry else 0.0

    async def _sweep(self) -> None:
        now = self._keeping.clock()
        if now - self._swept >= SWEEP_SECONDS:
            self._swept = now
            await asyncio.to_thread(tidy, self._keeping.log, self._keeping.days, now)


def tidy(log: Path, days: float, now: float) -> None:
    """Deletes the files whose last entry is so many days old, and joins small ones."""
    for folder in log.glob("*/p*/"):
        delete_old(folder, now - days * 86_400)
        join_small(folder, now - SWEEP_SECONDS)


def delete_old(folder: Path, before: float) -> int:
    """Deletes the files whose last entry is older than a time, unix seconds; returns how many."""
    old = [
        path for path in parquet.finished(folder) if parquet.range_of(path)[1].ms < before * 1000
    ]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
