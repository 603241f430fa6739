"""Recall from one release: channels, filters, merge."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.domain.arrays import F32
from services.domain.outcome import Outcome
from services.domain.protocols import Fetched, Filter
from services.domain.stages import ChannelReport, Recalled, RecallQuery
from services.recall import merge, metrics
from services.recall.fetch_sizes import FetchSizes
from services.recall.runners import Attempt, Runner
from services.recall.similar import SimilarModel

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
        channels: in the order of the release, which is that of bits and score columns.
        filters: what takes candidates out, in the order of explanation.
        sizes: how much each channel fetches.
        timing: how long channels may take.
        item_count: rows of the release.
        similar: items like an item.
    """

    channels: tuple[Runner, ...]
    filters: tuple[Filter, ...]
    sizes: FetchSizes
    timing: Timing
    item_count: int
    similar: SimilarModel

    async def run(self, queries: Sequence[RecallQuery]) -> Sequence[Outcome[Recalled]]:
        """Asks all channels at once with the whole batch; one that fails or is late is skipped."""
        if not queries:
            return []
        limits = [self.sizes.of(query) for query in queries]
        timeout = self.timing.of(queries)
        attempts = await asyncio.gather(
            *(
                channel.fetch(queries, [limit[position] for limit in limits], timeout)
                for position, channel in enumerate(self.channels)
            )
        )
        metrics.observe_attempts(self.channels, attempts)
        results = [self._merged(query, attempts, i) for i, query in enumerate(queries)]
        metrics.observe_batch(results, [query.limit for query in queries])
        return [Outcome.of(result) for result in results]

    def _merged(self, query: RecallQuery, attempts: Sequence[Attempt], i: int) -> Recalled:
        found = [merge.NOTHING if a.failure else a.fetched[i] for a in attempts]
        pool = merge.pool(found, self.item_count)
        keep, dropped = merge.passing(pool, self.filters, query)
        candidates, index = merge.merged(pool, keep, self.sizes.quotas, query.limit)
        if query.explain:
            dropped += merge.left_out(pool, keep, index)
        reports = tuple(
            ChannelReport(
                channel.name,
                len(found[c].rows),
                int(np.count_nonzero(merge.in_channel(candidates.channels, c))),
                attempts[c].seconds,
                attempts[c].failure,
            )
            for c, channel in enumerate(self.channels)
        )
        return Recalled(candidates, _vector(found), reports, dropped)


def _vector(found: Sequence[Fetched]) -> F32:
    """The user's vector, of the channel that computed one."""
    return next((f.vector for f in found if f.vector is not None), NO_VECTOR)
