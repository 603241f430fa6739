"""Counts of the items of one partition, and their records in Redis."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from models.schema.history import ENGAGED
from services.domain.arrays import I64, U64
from services.domain.events import EventType
from services.journal.event import EventEntry
from services.statistics.decay import KINDS, TAUS, Decayed
from services.statistics.snapshot import MAX_CLICKERS, PSEUDONYM_BYTES

TYPES = max(EventType) + 1
YOUNG_SECONDS = 7 * 86_400
"""For so long after its first event the first users that engage with an item are kept."""

_NEVER = 2**62
_VERSION = 1
_HEAD = struct.Struct(f"<Bqqq{TYPES}Q{KINDS * len(TAUS)}d")
"""Version, times of the first and the newest event, reference time of the decayed counts, events by
type, the decayed counts. Then the first users that engaged with it."""


class Young(NamedTuple):
    """An item that is young.

    Attributes:
        key: item key.
        first: time of its first event, unix seconds.
        clickers: pseudonyms of the first users that engaged with it, in that order.
    """

    key: int
    first: int
    clickers: tuple[bytes, ...]


class Counters:
    """Items get rows as they come; a row stays.

    Attributes:
        decayed: by row.
        totals: events by row and EventType number, uint64 [n, TYPES].
    """

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}
        self._clickers: dict[int, list[bytes]] = {}
        self.decayed = Decayed(0)
        self.totals: U64 = np.zeros((0, TYPES), np.uint64)
        self._first: I64 = np.zeros(0, np.int64)
        self._newest: I64 = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def keys(self) -> U64:
        """Item keys by row, uint64 [n]."""
        return np.fromiter(self._rows, np.uint64, len(self._rows))

    def young(self, since: float, limit: int) -> list[Young]:
        """The items that somebody engaged with whose first event is newest, newest first."""
        rows = np.fromiter(self._clickers, np.int64, len(self._clickers))
        rows = rows[self._first[rows] >= since]
        rows = rows[np.argsort(-self._first[rows], kind="stable")][:limit]
        keys = self.keys
        return [
            Young(int(keys[row]), int(self._first[row]), tuple(self._clickers[row]))
            for row in rows.tolist()
        ]

    def add(self, entries: Sequence[EventEntry]) -> list[int]:
        """Counts events, in any order of time; returns the keys of their items."""
        rows = np.array([self._row(entry.key) for entry in entries], np.int64)
        types = np.array([entry.type for entry in entries], np.int64)
        times = np.array([entry.time for entry in entries], np.int64)
        engaged = np.isin(types, ENGAGED)
        counted = engaged | (types == EventType.IMPRESSION)  # a dismissal is neither
        np.add.at(self.totals, (rows, types), np.uint64(1))
        np.minimum.at(self._first, rows, times)
        np.maximum.at(self._newest, rows, times)
        self.decayed.add(rows[counted], engaged[counted], times[counted])
        for i in np.flatnonzero(engaged).tolist():
            self._clicked(int(rows[i]), entries[i])
        return list(dict.fromkeys(entry.key for entry in entries))

    def _clicked(self, row: int, entry: EventEntry) -> None:
        if entry.time - self._first[row] > YOUNG_SECONDS:
            self._clickers.pop(row, None)
            return
        users = self._clickers.setdefault(row, [])
        if len(users) < MAX_CLICKERS and entry.pseudonym not in users:
            users.append(entry.pseudonym)

    def records(self, keys: Iterable[int]) -> dict[bytes, bytes]:
        """Field and record of items, as they stand in the hash."""
        return {key.to_bytes(8, "little"): self._record(self._rows[key]) for key in keys}

    def load(self, records: Mapping[bytes, bytes]) -> None:
        """Takes what `records` gave; ValueError for a record of another version."""
        for field, record in records.items():
            self._load(int.from_bytes(field, "little"), record)

    def idle(self, before: float) -> list[int]:
        """Keys of items without an event since a time."""
        return [int(key) for key in self.keys[self._newest[: len(self)] < before]]

    def without(self, keys: Iterable[int]) -> "Counters":
        """All items but these."""
        gone = set(keys)
        kept = Counters()
        kept.load(self.records(key for key in self._rows if key not in gone))
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
        self._first = np.concatenate([self._first, np.full(room, _NEVER, np.int64)])
        self._newest = np.concatenate([self._newest, np.zeros(room, np.int64)])

    def _record(self, row: int) -> bytes:
        head = _HEAD.pack(
            _VERSION,
            self._first[row],
            self._newest[row],
            self.decayed.last[row],
            *self.totals[row].tolist(),
            *self.decayed.counts[row].ravel().tolist(),
        )
        return head + b"".join(self._clickers.get(row, ()))

    def _load(self, key: int, record: bytes) -> None:
        if len(record) < _HEAD.size or record[0] != _VERSION:
            raise ValueError(f"the record of item {key} is not one of version {_VERSION}")
        row = self._row(key)
        _, first, newest, last, *numbers = _HEAD.unpack_from(record)
        self._first[row], self._newest[row], self.decayed.last[row] = first, newest, last
        self.totals[row] = numbers[:TYPES]
        self.decayed.counts[row] = np.reshape(numbers[TYPES:], self.decayed.counts[row].shape)
        users = record[_HEAD.size :]
        if users:
            self._clickers[row] = [
                users[i : i + PSEUDONYM_BYTES] for i in range(0, len(users), PSEUDONYM_BYTES)
            ]
