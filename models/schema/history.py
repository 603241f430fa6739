"""Histories as arrays: positions and gaps relative to the user's newest event, never to now.

A user whose last event is from 1998 must look the same today as then, and data may have an order
instead of a clock; so the models see where an event stands in the history and log2 of its distance
to the newest one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.schema.catalog import Catalog
from services.domain.arrays import F32, I64
from services.domain.context import History
from services.domain.events import EventType

ENGAGED = (EventType.CLICK, EventType.LIKE, EventType.PURCHASE, EventType.DWELL)
LIKED = (EventType.LIKE, EventType.PURCHASE)
EVENT_SIZE = 8  # EventType numbers are below this; 0 pads
GAP_SIZE = 32  # log2 of seconds
RECENT = 5  # events that models may read one by one; arrays are at least this long
LENGTH_EDGES = (1, 2, 3, 5, 10, 20, 35, 50)
LENGTH_SIZE = len(LENGTH_EDGES) + 1

_IS_ENGAGED = np.isin(np.arange(256), ENGAGED)


@dataclass(frozen=True, slots=True)
class EncodedHistory:
    """Histories of B users, newest first, L = the longest of them (at least RECENT).

    Attributes:
        rows: rows of the items, int64 [B, L]; -1 pads.
        events: EventType numbers, int64 [B, L]; 0 pads.
        gaps: log2 of the distance to the user's newest event, int64 [B, L], below GAP_SIZE.
        mask: 1 for an event, 0 for padding, float32 [B, L].
    """

    rows: I64
    events: I64
    gaps: I64
    mask: F32

    @property
    def lengths(self) -> I64:
        """Bucket of each user's number of events, int64 [B], below LENGTH_SIZE."""
        return length_bucket(self.mask.sum(axis=1).astype(np.int64))

    def at(self, users: slice) -> "EncodedHistory":
        """The histories of some of the users."""
        return EncodedHistory(
            self.rows[users], self.events[users], self.gaps[users], self.mask[users]
        )


def encode_histories(histories: Sequence[History], catalog: Catalog, length: int) -> EncodedHistory:
    """The newest `length` engagements of each user with items the release has."""
    kept, owners = _engaged(histories, catalog)
    counts = np.bincount(owners, minlength=len(histories))
    most = int(counts.max(initial=0))
    shape = (len(histories), max(RECENT, min(length, most)))
    encoded = EncodedHistory(
        np.full(shape, -1, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.float32),
    )
    if not most:
        return encoded
    starts = counts.cumsum() - counts
    columns = np.arange(len(owners)) - starts.repeat(counts)
    gaps = kept.times.take(starts, mode="clip").repeat(counts) - kept.times
    values = [kept.rows, kept.events, gap_bucket(gaps)]
    cells = owners * shape[1] + columns
    if most > length:
        new = (columns < length).nonzero()[0]
        cells, values = cells.take(new), [value.take(new) for value in values]
    tables = (encoded.rows, encoded.events, encoded.gaps)
    for table, value in zip(tables, values, strict=True):
        table.reshape(-1)[cells] = value
    encoded.mask.reshape(-1)[cells] = 1.0
    return encoded


def gap_bucket(gaps: I64) -> I64:
    """floor(log2(gap + 1)) clipped to [0, GAP_SIZE); clocks that run backwards count as 0."""
    return np.minimum(np.log2(np.maximum(gaps, 0) + 1.0), GAP_SIZE - 1).astype(np.int64)


def length_bucket(lengths: I64) -> I64:
    """Bucket of a number of events, below LENGTH_SIZE."""
    return np.searchsorted(LENGTH_EDGES, lengths, side="right").astype(np.int64)


def gather(table: F32, rows: I64) -> F32:
    """table[rows] with zeros where a row is -1: float32 [*rows.shape, table.shape[1]]."""
    found = np.asarray(table[np.maximum(rows, 0)])
    found[rows < 0] = 0.0
    return found


class _Engagements(NamedTuple):
    """Of several users, one after the other, int64 [n]; `times` are unix seconds."""

    rows: I64
    events: I64
    times: I64


def _engaged(histories: Sequence[History], catalog: Catalog) -> tuple[_Engagements, I64]:
    """All engagements with items the release has, and the user of each, int64 [n]."""
    if not histories:
        nothing = np.empty(0, np.int64)
        return _Engagements(nothing, nothing, nothing), nothing
    events = np.concatenate([history.events for history in histories])
    rows = catalog.rows_of(np.concatenate([history.keys for history in histories]))
    times = np.concatenate([history.times for history in histories])
    owners = np.arange(len(histories)).repeat([len(history) for history in histories])
    at = (_IS_ENGAGED.take(events) & (rows >= 0)).nonzero()[0]
    found = (column.take(at).astype(np.int64) for column in (rows, events, times))
    return _Engagements(*found), owners.take(at)
