"""Served lists and what users did with them, for training."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest

import numpy as np
import polars as pl

from models.data.served import LoggedRequest, ServedLog
from models.schema.history import ENGAGED, LIKED
from services.domain.arrays import F32, I64, U32, U64, Bools
from services.domain.candidates import Candidates
from services.domain.context import RequestContext, UserContext
from services.domain.events import EventType
from services.journal.request import Ranked

SECONDS = 86_400  # an event that names no request is of a list that was served at most so long ago
MOST = 50_000  # lists held at once: some 10 kB each


@dataclass(frozen=True, slots=True)
class Impression:
    """One served list, as it was served; m of its items were exposed.

    Attributes:
        context: the user as the stages saw it; `user_id` is the pseudonym, `seen` is not logged.
        request: the time and the circumstances of the request.
        candidates: what went into rank, in that order; rows of the data set's items.
        exposed: places in `candidates` of the items that were shown, in the order of the list,
            int64 [m].
        positions: where each was in the list, from 0, int64 [m].
        clicked: whether the user engaged with it afterwards, bool [m].
        liked: whether the user liked or bought it, bool [m].
    """

    context: UserContext
    request: RequestContext
    candidates: Candidates
    exposed: I64
    positions: I64
    clicked: Bools
    liked: Bools


@dataclass(frozen=True, slots=True)
class Impressions:
    """Served lists in the order of time.

    Attributes:
        channels: columns of the candidates' recall scores, and their bits.
    """

    channels: tuple[str, ...] = ()
    lists: Sequence[Impression] = ()

    def __len__(self) -> int:
        return len(self.lists)


def read_impressions(
    log: ServedLog, keys: U64, channels: tuple[str, ...], most: int = MOST
) -> Impressions:
    """The newest lists of a log, with what users did with them.

    An item counts as exposed when it was in the answer; where a client reports impressions of a
    list, those items alone, and what was engaged with. An engagement is of the list whose
    request_id it has; one without is of every list that had the item for this user within SECONDS
    before. Lists of which nothing is known to the data set are left out.

    Args:
        keys: item key by row of the data set, uint64 [n].
        channels: columns that the recall scores are to have; of others nothing is kept.
        most: lists to read.

    Raises:
        DataError: the log cannot be read.
    """
    newest = reversed(nlargest(most, log.requests(), key=_received))
    deeds = _Deeds(log.events())
    rows = _Rows(keys)
    found = (_impression(request, deeds, rows, channels) for request in newest)
    return Impressions(channels, [one for one in found if one is not None])


def _received(request: LoggedRequest) -> int:
    return request.received_ms


class _Rows:
    """Rows of a data set by item key."""

    def __init__(self, keys: U64) -> None:
        self._order = np.argsort(keys, kind="stable")
        self._sorted = np.append(keys[self._order], np.uint64(0))  # the end: keys beyond the last

    def of(self, keys: U64) -> I64:
        """Row of each key, -1 where there is none."""
        at = np.searchsorted(self._sorted[:-1], keys)
        there = (self._sorted[at] == keys) & (at < len(self._order))
        return np.where(there, np.append(self._order, 0)[at], -1)


class _Deeds:
    """What users did, by request, and by user where the event names none."""

    def __init__(self, events: pl.DataFrame) -> None:
        self._by_request: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self._by_user: dict[str, list[tuple[int, int, int]]] = {}
        columns = ("user", "request_id", "key", "type", "time")
        for user, request, key, kind, time in events.select(columns).iter_rows():
            if request:
                self._by_request.setdefault((user, request), []).append((key, kind))
            else:
                self._by_user.setdefault(user, []).append((key, kind, time))

    def of(self, request: LoggedRequest) -> dict[int, set[int]]:
        """Item key → types of the events that belong to the list."""
        asked = request.entry.asked
        user, start = asked.user.hex(), asked.time
        found: dict[int, set[int]] = {}
        for key, kind in self._by_request.get((user, request.entry.request_id), ()):
            found.setdefault(key, set()).add(kind)
        for key, kind, time in self._by_user.get(user, ()):
            if start <= time <= start + SECONDS:
                found.setdefault(key, set()).add(kind)
        return found


def _impression(
    request: LoggedRequest, deeds: _Deeds, rows: _Rows, channels: tuple[str, ...]
) -> Impression | None:
    entry = request.entry
    row = rows.of(entry.ranked.keys)
    kept = np.flatnonzero(row >= 0)
    place_of = {int(key): place for place, key in enumerate(entry.ranked.keys[kept])}
    done = deeds.of(request)
    looked_at = any(EventType.IMPRESSION in kinds for kinds in done.values())
    exposed = [
        (place_of[key], position, done.get(key, set()))
        for position, key in enumerate(entry.shown.keys.tolist(), entry.shown.first)
        if key in place_of and (not looked_at or key in done)
    ]
    if not exposed:
        return None
    asked = entry.asked
    return Impression(
        UserContext(asked.user.hex(), asked.known, asked.profile, asked.history),
        RequestContext(asked.time, asked.placement, asked.attributes),
        _candidates(entry.ranked, entry.channels, channels, row[kept], kept),
        exposed=np.array([place for place, _, _ in exposed], np.int64),
        positions=np.array([position for _, position, _ in exposed], np.int64),
        clicked=np.array([not kinds.isdisjoint(ENGAGED) for _, _, kinds in exposed]),
        liked=np.array([not kinds.isdisjoint(LIKED) for _, _, kinds in exposed]),
    )


def _candidates(
    ranked: Ranked, theirs: tuple[str, ...], ours: tuple[str, ...], rows: I64, kept: I64
) -> Candidates:
    """The candidates with bits and scores in the columns of `ours`."""
    bits: U32 = np.zeros(len(kept), np.uint32)
    scores: F32 = np.zeros((len(kept), len(ours)), np.float32)
    for column, name in enumerate(ours):
        if name in theirs:
            there = theirs.index(name)
            bit = (ranked.channels[kept] >> np.uint32(there)) & np.uint32(1)
            bits |= bit << np.uint32(column)
            scores[:, column] = ranked.recall_scores[kept, there]
    statistics = ranked.statistics[kept] if ranked.statistics.size else ranked.statistics
    return Candidates(rows.astype(np.int32), bits, scores, statistics)
