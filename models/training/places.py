"""Where the answers of past queries stand in the list of every recall channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.training.candidates import BATCH, PATIENCE, request_times
from models.training.live import Clock
from models.training.log import Log
from models.training.split import Queries
from models.training.two_tower import Progress
from services.domain.arrays import F32, I32, I64
from services.domain.context import RequestContext
from services.domain.stages import RecallQuery
from services.recall.pipeline import CHANNELS
from services.recall.settings import RecallSettings
from services.recall.tables import open_tables

DEPTH = 300  # an answer is found when it is among so many


@dataclass(frozen=True, slots=True)
class Places:
    """The best DEPTH items of every channel for each query, in one flat pool a query.

    That is enough to merge DEPTH items by any quotas: an item with DEPTH others before it in a
    channel has as many before it in the merged list, as far as that channel goes.

    Attributes:
        channels: names, [C].
        places: place of each item in each channel, from 1, infinite where it is not found; seen
            items are left out before counting; float32 [C, N].
        offsets: items of query q are offsets[q] to offsets[q + 1], int64 [Q + 1].
        answers: the item that is the query's answer, int64 [Q]; -1 where no channel found it.
    """

    channels: tuple[str, ...]
    places: F32
    offsets: I64
    answers: I64

    def __len__(self) -> int:
        return len(self.answers)


def channel_places(folder: Path, log: Log, queries: Queries, progress: Progress) -> Places:
    """Asks every channel of the release in `folder`, whose rows are those of the log, once."""
    tables = open_tables(folder, RecallSettings())
    known = {channel.name: channel for channel in CHANNELS}
    sources = [known[name].open(tables) for name in tables.channels]
    times, clock = request_times(log, queries), Clock(log)
    order = np.argsort(times, kind="stable")
    pools: list[tuple[I32, F32]] = []
    for start in range(0, len(order), BATCH):
        at = order[start : start + BATCH]
        asked = [_query(log, queries, int(i), int(times[i])) for i in at]
        limits = [DEPTH + len(query.context.seen.recent) for query in asked]
        live = clock.at(int(times[at[0]]))
        found = [[f.rows for f in source.fetch(asked, limits, live)] for source in sources]
        pools += [_pool(lists, log, asked[i]) for i, lists in enumerate(zip(*found, strict=True))]
        progress(min((start + BATCH) / len(order), 1.0))
    return _flat(tables.channels, pools, queries.targets[order])


def _query(log: Log, queries: Queries, i: int, now: int) -> RecallQuery:
    user, end = int(queries.users[i]), int(queries.ends[i])
    request = RequestContext(now=now, attributes=log.attributes(user, end))
    return RecallQuery("", log.context(user, end), request, DEPTH, PATIENCE)


def _pool(lists: Sequence[I32], log: Log, query: RecallQuery) -> tuple[I32, F32]:
    """The union of the lists, int32 [n], and the place of each item in each, float32 [C, n]."""
    seen = query.context.seen.recent
    kept = [rows[~np.isin(log.keys[rows], seen)][:DEPTH] for rows in lists]
    rows, where = np.unique(np.concatenate(kept), return_inverse=True)
    places = np.full((len(kept), len(rows)), np.inf, np.float32)
    ends = np.cumsum([len(one) for one in kept])
    for channel, at in enumerate(np.split(where, ends[:-1])):
        places[channel, at] = np.arange(1, len(at) + 1)
    return rows, places


def _flat(channels: tuple[str, ...], pools: list[tuple[I32, F32]], targets: I64) -> Places:
    offsets = np.cumsum([0, *(len(rows) for rows, _ in pools)], dtype=np.int64)
    answers = np.full(len(pools), -1, np.int64)
    for i, ((rows, _), target) in enumerate(zip(pools, targets, strict=True)):
        at = np.flatnonzero(rows == target)
        answers[i] = offsets[i] + at[0] if len(at) else -1
    empty = np.empty((len(channels), 0), np.float32)
    return Places(
        channels, np.concatenate([empty, *(p for _, p in pools)], axis=1), offsets, answers
    )
