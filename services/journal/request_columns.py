"""Served requests as columns of a table: one row a request, one file format for every reader.

A matrix is a list in row-major order; its second dimension is the length by that of `keys` or
`inline_ids`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from services.domain.context import History
from services.domain.inline import NO_INLINE, InlineItems
from services.journal.kind import Kind, Rows
from services.journal.request import Asked, Ranked, RequestEntry, Shown
from services.journal.request_payload import decode

# Name → type, and how it is read from an entry.
_COLUMNS: Final[Mapping[str, tuple[str, Callable[[RequestEntry], Any]]]] = {
    "request_id": ("string", lambda e: e.request_id),
    "time": ("int64", lambda e: e.asked.time),
    "pseudonym": ("binary", lambda e: e.asked.user),
    "release": ("string", lambda e: e.release),
    "arms": ("map<string, string>", lambda e: list(e.arms.items())),
    "placement": ("string", lambda e: e.asked.placement),
    "attributes": ("map<string, string>", lambda e: list(e.asked.attributes.items())),
    "k": ("int32", lambda e: e.asked.k),
    "degraded": ("list<string>", lambda e: list(e.degraded)),
    "cold_start": ("bool", lambda e: not e.asked.known),
    "profile": ("map<string, string>", lambda e: list(e.asked.profile.items())),
    "history_keys": ("list<uint64>", lambda e: e.asked.history.keys),
    "history_times": ("list<uint32>", lambda e: e.asked.history.times),
    "history_events": ("list<uint8>", lambda e: e.asked.history.events),
    "history_values": ("list<float32>", lambda e: e.asked.history.values),
    "user_vector": ("list<float32>", lambda e: e.user_vector),
    "channel_names": ("list<string>", lambda e: list(e.channels)),
    "keys": ("list<uint64>", lambda e: e.ranked.keys),
    "channels": ("list<uint32>", lambda e: e.ranked.channels),
    "recall_scores": ("list<float32>", lambda e: e.ranked.recall_scores.ravel()),
    "statistics": ("list<float32>", lambda e: e.ranked.statistics.ravel()),
    "inline_ids": ("list<string>", lambda e: list(e.ranked.inline.ids)),
    "inline_vectors": ("list<float32>", lambda e: e.ranked.inline.vectors.ravel()),
    "inline_features": ("list<float32>", lambda e: e.ranked.inline.features.ravel()),
    "scores": ("list<float32>", lambda e: e.ranked.scores),
    "tasks": ("list<float32>", lambda e: e.ranked.tasks.ravel()),
    "shown_keys": ("list<uint64>", lambda e: e.shown.keys),
    "shown_scores": ("list<float32>", lambda e: e.shown.scores),
    "shown_repeated": ("list<bool>", lambda e: e.shown.repeated),
    "shown_first": ("int32", lambda e: e.shown.first),
}


def _rows(entries: Sequence[RequestEntry]) -> Rows:
    return {name: [read(entry) for entry in entries] for name, (_, read) in _COLUMNS.items()}


REQUESTS = Kind(
    name="requests",
    columns={name: kind for name, (kind, _) in _COLUMNS.items()},
    decode=decode,
    rows=_rows,
)
"""Columns as in RequestEntry and what it is made of."""


def from_row(row: Mapping[str, Any]) -> RequestEntry:
    """The entry of one row of the table.

    Args:
        row: column → value; lists as sequences or arrays, maps as pairs of name and value.
    """
    return RequestEntry(
        request_id=row["request_id"],
        release=row["release"],
        channels=tuple(row["channel_names"]),
        asked=_asked(row),
        ranked=_ranked(row),
        shown=Shown(
            np.array(row["shown_keys"], np.uint64),
            np.array(row["shown_scores"], np.float32),
            np.array(row["shown_repeated"], np.bool_),
            row["shown_first"],
        ),
        user_vector=np.array(row["user_vector"], np.float32),
        degraded=tuple(row["degraded"]),
        arms=dict(row["arms"]),
    )


def _asked(row: Mapping[str, Any]) -> Asked:
    return Asked(
        time=row["time"],
        user=bytes(row["pseudonym"]),
        placement=row["placement"],
        attributes=dict(row["attributes"]),
        k=row["k"],
        known=not row["cold_start"],
        profile=dict(row["profile"]),
        history=History(
            np.array(row["history_keys"], np.uint64),
            np.array(row["history_times"], np.uint32),
            np.array(row["history_events"], np.uint8),
            np.array(row["history_values"], np.float32),
        ),
    )


def _ranked(row: Mapping[str, Any]) -> Ranked:
    keys = np.array(row["keys"], np.uint64)
    recall = np.array(row["recall_scores"], np.float32)
    return Ranked(
        keys,
        np.array(row["channels"], np.uint32),
        recall.reshape(len(keys), len(row["channel_names"])),
        _matrix(row["statistics"], len(keys)),
        _inline(row),
        np.array(row["scores"], np.float32),
        _matrix(row["tasks"], len(keys)),
    )


def _inline(row: Mapping[str, Any]) -> InlineItems:
    ids = tuple(row["inline_ids"])
    if not ids:
        return NO_INLINE
    return InlineItems(
        ids, _matrix(row["inline_vectors"], len(ids)), _matrix(row["inline_features"], len(ids))
    )


def _matrix(values: Sequence[float], rows: int) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """float32 [rows, ...]; [0, 0] when there are no values."""
    flat = np.array(values, np.float32)
    return flat.reshape(rows, -1) if len(flat) else np.empty((0, 0), np.float32)
