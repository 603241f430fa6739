"""Files entries as rows of Parquet: many in one file."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Generic, TypeVar

from services.events import parquet
from services.events.entries import Entry
from services.events.entry_id import EntryId
from services.events.metrics import ROWS
from services.events.sink import Effects
from services.journal.kind import Kind

T = TypeVar("T")

GROUP = 2 * 2**20  # bytes made columns at once: as Python's numbers they are many times as much


@dataclass(frozen=True, slots=True)
class FileLimits:
    """When a file is finished: at the first of these.

    Attributes:
        rows: entries.
        size: bytes of their payloads.
        seconds: since the first of them was read.
    """

    rows: int = 50_000
    size: int = 16 * 2**20
    seconds: float = 30.0


class ParquetSink(Generic[T]):
    """Collects entries until they make a file; after a crash it begins again behind the last one.

    A file is named by its first and last entry and has its name before its position is stored. A
    crash between the two makes its rows appear twice, with the same entry ids: readers keep one.
    """

    name = "files"

    def __init__(
        self,
        log: Path,
        entries: tuple[Kind[T], int],
        limits: FileLimits,
        clock: Callable[[], float],
    ) -> None:
        """`entries`: the kind and the partition."""
        self._kind, self._partition = entries
        self._folder = parquet.folder_of(log, self._kind.name, self._partition)
        self._limits = limits
        self._clock = clock
        self._owner = token_hex(4)
        self._rows: list[Entry[T]] = []
        self._size = 0
        self._since = 0.0

    async def open(self, position: EntryId) -> None:
        self.close()
        await asyncio.to_thread(parquet.discard_unfinished, self._folder)

    async def put(self, entries: Sequence[Entry[T]], position: EntryId) -> Effects | None:
        if not self._rows:
            self._since = self._clock()
        self._rows.extend(entries)
        self._size += sum(entry.size for entry in entries)
        if not self._rows:
            return Effects()
        if not self._full():
            return None
        path = parquet.path_of(self._folder, self._rows[0].id, self._rows[-1].id)
        unfinished = parquet.unfinished(path, self._owner)
        await asyncio.to_thread(self._write, unfinished)
        ROWS.labels(self._kind.name).inc(len(self._rows))
        self.close()
        return Effects(finish=partial(parquet.finish, unfinished, path))

    def close(self) -> None:
        self._rows = []
        self._size = 0

    def _full(self) -> bool:
        limits = self._limits
        return (
            len(self._rows) >= limits.rows
            or self._size >= limits.size
            or not 0 <= self._clock() - self._since < limits.seconds  # a clock may be set back
        )

    def _write(self, path: Path) -> None:
        step = max(1, len(self._rows) * GROUP // max(self._size, 1))
        groups = (self._rows[at : at + step] for at in range(0, len(self._rows), step))
        tables = (parquet.table_of(self._kind, self._partition, group) for group in groups)
        parquet.write_unfinished(path, parquet.schema_of(self._kind.columns), tables)
