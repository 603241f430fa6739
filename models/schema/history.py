"""Histories as arrays: positions and gaps relative to the user's newest event, never to now.

A user whose last event is from 1998 must look the same today as then, and data may have an order
instead of a clock; so the models see where an event stands in the history and log2 of its distance
to the newest one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.schema.catalog import Catalog
from services.domain.arrays import F32, I64
from services.domain.context import History
from services.domain.events import EventType

ENGAGED = (EventType.CLICK, EventType.LIKE, EventType.PURCHASE, EventType.DWELL)
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
    kept = [_engaged(history, catalog, length) for history in histories]
    size = max([RECENT, *(len(rows) for rows, _, _ in kept)])
    shape = (len(kept), size)
    encoded = EncodedHistory(
        np.full(shape, -1, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.float32),
    )
    for i, (rows, events, times) in enumerate(kept):
        n = len(rows)
        encoded.rows[i, :n] = rows
        encoded.events[i, :n] = events
        encoded.gaps[i, :n] = gap_bucket(times[:1] - times)
        encoded.mask[i, :n] = 1.0
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


def _engaged(history: History, catalog: Catalog, length: int) -> tuple[I64, I64, I64]:
    rows = catalog.rows_of(history.keys)
    keep = np.flatnonzero(_IS_ENGAGED[history.events] & (rows >= 0))[:length]
    return (
        rows[keep].astype(np.int64),
        history.events[keep].astype(np.int64),
        history.times[keep].astype(np.int64),
    )
