"""The snapshot of item statistics that the events service publishes and recall reads."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import redis.asyncio

from services.domain.arrays import F32, U64
from services.domain.live import STATISTICS

STATISTICS_KEY = b"statistics"
"""Where the snapshot stands in Redis."""

MAX_CLICKERS = 20
PSEUDONYM_BYTES = 16

_HEADER = struct.Struct("<4sBBxxqIII")
"""Mark, version, columns, time, items, trending items, items with clickers."""
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
        clickers: of young items, the pseudonyms of the first users that engaged with it, in that
            order; at most MAX_CLICKERS.
    """

    time: int
    keys: U64 = field(default_factory=_keys)
    values: F32 = field(default_factory=lambda: np.empty((0, len(STATISTICS)), np.float32))
    trending_keys: U64 = field(default_factory=_keys)
    trending_scores: F32 = field(default_factory=lambda: np.empty(0, np.float32))
    clickers: Mapping[int, tuple[bytes, ...]] = field(default_factory=dict)

    def of(self, keys: U64) -> F32:
        """Statistics of items, float32 [m, S]; zeros for those without events."""
        values = np.zeros((len(keys), len(STATISTICS)), np.float32)
        if len(self.keys):
            places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            found = self.keys[places] == keys
            values[found] = self.values[places[found]]
        return values


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The snapshot in one value: a header, then its arrays, compressed."""
    clicked = np.fromiter(snapshot.clickers, np.uint64, len(snapshot.clickers))
    lists = list(snapshot.clickers.values())
    sizes = np.fromiter(map(len, lists), np.uint8, len(lists))
    sizes_of = (len(snapshot.keys), len(snapshot.trending_keys), len(clicked))
    header = _HEADER.pack(_MARK, _VERSION, len(STATISTICS), snapshot.time, *sizes_of)
    arrays = (
        snapshot.keys.astype("<u8"),
        snapshot.values.astype("<f4"),
        snapshot.trending_keys.astype("<u8"),
        snapshot.trending_scores.astype("<f4"),
        clicked.astype("<u8"),
        sizes,
    )
    body = b"".join([*(array.tobytes() for array in arrays), *(b"".join(one) for one in lists)])
    return header + zlib.compress(body, _COMPRESSION)


def decode_snapshot(value: bytes) -> Snapshot:
    """The snapshot in a value; ValueError when it is none, or one with other columns."""
    try:
        mark, version, columns, time, n, t, c = _HEADER.unpack_from(value)
        if (mark, version, columns) != (_MARK, _VERSION, len(STATISTICS)):
            raise ValueError("not a snapshot of item statistics in this version")
        parts = _Parts(zlib.decompress(value[_HEADER.size :]))
    except (struct.error, zlib.error) as error:
        raise ValueError("not a snapshot of item statistics") from error
    keys = np.frombuffer(parts.take(8 * n), "<u8")
    values = np.frombuffer(parts.take(4 * n * columns), "<f4").reshape(n, columns)
    trending = np.frombuffer(parts.take(8 * t), "<u8")
    scores = np.frombuffer(parts.take(4 * t), "<f4")
    clicked = np.frombuffer(parts.take(8 * c), "<u8").tolist()
    lists = [
        tuple(parts.take(PSEUDONYM_BYTES) for _ in range(size)) for size in list(parts.take(c))
    ]
    return Snapshot(time, keys, values, trending, scores, dict(zip(clicked, lists, strict=True)))


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
    return decode_snapshot(value) if isinstance(value, bytes) else None
