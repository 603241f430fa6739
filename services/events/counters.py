"""Counts of the items of one partition, and their records in Redis."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from models.schema.history import ENGAGED
from services.domain.arrays import I64, U64
from services.domain.events import EventType
from services.journal.event import EventEntry
from services.statistics.decay import KINDS, TAUS, Decayed

TYPES = max(EventType) + 1
_VERSION = 1
_RECORD = np.dtype(
    [
        ("version", "u1"),
        ("newest", "<i8"),  # time of the newest event
        ("last", "<i8"),  # reference time of the decayed counts
        ("totals", "<u8", (TYPES,)),
        ("counts", "<f8", (KINDS, len(TAUS))),
    ]
)


class Counters:
    """Items get rows as they come; a row stays.

    Attributes:
        decayed: by row.
        totals: events by row and EventType number, uint64 [n, TYPES].
    """

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}
        self.decayed = Decayed(0)
        self.totals: U64 = np.zeros((0, TYPES), np.uint64)
        self._newest: I64 = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def keys(self) -> U64:
        """Item keys by row, uint64 [n]."""
        return np.fromiter(self._rows, np.uint64, len(self._rows))

    def add(self, entries: Sequence[EventEntry]) -> list[int]:
        """Counts events, in any order of time; returns the keys of their items."""
        rows = np.array([self._row(entry.key) for entry in entries], np.int64)
        types = np.array([entry.type for entry in entries], np.int64)
        times = np.array([entry.time for entry in entries], np.int64)
        engaged = np.isin(types, ENGAGED)
        counted = engaged | (types == EventType.IMPRESSION)  # a dismissal is neither
        np.add.at(self.totals, (rows, types), np.uint64(1))
        np.maximum.at(self._newest, rows, times)
        self.decayed.add(rows[counted], engaged[counted], times[counted])
        return list(dict.fromkeys(entry.key for entry in entries))

    def records(self, keys: Sequence[int]) -> dict[bytes, bytes]:
        """Field and record of items, as they stand in the hash."""
        rows = np.array([self._rows[key] for key in keys], np.int64)
        table = np.empty(len(rows), _RECORD)
        table["version"] = _VERSION
        table["newest"], table["last"] = self._newest[rows], self.decayed.last[rows]
        table["totals"], table["counts"] = self.totals[rows], self.decayed.counts[rows]
        return {key.to_bytes(8, "little"): table[i].tobytes() for i, key in enumerate(keys)}

    def load(self, records: Mapping[bytes, bytes]) -> None:
        """Takes what `records` gave; ValueError for a record of another version."""
        keys = [int.from_bytes(field, "little") for field in records]
        for key, record in zip(keys, records.values(), strict=True):
            if len(record) != _RECORD.itemsize or record[0] != _VERSION:
                raise ValueError(f"the record of item {key} is not one of version {_VERSION}")
        rows = np.array([self._row(key) for key in keys], np.int64)
        table = np.frombuffer(b"".join(records.values()), _RECORD)
        self._newest[rows], self.decayed.last[rows] = table["newest"], table["last"]
        self.totals[rows], self.decayed.counts[rows] = table["totals"], table["counts"]

    def idle(self, before: float) -> list[int]:
        """Keys of items without an event since a time."""
        return [int(key) for key in self.keys[self._newest[: len(self)] < before]]

    def without(self, keys: Collection[int]) -> "Counters":
        """All items but these."""
        gone = frozenset(keys)
        left = {key: row for key, row in self._rows.items() if key not in gone}
        rows = np.fromiter(left.values(), np.int64, len(left))
        kept = Counters()
        kept._rows = {key: row for row, key in enumerate(left)}
        kept.decayed = self.decayed.take(rows)
        kept.totals, kept._newest = self.totals[rows], self._newest[rows]
        return kept

    def _row(self, key: int) -> int:
        row = self._rows.setdefault(key, len(self._rows))
        if row == len(self.totals):
            self._grow(row + 1)
        return row

    def _grow(self, count: int) -> None:
        self.decayed.grow(count)
        room = len(self.decayed) - len(self.totals)
        self.totals = np.concatenate([self.totals, np.zeros((room, TYPES), np.uint64)])
        self._newest = np.concatenate([self._newest, np.zeros(room, np.int64)])
