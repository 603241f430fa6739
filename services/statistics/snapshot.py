"""The snapshot of item statistics that the events service publishes and recall reads."""

import asyncio
import struct
import zlib
from dataclasses import dataclass, field

import numpy as np
import redis.asyncio

from services.domain.arrays import F32, U64
from services.domain.live import STATISTICS

STATISTICS_KEY = b"statistics"
"""Where the snapshot stands in Redis."""

_HEADER = struct.Struct("<4sBBxxqII")
"""Mark, version, columns, time, items, trending items."""
_MARK, _VERSION = b"STAT", 1
_COMPRESSION = 1


def _keys() -> U64:
    return np.empty(0, np.uint64)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Item statistics at one time.

    Attributes:
        time: when they were computed, unix seconds.
        keys: items with events, ascending, uint64 [n].
        values: columns of STATISTICS, float32 [n, S].
        trending_keys: what is trending, best first, uint64 [t].
        trending_scores: float32 [t].
    """

    time: int
    keys: U64 = field(default_factory=_keys)
    values: F32 = field(default_factory=lambda: np.empty((0, len(STATISTICS)), np.float32))
    trending_keys: U64 = field(default_factory=_keys)
    trending_scores: F32 = field(default_factory=lambda: np.empty(0, np.float32))


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The snapshot in one value: a header, then its arrays, compressed."""
    sizes = (len(snapshot.keys), len(snapshot.trending_keys))
    header = _HEADER.pack(_MARK, _VERSION, len(STATISTICS), snapshot.time, *sizes)
    arrays = (
        snapshot.keys.astype("<u8"),
        snapshot.values.astype("<f4"),
        snapshot.trending_keys.astype("<u8"),
        snapshot.trending_scores.astype("<f4"),
    )
    body = b"".join(array.tobytes() for array in arrays)
    return header + zlib.compress(body, _COMPRESSION)


def decode_snapshot(value: bytes) -> Snapshot:
    """The snapshot in a value; ValueError when it is none, or one with other columns."""
    try:
        mark, version, columns, time, n, t = _HEADER.unpack_from(value)
        if (mark, version, columns) != (_MARK, _VERSION, len(STATISTICS)):
            raise ValueError("not a snapshot of item statistics in this version")
        parts = _Parts(zlib.decompress(value[_HEADER.size :]))
    except (struct.error, zlib.error) as error:
        raise ValueError("not a snapshot of item statistics") from error
    keys = np.frombuffer(parts.take(8 * n), "<u8")
    values = np.frombuffer(parts.take(4 * n * columns), "<f4").reshape(n, columns)
    trending = np.frombuffer(parts.take(8 * t), "<u8")
    scores = np.frombuffer(parts.take(4 * t), "<f4")
    return Snapshot(time, keys, values, trending, scores)


class _Parts:
    """Consecutive parts of bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        part = self._data[self._at : self._at + size]
        if len(part) != size:
            raise ValueError("a snapshot of item statistics that is cut short")
        self._at += size
        return part


async def read_snapshot(client: redis.asyncio.Redis) -> Snapshot | None:
    """The snapshot that was published last; None when there is none.

    Raises:
        RedisError: it cannot be read.
        ValueError: it is of another version.
    """
    value = await client.get(STATISTICS_KEY)
    if not isinstance(value, bytes):
        return None
    return await asyncio.to_thread(decode_snapshot, value)  # megabytes: off the event loop
