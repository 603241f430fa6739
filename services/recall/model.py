"""Recall from one release: channels, filters, merge."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.domain.arrays import F32, I64, U64, Bools
from services.domain.candidates import Candidates
from services.domain.inline import extended
from services.domain.live import NOTHING_LIVE, Live
from services.domain.outcome import Outcome
from services.domain.protocols import Fetched, Filter
from services.domain.stages import (
    ChannelReport,
    Dropped,
    Recalled,
    RecallQuery,
)
from services.recall import merge, metrics, seen
from services.recall.fetch_sizes import FetchSizes
from services.recall.inline import with_inline
from services.recall.labels import LabelFilter
from services.recall.release_items import ReleaseItems
from services.recall.runners import Attempt, Batch, Runner
from services.recall.similar import SimilarModel

MOST_NEW = 200  # new items in an answer: each carries its vector and its features
NO_VECTOR: F32 = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long channels may take.

    Attributes:
        timeout: seconds, at most.
        share: part of the time the query with most of it has left.
    """

    timeout: float
    share: float

    def of(self, queries: Sequence[RecallQuery]) -> float:
        """Seconds the channels have for a batch."""
        return min(self.timeout, self.share * max(query.remaining for query in queries))


@dataclass(frozen=True, slots=True)
class RecallModel:
    """What recall is made of; `pipeline.py` puts it together.

    Attributes:
        channels: names in the order of the release, which is that of bits and score columns.
        runners: the channels, where they run.
        filters: what takes candidates out, in the order of explanation; what the user has seen goes
            last.
        labels: those of the filters that ask for categories and tags.
        sizes: how much each channel fetches.
        timing: how long channels may take.
        keys: item keys of the release, uint64 [n].
        similar: items like an item.
        items: the item table as this release sees it.
    """

    channels: tuple[str, ...]
    runners: tuple[Runner, ...]
    filters: tuple[Filter, ...]
    labels: tuple[LabelFilter, ...]
    sizes: FetchSizes
    timing: Timing
    keys: U64
    similar: SimilarModel
    items: ReleaseItems

    async def run(
        self, queries: Sequence[RecallQuery], live: Live = NOTHING_LIVE
    ) -> Sequence[Outcome[Recalled]]:
        """Asks all channels at once with the whole batch; one that fails or is late is skipped."""
        if not queries:
            return []
        sizes = [self._sizes(query, live) for query in queries]
        limits = {name: [size[c] for size in sizes] for c, name in enumerate(self.channels)}
        batch, timeout = Batch(queries, limits, live), self.timing.of(queries)
        parts = await asyncio.gather(*(runner.fetch(batch, timeout) for runner in self.runners))
        done = {
            name: attempt
            for runner, part in zip(self.runners, parts, strict=True)
            for name, attempt in zip(runner.names, part, strict=True)
        }
        attempts = [done[name] for name in self.channels]
        metrics.observe_attempts(self.channels, attempts)
        results = [self._merged(query, attempts, i, live) for i, query in enumerate(queries)]
        metrics.observe_batch(results, [query.limit for query in queries])
        return [Outcome.of(result) for result in results]

    def _sizes(self, query: RecallQuery, live: Live) -> list[int]:
        """Nothing is fetched when no item has the labels asked for."""
        masks = [label.mask(query.request, live) for label in self.labels]
        wanted = [mask for mask in masks if mask is not None]
        if wanted and not np.logical_and.reduce(wanted).any():
            return [0] * len(self.channels)
        return self.sizes.of(query)

    def _merged(
        self, query: RecallQuery, attempts: Sequence[Attempt], i: int, live: Live
    ) -> Recalled:
        found = [merge.NOTHING if a.failure else a.fetched[i] for a in attempts]
        pool = merge.pool(found, len(self.keys) + len(live.fresh))
        allowed, dropped = merge.passing(pool, self.filters, query, live)
        keys = extended(self.keys, live.fresh.keys, pool.rows)
        known = _known(query, keys, allowed)
        keep = allowed & ~known
        kept, lost = int(np.count_nonzero(keep)), int(np.count_nonzero(known))
        metrics.observe_seen(kept, lost, query.context.seen)
        room = merge.first_new(pool, keep, MOST_NEW)
        candidates, index = merge.merged(pool, room, self.sizes.quotas, query.limit)
        repeats = _repeats(known, keys, query, query.at_least - len(index))
        if query.explain:
            dropped += merge.taken(pool, merge.left_out(known, repeats), seen.NAME)
            dropped += merge.taken(pool, merge.left_out(keep, index), "quota")
        candidates = self._with_repeats(candidates, pool, repeats)
        reports = self._reports(found, candidates, attempts)
        candidates, dropped = _complete(candidates, dropped, live)
        return Recalled(candidates, _vector(found), reports, dropped, len(repeats))

    def _with_repeats(self, candidates: Candidates, pool: merge.Pool, repeats: I64) -> Candidates:
        if not len(repeats):
            return candidates
        only = np.zeros(len(pool.rows), np.bool_)
        only[repeats] = True
        more, index = merge.merged(pool, only, self.sizes.quotas, len(repeats))
        places = np.empty(len(pool.rows), np.int64)
        places[index] = np.arange(len(index))
        more = more.take(places[repeats])
        return Candidates(
            np.concatenate([candidates.rows, more.rows]),
            np.concatenate([candidates.channels, more.channels]),
            np.concatenate([candidates.recall_scores, more.recall_scores]),
        )

    def _reports(
        self, found: Sequence[Fetched], candidates: Candidates, attempts: Sequence[Attempt]
    ) -> tuple[ChannelReport, ...]:
        kept = merge.by_channel(candidates.channels, len(self.channels)).tolist()
        return tuple(
            ChannelReport(
                name,
                len(found[c].rows),
                kept[c],
                attempts[c].seconds,
                attempts[c].failure,
            )
            for c, name in enumerate(self.channels)
        )


def _known(query: RecallQuery, keys: U64, allowed: Bools) -> Bools:
    """Which of the allowed items the user has seen, bool [n]."""
    if allowed.all():
        return query.context.has_seen(keys)
    known = allowed.copy()
    known[allowed] = query.context.has_seen(keys[allowed])
    return known


def _repeats(known: Bools, keys: U64, query: RecallQuery, missing: int) -> I64:
    """Positions in the pool of up to `missing` seen items that are shown again."""
    if missing <= 0:
        return np.empty(0, np.int64)
    at = np.flatnonzero(known)
    return at[seen.again(keys[at], query.context)[:missing]]


def _complete(
    candidates: Candidates, dropped: tuple[Dropped, ...], live: Live
) -> tuple[Candidates, tuple[Dropped, ...]]:
    """Adds statistics and new items."""
    if len(live.statistics):
        statistics = live.statistics_of(candidates.rows)
        candidates = replace(candidates, statistics=statistics)
    return (
        with_inline(candidates, dropped, live.fresh) if len(live.fresh) else (candidates, dropped)
    )


def _vector(found: Sequence[Fetched]) -> F32:
    """The user's vector, of the channel that computed one."""
    return next((f.vector for f in found if f.vector is not None), NO_VECTOR)
