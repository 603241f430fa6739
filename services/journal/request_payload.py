"""A served request as bytes, for the stream.

    u8 version · u32 length of the header · header (JSON, UTF-8) · columns, little-endian

The header has the strings and the sizes. Scores by channel and statistics are mostly zeros: of
them a bit for each number, then those that are not zero. Not compressed: zlib at its fastest takes
longer than all the rest, and the Parquet files are compressed.
"""

import json
import struct
from collections.abc import Mapping
from math import prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from services.domain.context import History
from services.domain.inline import NO_INLINE, InlineItems
from services.journal.request import Asked, Ranked, RequestEntry, Shown

VERSION: Final = 1
_START = struct.Struct("<BI")

Array = npt.NDArray[Any]


class PayloadError(ValueError):
    """Bytes that are no entry, or one of another version."""


def encode(entry: RequestEntry) -> bytes:
    """The entry as bytes."""
    asked, ranked, shown = entry.asked, entry.ranked, entry.shown
    header = json.dumps(_header(entry), ensure_ascii=False, separators=(",", ":")).encode()
    history, inline = asked.history, ranked.inline
    return b"".join(
        (
            _START.pack(VERSION, len(header)),
            header,
            asked.user,
            _bytes(history.keys, "<u8"),
            _bytes(history.times, "<u4"),
            _bytes(history.values, "<f4"),
            _bytes(history.events, "u1"),
            _bytes(entry.user_vector, "<f4"),
            _bytes(ranked.keys, "<u8"),
            _bytes(ranked.channels, "<u4"),
            _bytes(ranked.scores, "<f4"),
            _bytes(ranked.tasks, "<f4"),
            _sparse(ranked.recall_scores),
            _sparse(ranked.statistics),
            _bytes(inline.vectors, "<f4"),
            _sparse(inline.features),
            _bytes(shown.keys, "<u8"),
            _bytes(shown.scores, "<f4"),
            _bytes(shown.repeated, "?"),
        )
    )


def decode(payload: bytes) -> RequestEntry:
    """The inverse of encode.

    Raises:
        PayloadError: when it is not an entry of this version.
    """
    try:
        return _decoded(payload)
    except (struct.error, ValueError, KeyError, TypeError, IndexError) as error:
        raise PayloadError(f"not a served request: {error}") from error


def _header(entry: RequestEntry) -> dict[str, Any]:
    asked, ranked = entry.asked, entry.ranked
    return {
        "id": entry.request_id,
        "release": entry.release,
        "channels": entry.channels,
        "arms": dict(entry.arms),
        "degraded": entry.degraded,
        "time": asked.time,
        "placement": asked.placement,
        "attributes": dict(asked.attributes),
        "k": asked.k,
        "known": asked.known,
        "profile": dict(asked.profile),
        "first": entry.shown.first,
        "inline": ranked.inline.ids,
        "sizes": [
            len(asked.user),
            len(asked.history),
            len(entry.user_vector),
            len(ranked.keys),
            ranked.scores.shape,
            ranked.tasks.shape,
            ranked.recall_scores.shape,
            ranked.statistics.shape,
            ranked.inline.vectors.shape,
            ranked.inline.features.shape,
            len(entry.shown.keys),
        ],
    }


def _decoded(payload: bytes) -> RequestEntry:
    version, length = _START.unpack_from(payload)
    if version != VERSION:
        raise ValueError(f"version {version}, this one reads {VERSION}")
    head = json.loads(payload[_START.size : _START.size + length])
    user, past, d, n, scores, tasks, recall, statistics, vectors, features, m = head["sizes"]
    read = _Reader(payload, _START.size + length)
    pseudonym = read.raw(user)
    asked = _asked(head, pseudonym, _history(read, past))
    user_vector = read.array("<f4", d)
    ranked = Ranked(
        keys=read.array("<u8", n),
        channels=read.array("<u4", n),
        scores=read.array("<f4", *scores),
        tasks=read.array("<f4", *tasks),
        recall_scores=read.sparse(*recall),
        statistics=read.sparse(*statistics),
        inline=_inline(head["inline"], read.array("<f4", *vectors), read.sparse(*features)),
    )
    shown = Shown(read.array("<u8", m), read.array("<f4", m), read.array("?", m), head["first"])
    read.finish()
    return RequestEntry(
        request_id=head["id"],
        release=head["release"],
        channels=tuple(head["channels"]),
        asked=asked,
        ranked=ranked,
        shown=shown,
        user_vector=user_vector,
        degraded=tuple(head["degraded"]),
        arms=head["arms"],
    )


def _asked(head: Mapping[str, Any], user: bytes, history: History) -> Asked:
    return Asked(
        time=head["time"],
        user=user,
        placement=head["placement"],
        attributes=head["attributes"],
        k=head["k"],
        known=head["known"],
        profile=head["profile"],
        history=history,
    )


def _history(read: "_Reader", length: int) -> History:
    keys, times = read.array("<u8", length), read.array("<u4", length)
    values, events = read.array("<f4", length), read.array("u1", length)
    return History(keys, times, events, values)


def _inline(ids: list[str], vectors: Array, features: Array) -> InlineItems:
    return InlineItems(tuple(ids), vectors, features) if ids else NO_INLINE


def _bytes(array: Array, dtype: str) -> bytes:
    return array.astype(dtype, copy=False).tobytes()


def _sparse(array: Array) -> bytes:
    """A bit for each number, whether it is not zero; then the numbers that are not."""
    flat = array.ravel()
    there = flat != 0
    return np.packbits(there).tobytes() + _bytes(flat[there], "<f4")


class _Reader:
    """Takes columns off the front of bytes."""

    def __init__(self, payload: bytes, at: int) -> None:
        self._payload = payload
        self._at = at

    def raw(self, size: int) -> bytes:
        end = self._at + size
        if size < 0 or end > len(self._payload):
            raise ValueError("it ends too early")
        taken, self._at = self._payload[self._at : end], end
        return taken

    def array(self, dtype: str, *shape: int) -> Array:
        kind = np.dtype(dtype)
        return np.frombuffer(self.raw(kind.itemsize * prod(shape)), kind).reshape(shape)

    def sparse(self, *shape: int) -> Array:
        size = prod(shape)
        bits = self.array("u1", -(-size // 8))
        there = np.unpackbits(bits, count=size).view(np.bool_)
        full = np.zeros(size, np.float32)
        full[there] = self.array("<f4", int(there.sum()))
        return full.reshape(shape)

    def finish(self) -> None:
        if self._at != len(self._payload):
            raise ValueError("it is longer than it says")
