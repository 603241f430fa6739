"""Puts events into a user's history, each event id once, and into the log of events."""

from dataclasses import dataclass

import numpy as np

from services.domain.user_state import Appended, AppendEventsQuery
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
from services.journal.event import EVENTS, encode_event
from services.journal.pseudonym import PSEUDONYM_BYTES, pseudonym
from services.journal.streams import added, partition, stream

_NOBODY = bytes(PSEUDONYM_BYTES)


@dataclass(frozen=True, slots=True)
class EventLog:
    """Where accepted events go besides the history.

    Attributes:
        key: of the pseudonyms; empty: there is no log.
        limit: entries a stream keeps when nobody reads it, about.
    """

    key: bytes = b""
    limit: int = 0

    def user(self, user_id: str) -> bytes:
        """What stands for the user."""
        return pseudonym(user_id, self.key) if self.key else _NOBODY

    def keys(self, user: bytes) -> tuple[bytes, ...]:
        """The stream and its counter."""
        if not self.key:
            return ()
        number = partition(user)
        return stream(EVENTS.name, number).encode(), added(EVENTS.name, number).encode()


def append_events(layout: Layout, log: EventLog) -> Operation[AppendEventsQuery, Appended]:
    """The operation; impressions go into the list of shown items instead of the history."""
    shape = layout.bloom

    def command(query: AppendEventsQuery) -> Command:
        keys = np.array([event.key for event in query.events], np.uint64)
        user = log.user(query.user_id)
        return APPEND_EVENTS.command(
            (*written_keys(query.user_id), *log.keys(user)),
            layout.expiry(query.user_id),
            shape.hashes,
            shape.log2_bits,
            shape.generations,
            RECENT_LIMIT,
            HISTORY_LIMIT,
            EVENT_IDS_LIMIT,
            log.limit,
            len(query.events),
            *[encode_event(event, user) for event in query.events],
            *masks(keys, shape),
        )

    return Operation("append", append_error, command, _decode)


def _decode(query: AppendEventsQuery, reply: Reply) -> Appended:
    return Appended(accepted=reply[0], duplicates=reply[1])
