"""Entries of the event streams: what users did, once for each accepted event."""

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from services.domain.events import Event, EventType
from services.journal.kind import Kind, Rows

_HEAD = struct.Struct("<B8sQIBf16sH")
"""Version, hash of the event id, item key, time, type, value, pseudonym, bytes of the item id.

The hash and the 17 bytes after it stand as in the user's history and list of known events: the
append script takes them from here.
"""
_VERSION = 1
_TYPES = frozenset(map(int, EventType))


class EventEntry(NamedTuple):
    """An accepted event.

    Attributes:
        event_hash: BLAKE2b-64 of the event id.
        key: item key.
        time: when it was done, unix seconds.
        type: EventType number.
        value: DWELL: seconds; otherwise a strength, 0: none.
        pseudonym: of the user.
        item_id: empty: only the key is known.
        request_id: of the list the item was in; empty: none.
    """

    event_hash: bytes
    key: int
    time: int
    type: int
    value: float
    pseudonym: bytes
    item_id: str = ""
    request_id: str = ""


def event_hash(event_id: str) -> bytes:
    """What an event id is known by."""
    return blake2b(event_id.encode(), digest_size=8).digest()


def encode_event(event: Event, pseudonym: bytes) -> bytes:
    """The payload of an event's entry."""
    item_id = event.item_id.encode()
    head = _HEAD.pack(
        _VERSION,
        event_hash(event.event_id),
        event.key,
        event.time,
        event.type,
        event.value,
        pseudonym,
        len(item_id),
    )
    return head + item_id + event.request_id.encode()


def decode_event(payload: bytes) -> EventEntry:
    """The entry in a payload; ValueError when it is not one."""
    try:
        version, hashed, key, time, kind, value, user, length = _HEAD.unpack_from(payload)
    except struct.error:
        raise ValueError(f"an event entry of {len(payload)} bytes") from None
    end = _HEAD.size + length
    if version != _VERSION or len(payload) < end or kind not in _TYPES:
        raise ValueError(f"not an event entry of version {_VERSION}")
    item_id, request_id = payload[_HEAD.size : end].decode(), payload[end:].decode()
    return EventEntry(hashed, key, time, kind, value, user, item_id, request_id)


def _rows(entries: Sequence[EventEntry]) -> Rows:
    columns = list(zip(*entries, strict=True)) or [()] * len(EventEntry._fields)
    hashed, key, time, kind, value, user, item_id, request_id = columns
    return {
        "event_hash": np.frombuffer(b"".join(hashed), "<u8"),
        "pseudonym": user,
        "key": np.array(key, np.uint64),
        "item_id": item_id,
        "type": np.array(kind, np.uint8),
        "time": np.array(time, np.int64),
        "value": np.array(value, np.float32),
        "request_id": request_id,
    }


EVENTS = Kind(
    name="events",
    columns={
        "event_hash": "uint64",
        "pseudonym": "binary",
        "key": "uint64",
        "item_id": "string",
        "type": "uint8",
        "time": "int64",
        "value": "float32",
        "request_id": "string",
    },
    decode=decode_event,
    rows=_rows,
)
"""Columns as in EventEntry; event_hash is read as a little-endian number."""
