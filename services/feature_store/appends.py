"""Puts events into a user's history, each event id once."""

import struct
from hashlib import blake2b

import numpy as np

from services.domain.events import Event
from services.domain.stages import Appended, AppendEventsQuery
from services.feature_store.connection import Command, Reply
from services.feature_store.layout import (
    EVENT_IDS_LIMIT,
    HISTORY_LIMIT,
    RECENT_LIMIT,
    Layout,
    written_keys,
)
from services.feature_store.limits import append_error
from services.feature_store.masks import masks
from services.feature_store.script import APPEND_EVENTS
from services.feature_store.stage import Operation

_EVENT = struct.Struct("<QIBf")
"""One entry of the history record."""


def append_events(layout: Layout) -> Operation[AppendEventsQuery, Appended]:
    """The operation; impressions go into the list of shown items instead of the history."""
    shape = layout.bloom

    def command(query: AppendEventsQuery) -> Command:
        keys = np.array([event.key for event in query.events], np.uint64)
        return APPEND_EVENTS.command(
            written_keys(query.user_id),
            layout.expiry,
            shape.hashes,
            shape.log2_bits,
            shape.generations,
            RECENT_LIMIT,
            HISTORY_LIMIT,
            EVENT_IDS_LIMIT,
            b"".join([_entry(event) for event in query.events]),
            *masks(keys, shape),
        )

    return Operation("append", append_error, command, _decode)


def _entry(event: Event) -> bytes:
    event_id = blake2b(event.event_id.encode(), digest_size=8).digest()
    return event_id + _EVENT.pack(event.key, event.time, event.type, event.value)


def _decode(query: AppendEventsQuery, reply: Reply) -> Appended:
    return Appended(accepted=reply[0], duplicates=reply[1])
