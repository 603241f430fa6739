"""Publishes the statistics of items: the counters of all partitions, added up."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np
import redis.asyncio

from services.domain.arrays import U64
from services.events.counter_sink import CounterSink, read_counters
from services.events.counters import Counters
from services.events.lease import Lease
from services.events.metrics import FRESHNESS, ITEMS
from services.events.trouble import Trouble
from services.statistics.decay import KINDS, TAUS, features_of, trending_of
from services.statistics.snapshot import STATISTICS_KEY, Snapshot, encode_snapshot

EXPIRY = 7 * 86_400
REST = 9
"""Publishing takes a tenth of the time at most."""
NEGLIGIBLE = 0.01
"""Items are published as long as their counts of a week add up to this."""


def snapshot_of(partitions: Iterable[Counters], now: float, trending: int) -> Snapshot:
    """The statistics of the items of all partitions at one time; `trending`: how many at most."""
    parts = list(partitions)
    keys, places = np.unique(_joined([p.keys for p in parts]), return_inverse=True)
    counts = np.zeros((len(keys), KINDS, len(TAUS)))
    if len(keys):
        np.add.at(counts, places, np.concatenate([p.decayed.at(now)[: len(p)] for p in parts]))
    kept = counts[:, :, -1].sum(axis=1) >= NEGLIGIBLE
    keys, counts = keys[kept], counts[kept]
    rows, scores = trending_of(counts, trending)
    return Snapshot(int(now), keys, features_of(counts), keys[rows], scores)


def _joined(arrays: Sequence[U64]) -> U64:
    return np.concatenate([np.empty(0, np.uint64), *arrays])


@dataclass(frozen=True, slots=True)
class PublishPace:
    """Seconds between snapshots, how many items are trending, and the clock."""

    seconds: float
    trending: int
    clock: Callable[[], float]


class Publisher:
    """The process with the lease publishes; others stand by."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        sinks: Sequence[CounterSink],
        lease: Lease,
        pace: PublishPace,
    ) -> None:
        """`sinks`: one a partition; what another process counts is read from Redis."""
        self._client = client
        self._sinks = sinks
        self._lease = lease
        self._pace = pace
        self._published = -1.0
        self._trouble = Trouble(lease.name)
        FRESHNESS.set_function(self._age)

    async def run(self) -> None:
        """Until it is cancelled; with very many items less often than told, to leave time."""
        while True:
            start = monotonic()
            try:
                await self.publish()
                self._trouble.over()
            except Exception as error:  # noqa: BLE001 - readers keep the last snapshot
                self._trouble.failed(type(error).__name__, str(error))
            await asyncio.sleep(max(self._pace.seconds, (monotonic() - start) * REST))

    async def publish(self) -> Snapshot | None:
        """Publishes once; None when another process does it."""
        claim = await self._lease.take()
        if claim is None:
            self._published = -1.0
            return None
        parts = [await self._counters(sink) for sink in self._sinks]
        snapshot = snapshot_of(parts, self._pace.clock(), self._pace.trending)
        value = encode_snapshot(snapshot)
        await self._lease.publish(claim, STATISTICS_KEY, value, EXPIRY)
        self._published = snapshot.time
        ITEMS.set(len(snapshot.keys))
        return snapshot

    async def _counters(self, sink: CounterSink) -> Counters:
        if sink.counters is None:
            return await read_counters(self._client, sink.key)
        return sink.counters

    def _age(self) -> float:
        return self._pace.clock() - self._published if self._published >= 0 else -1.0
