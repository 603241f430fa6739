"""Log folders to test with, as the events service writes them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.domain.events import EventType
from services.domain.ids import item_key
from services.events.entries import Entry
from services.events.entry_id import EntryId
from services.events.parquet import (
    finish,
    folder_of,
    path_of,
    table_of,
    unfinished,
    write_unfinished,
)
from services.journal.event import EVENTS, EventEntry, event_hash
from services.journal.kind import Kind
from services.journal.request import RequestEntry
from services.journal.request_columns import REQUESTS
from services.journal.streams import partition


def event(
    user: bytes, item_id: str, kind: EventType, time: int, request_id: str = ""
) -> EventEntry:
    """An event of a user whose pseudonym is given."""
    hashed = event_hash(f"{user.hex()}/{item_id}/{kind}/{time}")
    return EventEntry(hashed, item_key(item_id), time, kind, 0.0, user, item_id, request_id)


def write_events(folder: Path, entries: Sequence[tuple[int, EventEntry]]) -> None:
    """Writes events with the milliseconds at which Redis took them."""
    _write(folder, EVENTS, [(ms, partition(e.pseudonym), e) for ms, e in entries])


def write_requests(folder: Path, entries: Sequence[tuple[int, RequestEntry]]) -> None:
    """Writes served requests with the milliseconds at which Redis took them."""
    _write(folder, REQUESTS, [(ms, partition(e.asked.user), e) for ms, e in entries])


def _write(folder: Path, kind: Kind[Any], entries: Sequence[tuple[int, int, Any]]) -> None:
    for p in {p for _, p, _ in entries}:
        mine = [(ms, entry) for ms, at, entry in entries if at == p]
        rows = [Entry(EntryId(ms, i), entry, 0) for i, (ms, entry) in enumerate(mine)]
        path = path_of(folder_of(folder, kind.name, p), rows[0].id, rows[-1].id)
        written = unfinished(path, "test")
        table = table_of(kind, p, rows)
        write_unfinished(written, table.schema, [table])
        finish(written, path)
